// SPDX-License-Identifier: Apache-2.0
#include "lsp/frame.h"

#include <doctest/doctest.h>

#include <vector>

namespace {

struct Read {
  std::vector<std::string> bodies;
  int n_faults = 0;
};

// Feeds `bytes` in pieces of `piece`.
Read read(std::string_view bytes, size_t piece = 1u << 20, size_t max_body = lsp::kMaxBodyBytes) {
  lsp::FrameReader reader(max_body);
  Read out;
  for (size_t at = 0; at < bytes.size(); at += piece) {
    reader.feed(bytes.substr(at, piece));
    while (auto next = reader.next()) {
      if (*next)
        out.bodies.push_back(**next);
      else
        ++out.n_faults;
    }
  }
  return out;
}

using Bodies = std::vector<std::string>;

}  // namespace

TEST_CASE("frames: split anywhere or merged, the bodies come out the same") {
  const std::string stream =
      lsp::frame("{\"a\":1}") + lsp::frame("") + lsp::frame("{\"text\":\"\r\n\r\nContent-Length: 3\"}");
  for (size_t piece = 1; piece <= stream.size(); ++piece) {
    CAPTURE(piece);
    const Read out = read(stream, piece);
    CHECK(out.n_faults == 0);
    CHECK(out.bodies == Bodies{"{\"a\":1}", "", "{\"text\":\"\r\n\r\nContent-Length: 3\"}"});
  }
}

TEST_CASE("frames: header names ignore case, other headers are skipped, bare newlines are taken") {
  CHECK(read("CONTENT-LENGTH: 2\r\n\r\n{}").bodies == Bodies{"{}"});
  CHECK(read("Content-Type: application/vscode-jsonrpc; charset=utf-8\r\ncontent-length:2\r\n\r\n{}").bodies ==
        Bodies{"{}"});
  CHECK(read("Content-Length: 2\n\n{}").bodies == Bodies{"{}"});
  CHECK(read("\r\n\r\nContent-Length: 2\r\n\r\n{}").bodies == Bodies{"{}"});
}

TEST_CASE("frames: a broken one is reported once and the next good one is read") {
  const std::string good = lsp::frame("{\"good\":true}");
  for (const std::string bad :
       {"Content-Length: x\r\n\r\n", "Content-Length: -5\r\n\r\n", "Content-Length: 99999999999999999999999\r\n\r\n",
        "Content-Length:\r\n\r\n", "Content-Type: a\r\n\r\n", "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "{\"jsonrpc\":\"2.0\"}\r\n", "no header at all\n", "GET / HTTP/1.1\r\n"}) {
    for (const size_t piece : {size_t{1}, size_t{7}, size_t{1000}}) {
      CAPTURE(bad);
      CAPTURE(piece);
      const Read out = read(bad + good, piece);
      CHECK(out.n_faults == 1);
      CHECK(out.bodies == Bodies{"{\"good\":true}"});
    }
  }
}

TEST_CASE("frames: a body longer than its header says costs one report, not the stream") {
  const Read out = read("Content-Length: 2\r\n\r\n{} and more" + lsp::frame("[1]"));
  CHECK(out.n_faults == 1);
  CHECK(out.bodies == Bodies{"{}", "[1]"});
}

TEST_CASE("frames: a body over the bound is read past without being kept") {
  const std::string stream = lsp::frame(std::string(5000, 'x')) + lsp::frame("{}");
  for (const size_t piece : {size_t{1}, size_t{100}, size_t{100'000}}) {
    const Read out = read(stream, piece, 1000);
    CHECK(out.n_faults == 1);
    CHECK(out.bodies == Bodies{"{}"});
  }
}

TEST_CASE("frames: megabytes of garbage without a newline cost one report and little memory") {
  const Read out = read(std::string(4u << 20, 'g') + lsp::frame("{}"), 4096);
  CHECK(out.n_faults == 1);
  CHECK(out.bodies == Bodies{"{}"});
}

TEST_CASE("frames: headers without end are refused") {
  std::string stream;
  for (int i = 0; i < 100; ++i) stream += "X-Filler: 1\r\n";
  CHECK(read(stream).n_faults == 1);
}
