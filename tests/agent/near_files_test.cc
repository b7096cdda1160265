// SPDX-License-Identifier: Apache-2.0
#include "agent/code/near_files.h"

#include <doctest/doctest.h>

#include "tests/support/temp_dir.h"

using agent::near_files;

namespace {

constexpr std::chrono::seconds kPatience{60};

std::vector<std::string> near(const test::TempDir& dir, std::string_view path) {
  auto texts = near_files(dir.path(), path, kPatience, {});
  REQUIRE(texts);
  return *texts;
}

}  // namespace

TEST_CASE("near files: beside it before further away, the same language, names alike, what git ignores left out") {
  test::TempDir dir;
  dir.write("src/net/socket.cc", "self\n");
  dir.write("src/net/socket.h", "header\n");
  dir.write("src/net/zebra.cc", "beside, and the longest of all\n");
  dir.write("src/net/ant.cc", "beside\n");
  dir.write("src/net/deep/x.c", "below\n");
  dir.write("src/disk/y.cpp", "a cousin\n");
  dir.write("tests/net/socket_test.cc", "test\n");
  dir.write("src/net/a.py", "another language\n");
  dir.write("src/net/empty.cc", "");
  dir.write("src/net/secret.cc", "ignored\n");
  dir.write("third_party/z.cc", "foreign\n");
  dir.write("bytes.cc", "\xff\xfe\n");
  dir.write(".gitignore", "secret.cc\n");
  CHECK(near(dir, "src/net/socket.cc") ==
        std::vector<std::string>{"header\n", "beside, and the longest of all\n", "beside\n", "below\n", "a cousin\n", "test\n"});
  CHECK(near(dir, "src/net/new.cc").size() == 7);  // a file that is not there yet
  CHECK(near(dir, "src/net/a.py").empty());
  CHECK(near(dir, "README.txt").empty());
}

TEST_CASE("near files: no more files and bytes than the bounds, cut behind a line") {
  test::TempDir dir;
  std::string long_text;
  while (long_text.size() < agent::kBytesOfNearFile + 1000) long_text += "a line of some length, number " + std::to_string(long_text.size()) + "\n";
  for (int i = 0; i < 6; ++i) dir.write("long" + std::to_string(i) + ".py", long_text);
  for (int i = 0; i < 40; ++i) dir.write("small" + std::to_string(i) + ".py", "x\n");
  const auto texts = near(dir, "a.py");
  size_t sum = 0;
  for (const auto& text : texts) {
    sum += text.size();
    CHECK(text.size() <= agent::kBytesOfNearFile);
    CHECK(text.back() == '\n');
  }
  CHECK(sum <= agent::kBytesOfNearFiles);
  CHECK(texts.size() <= agent::kMostNearFiles);
  CHECK(texts.size() >= 5);
}

TEST_CASE("near files: nothing is near when the time is over, and that is no error") {
  test::TempDir dir;
  dir.write("a.py", "x\n");
  dir.write("b.py", "y\n");
  const auto texts = near_files(dir.path(), "a.py", std::chrono::milliseconds(0), {});
  REQUIRE(texts);
  CHECK(texts->empty());
}

TEST_CASE("near files: a stop; a folder that is not there") {
  test::TempDir dir;
  dir.write("a.py", "x\n");
  dir.write("b.py", "y\n");
  std::stop_source stop;
  stop.request_stop();
  const auto stopped = near_files(dir.path(), "a.py", kPatience, stop.get_token());
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().code == base::ErrorCode::kCancelled);
  CHECK_FALSE(near_files(dir.path() / "none", "a.py", kPatience, {}));
}
