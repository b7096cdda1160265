// SPDX-License-Identifier: Apache-2.0
// Transcripts in tests/data/lsp: what the client says and what the server answers, in the order of the wire.
// The format stands in tests/data/lsp/README.md.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/lsp/harness.h"

using test::Harness, test::Json;

namespace {

// "\r", "\n", "\\" as in C.
std::string unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size())
      out += text[++i] == 'r' ? '\r' : text[i] == 'n' ? '\n' : text[i];
    else
      out += text[i];
  }
  return out;
}

// True where `actual` has at least what `expected` has; arrays have to be of one length.
bool includes(const Json& actual, const Json& expected) {
  if (expected.is_object()) {
    if (!actual.is_object()) return false;
    for (const auto& [key, value] : expected.items())
      if (!actual.contains(key) || !includes(actual[key], value)) return false;
    return true;
  }
  if (expected.is_array()) {
    if (!actual.is_array() || actual.size() != expected.size()) return false;
    for (size_t i = 0; i < expected.size(); ++i)
      if (!includes(actual[i], expected[i])) return false;
    return true;
  }
  return actual == expected;
}

bool is_log(const Json& message) {
  const std::string method = message.value("method", "");
  return method == "window/logMessage" || method == "graft/status";
}

void play(const std::filesystem::path& path) {
  Harness server(test::services_with([](const agent::CompleteRequest&, std::stop_token) {
    return base::Result<std::vector<agent::CompletionItem>>({{"suggestion", -0.1, 2}});
  }));
  std::ifstream file(path);
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    CAPTURE(number);
    const std::string mark = line.substr(0, 4), rest = line.size() > 4 ? line.substr(4) : "";
    if (mark == "--> ") {
      server.raw(lsp::frame(rest));
    } else if (mark == "==> ") {
      server.raw(unescape(rest));
    } else if (mark == "<-- ") {
      std::erase_if(server.sent, is_log);
      REQUIRE_FALSE(server.sent.empty());
      CAPTURE(server.sent.front().dump());
      CHECK(includes(server.sent.front(), Json::parse(rest)));
      server.sent.erase(server.sent.begin());
    } else {
      REQUIRE((line.empty() || line.starts_with("#")));
    }
  }
  std::erase_if(server.sent, is_log);
  CHECK(server.sent.empty());  // nothing was said that the transcript does not know
}

}  // namespace

TEST_CASE("transcripts: the server answers as written down") {
  int n_played = 0;
  for (const auto& entry : std::filesystem::directory_iterator(GRAFT_SOURCE_DIR "/tests/data/lsp")) {
    if (entry.path().extension() != ".transcript") continue;
    CAPTURE(entry.path().filename().string());
    play(entry.path());
    ++n_played;
  }
  CHECK(n_played >= 4);
}
