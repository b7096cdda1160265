// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

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
