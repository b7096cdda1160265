// SPDX-License-Identifier: Apache-2.0
// Constraints as such: choices, identifiers, states, forced text, vocabularies.
#include <doctest/doctest.h>

#include "tests/engine/constrain_support.h"

namespace engine::test {
namespace {

// What accept() says of each token.
std::set<std::string> allowed_one_by_one(const ConstraintState& state) {
  const Vocabulary& vocabulary = state.constraint().vocabulary();
  std::set<std::string> expected;
  for (Token t = 0; t < vocabulary.n_tokens() - 1; ++t)
    if (ConstraintState next = state; next.accept(t)) expected.insert(std::string(vocabulary.bytes_of(t)));
  if (*state.can_end()) expected.insert(std::string(kEnd));
  return expected;
}

}  // namespace

TEST_CASE("constrain: one of some choices, whatever the tokens' borders") {
  const auto vocabulary =
      vocabulary_of({"c", "a", "t", "ca", "cat", "cats", "at", "car", "r", "cart", "s", "dog", "do"});
  const std::vector<std::string> choices = {"cat", "cart", "ca", "tt"};
  const auto constraint = Constraint::from_choices(choices, vocabulary);
  REQUIRE(constraint);
  check_masks(*constraint, {choices.begin(), choices.end()}, 4);
}

TEST_CASE("constrain: identifiers may be followed by what does not go on with them") {
  const std::vector<std::string> names = {"size", "sizes", "begin"};
  const auto constraint =
      Constraint::from_identifiers(names, byte_vocabulary({"size", "sizes", "size()", "sizex", "size;\n", "si", "b"}));
  REQUIRE(constraint);
  CHECK(allowed(ConstraintState(*constraint)) ==
        std::set<std::string>{"s", "b", "si", "size", "sizes", "size()", "size;\n"});
  CHECK(accepts(*constraint, "sizes"));
  CHECK(accepts(*constraint, "size() + other.thing\xff"));
  CHECK_FALSE(accepts(*constraint, "sizex"));
  CHECK_FALSE(accepts(*constraint, "size\xc3\xa9"));
  CHECK_FALSE(accepts(*constraint, "siz"));
}

TEST_CASE("constrain: nothing to choose from, an empty choice and a wrong mask are refused") {
  const auto vocabulary = byte_vocabulary();
  CHECK(Constraint::from_choices({}, vocabulary).error().code == base::ErrorCode::kInvalidArgument);
  const std::vector<std::string> with_empty = {"a", ""};
  CHECK(Constraint::from_choices(with_empty, vocabulary).error().message ==
        "choices: Number 1 of the choices is empty.");
  const std::vector<std::string> one = {"a"};
  const auto constraint = Constraint::from_choices(one, vocabulary);
  REQUIRE(constraint);
  ConstraintState state(*constraint);
  std::vector<uint32_t> short_mask(2);
  CHECK_FALSE(state.mask(short_mask));
}

TEST_CASE("constrain: a refused token leaves the state, rewind and copies go back, an end token ends it") {
  const auto vocabulary = byte_vocabulary({"ab"});
  const Token ab = 256, end = 257;
  const auto constraint = Constraint::from_regex("(ab)+c", vocabulary);
  REQUIRE(constraint);
  ConstraintState state(*constraint);
  CHECK_FALSE(state.accept('b'));
  CHECK_FALSE(state.accept(end));
  CHECK_FALSE(state.accept(-1));
  CHECK_FALSE(state.accept(258));
  CHECK(state.n_accepted() == 0);
  REQUIRE(state.accept(ab));
  const ConstraintState copy = state;
  REQUIRE(state.accept('c'));
  CHECK(allowed(state) == std::set<std::string>{std::string(kEnd)});
  REQUIRE(state.accept(end));
  CHECK(allowed(state).empty());
  CHECK_FALSE(state.accept('a'));
  CHECK_FALSE(*state.can_end());
  state.rewind(1);
  CHECK(allowed(state) == allowed(copy));
  state.rewind(0);
  CHECK(allowed(state) == std::set<std::string>{"a", "ab"});
}

TEST_CASE("constrain: what is forced is said, and no more") {
  const auto vocabulary = byte_vocabulary();
  const auto forced = [&](const char* pattern, std::string_view front) {
    const auto constraint = Constraint::from_regex(pattern, vocabulary);
    REQUIRE(constraint);
    ConstraintState state(*constraint);
    REQUIRE(state.accept_text(front));
    return *state.forced();
  };
  CHECK(forced("hello (world|work)", "") == "hello wor");
  CHECK(forced("hello (world|work)", "hello worl") == "d");
  CHECK(forced("ab(cd)?", "a") == "b");
  CHECK(forced("[ab]c", "").empty());
  CHECK(forced("x(?!a)[ab]", "") == "xb");
}

TEST_CASE("constrain: equal tokens are all allowed, tokens without text never") {
  const auto vocabulary = Vocabulary::make({"a", "b", "a", "", "<s>", "a"}, {4});
  const auto constraint = Constraint::from_regex("a+", vocabulary);
  REQUIRE(constraint);
  ConstraintState state(*constraint);
  std::vector<uint32_t> bits(1);
  REQUIRE(state.mask(bits));
  CHECK(bits[0] == 0b100101);
  CHECK_FALSE(state.accept(3));
  REQUIRE(state.accept(5));
  REQUIRE(state.mask(bits));
  CHECK(bits[0] == 0b110101);
}

TEST_CASE("constrain: slices that are taken as a whole agree with single tokens") {
  // Long tokens of every kind, so that each slice has members that fit and members that do not.
  std::vector<std::string> more;
  for (const char* unit : {"a", "ab ", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\"", "\\", "\n", "a\"", "\xc3"})
    for (const int n : {1, 2, 3, 5, 9, 17}) {
      std::string text;
      for (int i = 0; i < n; ++i) text += unit;
      if (text.size() > 1) more.push_back(text);
    }
  const auto vocabulary = byte_vocabulary(more);
  for (const char* pattern : {"\"[^\"\\\\\\x00-\\x1f]*\"", "\"[^\"]{0,12}\"x", "[^\"\\\\]{4,10}", "[a-z ]*", ".*",
                              "(\"[^\"]*\",?)+", "(?!aaaaa).*b"}) {
    CAPTURE(pattern);
    const auto constraint = Constraint::from_regex(pattern, vocabulary);
    REQUIRE(constraint);
    for (const char* front : {"", "\"", "\"a", "aaaa", "\"\xc3", "\"\"", "\"\xe2\x82\xac\xe2"}) {
      ConstraintState state(*constraint);
      if (!state.accept_text(front)) continue;
      CAPTURE(front);
      CHECK(allowed(state) == allowed_one_by_one(state));
    }
  }
}

TEST_CASE("constrain: a limit is kept where a token could just reach it") {
  // Tokens of up to 13 bytes, limits from below to far above that: in turns of one byte, of two and more, of a
  // character of several bytes.
  std::vector<std::string> more = {"aaaaaaaaaaaa\"",
                                   "ababababababa",
                                   "bbbbbbbbbbbbb",
                                   "aaaaaaaaaaaaa",
                                   "ababababab",
                                   "ababababab\"",
                                   "\"x",
                                   "aaaaa",
                                   "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"};
  for (size_t n = 2; n <= 12; ++n) more.emplace_back(n, 'a');
  for (const char* text : {"a a", "a a ", " a a a a", "a  a", "aa aa aa"}) more.emplace_back(text);
  const auto vocabulary = byte_vocabulary(more);
  std::vector<std::string> patterns = {"(?:\\S+\\s+){0,9}\\S+", "(?:\\S+\\s+){5,8}\\S+\"",
                                       "(?:[ab]|\xc3\xa9){13,14}\"x", "(?:a{2,3}|ab){0,7}b?"};
  for (const int limit : {1, 5, 6, 7, 11, 12, 13, 14, 25}) {
    patterns.push_back("a{0," + std::to_string(limit) + "}\"");
    patterns.push_back("(?:a|ab){" + std::to_string(limit) + "," + std::to_string(limit + 1) + "}\"x");
    for (const char* turn : {"ab", "a*b", "a+b", "b|a{2,3}"})
      patterns.push_back("(?:" + std::string(turn) + "){0," + std::to_string(limit) + "}");
  }
  for (const std::string& pattern : patterns) {
    CAPTURE(pattern);
    const auto constraint = Constraint::from_regex(pattern, vocabulary);
    REQUIRE(constraint);
    for (const std::string_view unit : {"a", "b", "ab", "a "}) {
      ConstraintState state(*constraint);
      for (int n = 0; n < 30; ++n) {
        CAPTURE(n);
        CHECK(allowed(state) == allowed_one_by_one(state));
        if (!state.accept_text(unit)) break;
      }
    }
  }
}

}  // namespace engine::test
