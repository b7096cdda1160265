// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <fstream>
#include <vector>

#include "tests/support/temp_dir.h"

TEST_CASE("read_file: a file over the limit is refused with the limit named") {
  test::TempDir dir;
  dir.write("a", "12345");
  CHECK(*base::read_file(dir.path() / "a", 5) == "12345");
  const auto refused = base::read_file(dir.path() / "a", 4);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == base::ErrorCode::kExhausted);
  CHECK(refused.error().message.find("4 bytes") != std::string::npos);
}

TEST_CASE("read_file: a FIFO is refused and does not block") {
  test::TempDir dir;
  REQUIRE(::mkfifo((dir.path() / "pipe").c_str(), 0600) == 0);
  CHECK(base::read_file(dir.path() / "pipe", 100).error().code == base::ErrorCode::kInvalidArgument);
}

TEST_CASE("read_file: a missing file is kNotFound with its path") {
  const auto missing = base::read_file("/nonexistent/graft", 1);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == base::ErrorCode::kNotFound);
  CHECK(missing.error().message.find("/nonexistent/graft") != std::string::npos);
}

TEST_CASE("write_file_atomic: replaces the whole file and leaves no temporary behind") {
  test::TempDir dir;
  dir.write("a", "a much longer old text");
  REQUIRE(base::write_file_atomic(dir.path() / "a", "new"));
  CHECK(dir.read("a") == "new");
  size_t n = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(dir.path())) ++n;
  CHECK(n == 1);
}

TEST_CASE("MappedFile: shows the bytes, and an empty file maps to nothing") {
  test::TempDir dir;
  dir.write("a", "xyz");
  dir.write("empty", "");
  auto mapped = base::MappedFile::open(dir.path() / "a");
  REQUIRE(mapped);
  base::MappedFile moved = std::move(*mapped);
  REQUIRE(moved.bytes().size() == 3);
  CHECK(static_cast<char>(moved.bytes()[2]) == 'z');
  CHECK(base::MappedFile::open(dir.path() / "empty")->bytes().empty());
}

namespace {

// Kilobytes of the mapping of `path` that count as this process's memory.
long resident_kilobytes(const std::string& path) {
  std::ifstream maps("/proc/self/smaps");
  bool found = false;
  for (std::string line; std::getline(maps, line);) {
    if (line.find(path) != std::string::npos) found = true;
    if (found && line.rfind("Rss:", 0) == 0) return std::stol(line.substr(4));
  }
  return -1;
}

}  // namespace

TEST_CASE("MappedFile::forget: pages leave the process and come back as they were; other memory is left alone") {
  test::TempDir dir;
  std::string text(1 << 20, 'x');
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i % 23);
  dir.write("big", text);
  const auto mapped = base::MappedFile::open(dir.path() / "big");
  REQUIRE(mapped);
  const auto same = [&] { return std::equal(text.begin(), text.end(), mapped->bytes().begin(), [](char c, std::byte b) { return c == static_cast<char>(b); }); };
  REQUIRE(same());
  const std::string path = (dir.path() / "big").string();
  CHECK(resident_kilobytes(path) == 1024);
  base::MappedFile::forget(mapped->bytes().subspan(100, (512 << 10) - 100));  // the first page is not whole
  CHECK(resident_kilobytes(path) == 516);
  base::MappedFile::forget(mapped->bytes().subspan(5, 10));
  CHECK(resident_kilobytes(path) == 516);
  CHECK(same());

  std::vector<std::byte> own(64 << 10, std::byte{7});
  base::MappedFile::forget(own);
  CHECK(own == std::vector<std::byte>(64 << 10, std::byte{7}));
}
