// SPDX-License-Identifier: Apache-2.0
#include "agent/complete/line_evidence.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "agent/complete/completed_file.h"

namespace {

using agent::LineFact;

// Facts of each way to complete the line, all as likely; `file` has a | where the cursor stands.
std::vector<agent::LineFacts> facts(std::string_view file, const std::vector<std::string>& texts, std::string_view path = "a.py") {
  const size_t at = file.find('|');
  const std::string prefix(file.substr(0, at)), suffix(file.substr(at + 1));
  agent::CompletedFile completed;
  completed.set(path, prefix, suffix, {});
  std::vector<std::optional<agent::CompletedFile::With>> with;
  for (const std::string& text : texts) with.push_back(completed.with(text, {}));
  std::vector<agent::CompletedLine> lines;
  for (size_t i = 0; i < texts.size(); ++i)
    lines.push_back({texts[i], -1.0, with[i] ? &with[i]->tree : nullptr, with[i] ? with[i]->n_errors_closed : 0});
  return agent::line_facts(prefix, suffix, lines);
}

std::vector<float> fact(LineFact which, std::string_view file, const std::vector<std::string>& texts, std::string_view path = "a.py") {
  std::vector<float> values;
  for (const agent::LineFacts& each : facts(file, texts, path)) values.push_back(each[which]);
  return values;
}

using Values = std::vector<float>;

}  // namespace

TEST_CASE("line facts: what the model gave them") {
  const auto all = facts("x = |\n", {"1", "2"});
  CHECK(all[0][LineFact::kLogprob] == -1.0f);
  CHECK(all[1][LineFact::kMass] == doctest::Approx(std::log(2) - 1));
  CHECK(all[0][LineFact::kLength] == 1.0f);
}

TEST_CASE("line facts: a name that nothing binds where it stands") {
  constexpr std::string_view kFile = "import os\nLIMIT = 3\ndef other(hidden):\n  return LIMIT\ndef f(a):\n  b = 1\n  return |\n  late = 2\n";
  CHECK(fact(LineFact::kUnbound, kFile, {"a + b", "os.name", "LIMIT", "other(a)", "len(a)", "hidden", "late", "a.hidden", "nothing"}) ==
        Values{0, 0, 0, 0, 0, 1, 1, 0, 1});
  CHECK(fact(LineFact::kUnbound, "x.part = 1\ndef f(a):\n  return |\n", {"a.part", "part"}) == Values{0, 1});
  // What the line itself binds is bound.
  CHECK(fact(LineFact::kUnbound, "y = |\n", {"[i for i in (1, 2)]", "[j for i in (1, 2)]"}) == Values{0, 1});
  // The word in which the cursor stands is the line's, not the file's.
  CHECK(fact(LineFact::kUnbound, "def f(value):\n  return val|\n", {"ue", "id"}) == Values{0, 1});
}

TEST_CASE("line facts: where other files may bind a name, that is another fact") {
  constexpr std::string_view kFile = "#include <x.h>\nint g(int z) { return puts(z); }\nint f(int a) {\n  return |\n}\n";
  CHECK(fact(LineFact::kUnboundOpen, kFile, {"a;", "g(a);", "puts(a);", "b;", "z;"}, "a.c") == Values{0, 0, 0, 1, 1});
  CHECK(fact(LineFact::kUnbound, kFile, {"b;"}, "a.c") == Values{0});
}

TEST_CASE("line facts: names that the function still lacks, against the best of the lines") {
  constexpr std::string_view kFile = "def f(a):\n  |\n  return total + count\n";
  CHECK(fact(LineFact::kNeeds, kFile, {"total = count = 0", "total = 0", "pass"}) == Values{0, 1, 2});
  CHECK(fact(LineFact::kNeeds, kFile, {"total = 0", "pass"}) == Values{0, 1});
  CHECK(fact(LineFact::kNeeds, "def f():\n  |\n  n = 1\n  return n\n", {"n = 0", "pass"}) == Values{0, 0});
  CHECK(fact(LineFact::kNeeds, "int f() {\n  |\n  return total;\n}\n", {"int total;", "int n;"}, "a.c") == Values{0, 0});
}

TEST_CASE("line facts: names that are bound and not used") {
  constexpr std::string_view kFile = "def f(a, b):\n  c = a\n  return |\n";
  CHECK(fact(LineFact::kIdle, kFile, {"b + c", "b", "a"}) == Values{0, 1, 2});
  CHECK(fact(LineFact::kFirstUse, kFile, {"b", "c", "a"}) == Values{1, 1, 0});
  CHECK(fact(LineFact::kIdle, "def f(a):\n  |\n  return a\n", {"b = 1", "a = 1", "_ = 1"}) == Values{1, 0, 0});
  CHECK(fact(LineFact::kIdle, "def g():\n  return shared\ndef f(a):\n  |\n  return a\n", {"b = 1", "shared = 1"}) == Values{1, 0});
}

TEST_CASE("line facts: syntax, as it is and with what will be typed") {
  constexpr std::string_view kFile = "def f(a):\n  return |\n\nx = 1\n";
  CHECK(fact(LineFact::kMoreErrors, kFile, {"(a", "(a)", "a +* 2"}) == Values{1, 0, 1});
  CHECK(fact(LineFact::kMoreBroken, kFile, {"(a", "(a)", "a +* 2"}) == Values{0, 0, 1});
  CHECK(fact(LineFact::kMoreBroken, "y = = 1\ndef f(a):\n  return |\n", {"(a)", "a"}) == Values{0, 0});  // as broken before
}

TEST_CASE("line facts: a block may be still to be written, a body wants its head") {
  CHECK(fact(LineFact::kMoreErrors, "void f() {\n  if (a)|\n  g();\n}\n", {" {", " h(", " h(a", " h();"}, "a.c") == Values{0, 0, 1, 0});
  CHECK(fact(LineFact::kMoreErrors, "void f() {\n  if (a)|\n    g();\n}\n", {" {", " h();"}, "a.c") == Values{1, 0});
  CHECK(fact(LineFact::kHeadless, "void f() {\n  if (a)|\n    g();\n}\n", {" {", " h();", " ||"}, "a.c") == Values{0, 1, 0});
  CHECK(fact(LineFact::kHeadless, "void f() {\n  if (a)|\n\n    g();\n}\n", {" h();"}, "a.c") == Values{1});  // behind an empty line
  CHECK(fact(LineFact::kHeadless, "void f() {\n  if (a)|\n  g();\n}\n", {" h();"}, "a.c") == Values{0});
}

TEST_CASE("line facts: lines that stand elsewhere") {
  constexpr std::string_view kFile = "far = 1\n\n\n\n\n\n\n\n\n\nnear = 1\n\nnext = 1\n|\nafter = 1\n";
  const std::vector<std::string> lines = {"far = 1", "near = 1", "next = 1", "after = 1", "new = 1"};
  CHECK(fact(LineFact::kRepeats, kFile, lines) == Values{1, 1, 1, 1, 0});
  CHECK(fact(LineFact::kRepeatsNear, kFile, lines) == Values{0, 1, 1, 1, 0});
  CHECK(fact(LineFact::kRepeatsNext, kFile, lines) == Values{0, 0, 1, 1, 0});
}

TEST_CASE("line facts: of a file that no grammar reads, those of the text") {
  const auto all = facts("a b|\na b c\n", {" c", " d"}, "notes.txt");
  CHECK(all[0][LineFact::kRepeatsNext] == 1.0f);
  CHECK(all[1][LineFact::kUnbound] == 0.0f);
  CHECK(facts("|", {}).empty());
  CHECK(facts("|", {""}).size() == 1);
}

TEST_CASE("line sureness: a probability that falls with what speaks against the line") {
  agent::LineFacts plain{};
  plain[LineFact::kLogprob] = -1, plain[LineFact::kMass] = -0.5f;
  const double sureness = agent::line_sureness(plain);
  CHECK(sureness < 0);
  const auto with = [&](LineFact fact, float value) {
    agent::LineFacts other = plain;
    other[fact] = value;
    return agent::line_sureness(other);
  };
  CHECK(with(LineFact::kLogprob, -2) < sureness);
  for (const LineFact against : {LineFact::kMoreErrors, LineFact::kMoreBroken, LineFact::kUnbound, LineFact::kUnboundOpen, LineFact::kIdle, LineFact::kHeadless,
                                 LineFact::kRepeatsNear, LineFact::kRepeatsNext})
    CHECK_MESSAGE(with(against, 1) < sureness, name_of(against));
  for (const LineFact in_favour : {LineFact::kFirstUse, LineFact::kRepeats}) CHECK_MESSAGE(with(in_favour, 1) > sureness, name_of(in_favour));
  CHECK(with(LineFact::kLogprob, -1000) > -5000);  // finite
  CHECK(with(LineFact::kLogprob, 1000) <= 0);
}
