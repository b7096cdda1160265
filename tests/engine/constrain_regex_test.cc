// SPDX-License-Identifier: Apache-2.0
// Regular expressions against std::regex: every mask after every short text.
#include <doctest/doctest.h>

#include <regex>

#include "engine/constrain/code_points.h"
#include "engine/constrain/regex.h"
#include "tests/engine/constrain_support.h"

namespace engine::test {
namespace {

std::string error_of(std::string_view pattern) {
  const auto made = Constraint::from_regex(pattern, byte_vocabulary());
  return made ? "" : made.error().message;
}

bool searched(std::string_view pattern, std::string_view text) {
  ExprStore store;
  const auto expr = compile_regex(store, pattern, RegexMatch::kSearch, Spelling::kUtf8);
  REQUIRE(expr);
  return store.matches(*expr, text);
}

}  // namespace

TEST_CASE("constrain regex: every mask is what std::regex says, for every short text") {
  const auto vocabulary = vocabulary_of({"a", "b", "c", "ab", "ba", "cc", "bc"});
  for (const char* pattern : {"abc",
                              "a|b|ab",
                              "(a|b)*c",
                              "a*b*c*",
                              "(ab)+",
                              "(ab|ba){1,2}",
                              "a{2,3}b?",
                              "(a|ab)(c|bcb)(a*)",
                              "[ab]*[bc]",
                              "[^a]*a",
                              "(a*)*b",
                              "((a|b)?c){0,2}",
                              "(?:a|b)(?=c)c*",
                              "(?!ab)[ab]{1,3}",
                              "(?=.*b)(?=.*a)[abc]{2,3}",
                              "a(?!b)[abc]*",
                              ".*",
                              "b.c",
                              "a{0}b",
                              "(|a)b",
                              "^abc$",
                              "(^a|b)c",
                              "(a*?b){2}",
                              "((((a))))",
                              "[a-b]+c"}) {
    CAPTURE(pattern);
    const auto constraint = Constraint::from_regex(pattern, vocabulary);
    REQUIRE(constraint);
    const std::regex reference(pattern);
    // Texts have up to four bytes, a token two, and no pattern needs more than three to come to an end.
    const auto language =
        language_of("abc", 9, [&](const std::string& text) { return std::regex_match(text, reference); });
    check_masks(*constraint, language, 2);
  }
}

TEST_CASE("constrain regex: search finds a pattern anywhere, as std::regex_search does") {
  for (const char* pattern : {"ab", "^ab", "ab$", "^(a|bc)$", "a|^b|c$", "^a*$", "(^a|b$)", "(?=ab)a", "b(?!a)",
                              "^(?!.*aa)", "^(?=.*a)(?=.*b)", "$", "^"}) {
    CAPTURE(pattern);
    ExprStore store;
    const auto expr = compile_regex(store, pattern, RegexMatch::kSearch, Spelling::kUtf8);
    REQUIRE(expr);
    const std::regex reference(pattern);
    language_of("abc", 6, [&](const std::string& text) {
      CAPTURE(text);
      REQUIRE(store.matches(*expr, text) == std::regex_search(text, reference));
      return false;
    });
  }
}

TEST_CASE("constrain regex: classes are Unicode, a token may hold part of a character") {
  const auto vocabulary = byte_vocabulary({"\xc3\xa9", "a\xc3", "\xa9z", "\xe2\x82", "\xac!"});
  const auto constraint = Constraint::from_regex("[a-z\\u00e9\xe2\x82\xac]+!", vocabulary);
  REQUIRE(constraint);
  CHECK(accepts(*constraint, "\xc3\xa9\xe2\x82\xac!"));
  CHECK_FALSE(accepts(*constraint, "\xc3\xa8!"));
  ConstraintState state(*constraint);
  CHECK(allowed(state).count("a\xc3"));
  CHECK_FALSE(allowed(state).count("\xa9z"));
  REQUIRE(state.accept_text("a\xc3"));
  CHECK(allowed(state) == std::set<std::string>{"\xa9", "\xa9z"});
  REQUIRE(state.accept_text("\xa9"));
  REQUIRE(state.accept_text("\xe2\x82"));
  CHECK(allowed(state) == std::set<std::string>{"\xac", "\xac!"});
  CHECK(searched("^.$", "\xf0\x9f\x98\x80"));
  CHECK(searched("^\\p{L}+$", "\xc3\xa9\xce\xbb\x7a"));
  CHECK_FALSE(searched("^\\p{L}+$", "a1"));
  CHECK(searched("^\\u{1F600}$", "\xf0\x9f\x98\x80"));
  CHECK(searched("^\\ud83d\\ude00$", "\xf0\x9f\x98\x80"));
  CHECK(searched("^[^a]$", "\xf4\x8f\xbf\xbf"));
  CHECK_FALSE(searched("^[^a]$", "\xed\xa0\x80"));  // a surrogate is no character
  CHECK_FALSE(searched("^.$", "\xc0\x80"));         // overlong
}

TEST_CASE("constrain regex: every code point of a set is written in its one way, and no other bytes are taken") {
  ExprStore store;
  const CodePoints set{{0, 0x90}, {0x7fe, 0x801}, {0xd7f0, 0xe010}, {0xfff0, 0x1000f}, {0x10fff0, 0x10ffff}};
  const ExprId utf8 = one_character(store, set, Spelling::kUtf8), json = one_character(store, set, Spelling::kJson);
  for (uint32_t c = 0; c < 0x110000; c += c < 0x11000 ? 1 : 0xff) {
    if (c >= 0xd800 && c < 0xe000) continue;
    std::string text;
    if (c < 0x80) {
      text = {static_cast<char>(c)};
    } else if (c < 0x800) {
      text = {static_cast<char>(0xc0 | c >> 6), static_cast<char>(0x80 | (c & 63))};
    } else if (c < 0x10000) {
      text = {static_cast<char>(0xe0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 63)),
              static_cast<char>(0x80 | (c & 63))};
    } else {
      text = {static_cast<char>(0xf0 | c >> 18), static_cast<char>(0x80 | (c >> 12 & 63)),
              static_cast<char>(0x80 | (c >> 6 & 63)), static_cast<char>(0x80 | (c & 63))};
    }
    CAPTURE(c);
    REQUIRE(store.matches(utf8, text) == set.contains(c));
    REQUIRE(store.matches(json, spelled(text, Spelling::kJson)) == set.contains(c));
    if (c < 0x20 || c == '"' || c == '\\') REQUIRE_FALSE(store.matches(json, text));
  }
  CHECK(spelled("\"\\\n\x1f\x7f/", Spelling::kJson) == "\\\"\\\\\\n\\u001f\x7f/");
}

TEST_CASE("constrain regex: what is not supported or not an expression is refused with its place") {
  CHECK(error_of("a(b").find("byte 1: this group is not closed") != std::string::npos);
  CHECK(error_of("a)b").find("byte 1: this closing bracket") != std::string::npos);
  CHECK(error_of("[a").find("byte 0: this class is not closed") != std::string::npos);
  CHECK(error_of("*a").find("nothing to repeat") != std::string::npos);
  CHECK(error_of("a**").find("second quantifier") != std::string::npos);
  CHECK(error_of("(a)\\1").find("back references") != std::string::npos);
  CHECK(error_of("(?<=a)b").find("lookbehind") != std::string::npos);
  CHECK(error_of("\\bfoo").find("word boundaries") != std::string::npos);
  CHECK(error_of("(?i)a").find("flags") != std::string::npos);
  CHECK(error_of("a{3,2}").find("out of order") != std::string::npos);
  CHECK(error_of("[z-a]").find("out of order") != std::string::npos);
  CHECK(error_of("\\p{Greek}").find("\\p") != std::string::npos);
  CHECK(error_of("\\").find("ends after a backslash") != std::string::npos);
  CHECK(error_of("(^a)*b").find("inside a repeat") != std::string::npos);
  CHECK(error_of("a^b").find("no text fits") != std::string::npos);
  CHECK(error_of("[]").find("no text fits") != std::string::npos);
  CHECK(error_of("(?=a)b").find("no text fits") != std::string::npos);
  CHECK(error_of(std::string(300, '(') + std::string(300, ')')).find("nested too deeply") != std::string::npos);
  CHECK(error_of(std::string(70000, 'a')).find("are the limit") != std::string::npos);
  CHECK(error_of("a{2").empty());  // a brace that is no count is text
  CHECK(error_of("a{,2}").empty());
}

TEST_CASE("constrain regex: expressions that would explode are bounded, others with large counts work") {
  const auto vocabulary = byte_vocabulary({"aaaaaaaa", "bbbb", "abababab"});
  const auto counted = Constraint::from_regex("(a{0,30}){0,100}b{5,1000000}", vocabulary);
  REQUIRE(counted);
  CHECK(accepts(*counted, std::string(3000, 'a') + std::string(2000, 'b')));
  CHECK_FALSE(accepts(*counted, "aabbbb"));
  const auto tail = Constraint::from_regex("(a|b)*a(a|b){60}", vocabulary);  // 2^60 states, of which a text meets few
  REQUIRE(tail);
  CHECK(accepts(*tail, "bba" + std::string(60, 'b')));
  CHECK_FALSE(accepts(*tail, "bbb" + std::string(60, 'b')));
  // A proof that nothing fits would look at millions of states: refused, not guessed.
  const auto hard = Constraint::from_regex(
      "(?=(?:aaaaaaaaaaaaa|aaaaaaaaaaaaaaaaa|aaaaaaaaaaaaaaaaaaa)*$)(?=(?:a{9973})*$)(?=(?:a{9967})*$)a{1,90000000}b",
      vocabulary);
  CHECK_FALSE(hard);
}

}  // namespace engine::test
