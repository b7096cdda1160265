// SPDX-License-Identifier: Apache-2.0
#include "tokenizer.h"

#include <doctest/doctest.h>

using namespace larder;

namespace {

std::vector<std::string> words(std::string_view line) {
  std::vector<std::string> texts;
  for (const Token& token : tokenize(line).tokens) texts.push_back(token.text);
  return texts;
}

}  // namespace

TEST_CASE("tokenizer: spaces and tabs separate words") {
  CHECK(words("  a\tbc  d \r") == std::vector<std::string>{"a", "bc", "d"});
  CHECK(words("").empty());
  CHECK(words("   ").empty());
}

TEST_CASE("tokenizer: a comment starts only at the start of a word") {
  CHECK(words("a # b c") == std::vector<std::string>{"a"});
  CHECK(words("# a").empty());
  CHECK(words("lot#7 b") == std::vector<std::string>{"lot#7", "b"});
}

TEST_CASE("tokenizer: quotes hold words together") {
  CHECK(words("\"olive oil\" 7") == std::vector<std::string>{"olive oil", "7"});
  CHECK(words("\"\"") == std::vector<std::string>{""});
  CHECK(words("\"a \\\"b\\\" \\\\\"") == std::vector<std::string>{"a \"b\" \\"});
  CHECK(words("\"# no comment\"") == std::vector<std::string>{"# no comment"});
}

TEST_CASE("tokenizer: columns count from one") {
  const auto line = tokenize("ab  \"c d\" e");
  REQUIRE(line.tokens.size() == 3);
  CHECK(line.tokens[0].column == 1);
  CHECK(line.tokens[1].column == 5);
  CHECK(line.tokens[1].quoted);
  CHECK(line.tokens[2].column == 11);
  CHECK_FALSE(line.tokens[2].quoted);
}

TEST_CASE("tokenizer: an open quote is an error at its column") {
  const auto line = tokenize("a \"b c");
  CHECK(line.error == "column 3: the quote is never closed");
  CHECK(line.tokens.size() == 1);
}

TEST_CASE("tokenizer: what quote() writes is read back") {
  for (const std::string text : {"plain", "two words", "#hash", "", "say \"hi\"", "back\\slash x"}) {
    CAPTURE(text);
    CHECK(words(quote(text)) == std::vector<std::string>{text});
  }
  CHECK(quote("plain") == "plain");
  CHECK(quote("two words") == "\"two words\"");
}
