// SPDX-License-Identifier: Apache-2.0
// What a failure message shows about the kind of mistake behind it.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "agent/check/check_output.h"
#include "base/strings.h"

namespace agent {
namespace {

struct Clue {
  std::string_view words;
  Symptom symptom;
};

constexpr std::array kClues = {
    Clue{"was never awaited", Symptom::kCoroutine},
    Clue{"coroutine", Symptom::kCoroutine},
    Clue{"Promise {", Symptom::kCoroutine},
    Clue{"[object Promise]", Symptom::kCoroutine},
    Clue{"ZeroDivisionError", Symptom::kDivisionByZero},
    Clue{"division by zero", Symptom::kDivisionByZero},
    Clue{"divide by zero", Symptom::kDivisionByZero},
    Clue{"SIGFPE", Symptom::kDivisionByZero},
    Clue{"Floating point exception", Symptom::kDivisionByZero},
    Clue{"IndexError", Symptom::kIndex},
    Clue{"index out of", Symptom::kIndex},
    Clue{"out_of_range", Symptom::kIndex},
    Clue{"OutOfBounds", Symptom::kIndex},
    Clue{"heap-buffer-overflow", Symptom::kIndex},
    Clue{"stack-buffer-overflow", Symptom::kIndex},
    Clue{"empty sequence", Symptom::kEmptyInput},
    Clue{"arg is an empty", Symptom::kEmptyInput},
    Clue{"iterable argument is empty", Symptom::kEmptyInput},
    Clue{"from empty", Symptom::kEmptyInput},
    Clue{"of empty array", Symptom::kEmptyInput},
    Clue{"cannot find value", Symptom::kUnknownName},
    Clue{"cannot find function", Symptom::kUnknownName},
    Clue{"cannot find type", Symptom::kUnknownName},
    Clue{"from an empty", Symptom::kEmptyInput},
    Clue{"KeyError", Symptom::kMissingKey},
    Clue{"NoneType", Symptom::kNothing},
    Clue{"nil pointer", Symptom::kNothing},
    Clue{"NullPointer", Symptom::kNothing},
    Clue{"of undefined", Symptom::kNothing},
    Clue{"of null", Symptom::kNothing},
    Clue{"is undefined", Symptom::kNothing},
    Clue{"NameError", Symptom::kUnknownName},
    Clue{"UnboundLocalError", Symptom::kUnknownName},
    Clue{"was not declared", Symptom::kUnknownName},
    Clue{"undeclared", Symptom::kUnknownName},
    Clue{"is not defined", Symptom::kUnknownName},
    Clue{"cannot find symbol", Symptom::kUnknownName},
    Clue{"Cannot find name", Symptom::kUnknownName},
    Clue{"is not a member of", Symptom::kUnknownName},
    Clue{"has no attribute", Symptom::kUnknownMember},
    Clue{"has no member", Symptom::kUnknownMember},
    Clue{"no member named", Symptom::kUnknownMember},
    Clue{"is not a function", Symptom::kUnknownMember},
    Clue{"positional argument", Symptom::kArity},
    Clue{"unexpected keyword", Symptom::kArity},
    Clue{"missing 1 required", Symptom::kArity},
    Clue{"too few arguments", Symptom::kArity},
    Clue{"too many arguments", Symptom::kArity},
    Clue{"no matching function", Symptom::kArity},
    Clue{"TypeError", Symptom::kTypes},
    Clue{"cannot convert", Symptom::kTypes},
    Clue{"invalid conversion", Symptom::kTypes},
    Clue{"timed out", Symptom::kTimeout},
    Clue{"Timeout", Symptom::kTimeout},
    Clue{"RecursionError", Symptom::kRecursion},
    Clue{"stack-overflow", Symptom::kRecursion},
    Clue{"SIGSEGV", Symptom::kCrash},
    Clue{"Segmentation fault", Symptom::kCrash},
    Clue{"SegFault", Symptom::kCrash},
    Clue{"null pointer", Symptom::kCrash},
    Clue{"No such file or directory", Symptom::kNoSuchHeader},
    Clue{"SyntaxError", Symptom::kSyntax},
    Clue{"IndentationError", Symptom::kSyntax},
    Clue{"expected '", Symptom::kSyntax},
    Clue{"expected \xe2\x80\x98", Symptom::kSyntax},
    Clue{"undefined reference", Symptom::kLink},
    Clue{"was never closed", Symptom::kUnclosed},
    Clue{"DID NOT RAISE", Symptom::kNotRaised},
    Clue{"did not throw", Symptom::kNotRaised},
    Clue{"did NOT throw", Symptom::kNotRaised},
    Clue{"throws nothing", Symptom::kNotRaised},
    Clue{"not raised", Symptom::kNotRaised},
    Clue{"Missing expected exception", Symptom::kNotRaised},
    Clue{"nothing was thrown", Symptom::kNotRaised},
    Clue{"no exception was thrown", Symptom::kNotRaised},
    Clue{"Actual: it doesn't", Symptom::kNotRaised},
    Clue{"to throw an error", Symptom::kNotRaised},
};

bool is_true(std::string_view text) {
  return text == "True" || text == "true";
}
bool is_false(std::string_view text) {
  return text == "False" || text == "false";
}
bool is_nothing(std::string_view text) {
  return text == "None" || text == "null" || text == "undefined" || text == "nil";
}

bool as_number(std::string_view text, double& value) {
  const std::string copy(text);
  char* end = nullptr;
  value = std::strtod(copy.c_str(), &end);
  return !copy.empty() && end == copy.c_str() + copy.size();
}

std::string sorted_characters(std::string_view text) {
  std::string sorted(text);
  std::erase_if(sorted, [](char ch) { return ch == ' ' || ch == ','; });
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

void compare_values(std::string_view got, std::string_view wanted, std::set<Symptom>& symptoms) {
  double a = 0, b = 0;
  if (as_number(got, a) && as_number(wanted, b)) {
    if (std::abs(a - b) == 1) symptoms.insert(Symptom::kOffByOne);
    if (a == -b && a != 0) symptoms.insert(Symptom::kSign);
    if (a != b && (std::trunc(b) == a || std::trunc(a) == b) && std::abs(a - b) < 1)
      symptoms.insert(Symptom::kTruncated);
    return;
  }
  if ((is_true(got) && is_false(wanted)) || (is_false(got) && is_true(wanted)))
    symptoms.insert(Symptom::kTruthInverted);
  if (is_nothing(got) != is_nothing(wanted)) symptoms.insert(Symptom::kNothing);
  if (got.size() < 3 || wanted.size() < 3) return;
  if (got != wanted && got.size() == wanted.size() && sorted_characters(got) == sorted_characters(wanted))
    symptoms.insert(Symptom::kOrder);
  else if (got.size() < wanted.size() && wanted.find(got.substr(0, got.size() - 1)) == 0)
    symptoms.insert(Symptom::kShort);
  else if (wanted.size() < got.size() && got.find(wanted.substr(0, wanted.size() - 1)) == 0)
    symptoms.insert(Symptom::kLong);
}

}  // namespace

void read_symptoms(std::string_view message, std::set<Symptom>& symptoms) {
  for (const Clue& clue : kClues)
    if (message.find(clue.words) != std::string_view::npos) symptoms.insert(clue.symptom);
  std::string_view text = message;
  for (std::string_view front : {"assert ", "AssertionError: ", "CHECK( ", "CHECK_EQ( ", "REQUIRE( ", "CHECK_FALSE( "})
    if (const size_t at = text.find(front); at != std::string_view::npos) text = text.substr(at + front.size());
  if (text.ends_with(" )")) text = text.substr(0, text.size() - 2);
  for (std::string_view mark : {" == ", " != ", " is "}) {
    const size_t at = text.find(mark);
    if (at == std::string_view::npos) continue;
    compare_values(base::trim(text.substr(0, at)), base::trim(text.substr(at + mark.size())), symptoms);
    break;
  }
  if (base::trim(text) == "False is not true" || base::trim(text) == "True is not false" ||
      base::trim(message) == "E   assert False")
    symptoms.insert(Symptom::kTruthInverted);
}

}  // namespace agent
