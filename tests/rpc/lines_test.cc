// SPDX-License-Identifier: Apache-2.0
#include "rpc/lines.h"

#include <doctest/doctest.h>

#include <vector>

namespace {

// Fed in pieces of `piece` bytes; an error as "!" and its words.
std::vector<std::string> read_all(std::string_view bytes, size_t piece, size_t max_line_bytes = 8) {
  rpc::LineReader reader(max_line_bytes);
  std::vector<std::string> out;
  const auto take = [&] {
    while (auto line = reader.next()) out.push_back(*line ? line->value() : "!" + line->error().message);
  };
  for (size_t at = 0; at < bytes.size(); at += piece) {
    reader.feed(bytes.substr(at, piece));
    take();
  }
  reader.end();
  take();
  return out;
}

}  // namespace

TEST_CASE("lines: a message each, however the bytes come; blank lines are none, the last needs no end") {
  for (const size_t piece : {1u, 2u, 3u, 100u}) {
    CAPTURE(piece);
    CHECK(read_all("{}\n\n[1]\r\n \t\r\n{\"a\":1}", piece) == std::vector<std::string>{"{}", "[1]\r", "{\"a\":1}"});
  }
}

TEST_CASE("lines: one that is too long is told once, and the next one is read") {
  const std::string told = "!a message of more than 8 bytes is not taken";
  for (const size_t piece : {1u, 5u, 100u}) {
    CAPTURE(piece);
    CHECK(read_all("12345678\n123456789\n" + std::string(1000, 'x') + "\nok\n", piece) ==
          std::vector<std::string>{"12345678", told, told, "ok"});
    CHECK(read_all("123456789", piece) == std::vector<std::string>{told});
  }
}
