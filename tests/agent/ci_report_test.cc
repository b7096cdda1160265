// SPDX-License-Identifier: Apache-2.0
#include "agent/ci_report.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "agent/check/check_runner.h"
#include "base/json.h"
#include "base/strings.h"

namespace {

class OneFile final : public tools::FileSource {
 public:
  base::Result<std::string> read(std::string_view path) const override {
    if (path != "src/a.py") return base::Error{base::ErrorCode::kNotFound, "no such file"};
    return text;
  }
  std::string text = "a = 1\nb = 2\nc = 3\n";
};

agent::FixReport repaired(const OneFile& files) {
  agent::FixReport report;
  report.status = agent::FixReport::Status::kVerified;
  report.edit = *agent::edit_of(files, {{"src/a.py", "a = 1\nb = 20\nc = 3\nd = 4\n"}});
  report.patch = "diff --git a/src/a.py b/src/a.py\n";
  report.summary = "b is 20, 50% more: done.";
  return report;
}

}  // namespace

TEST_CASE("ci_report: SARIF holds every replacement as whole lines with its new text") {
  const OneFile files;
  const auto text = agent::ci_report(agent::CiFormat::kSarif, repaired(files), files, "make check", "1.0");
  REQUIRE(text);
  const auto log = base::parse_json(*text);
  REQUIRE(log);
  CHECK((*log)["version"] == "2.1.0");
  const base::Json& result = (*log)["runs"][0]["results"][0];
  const base::Json& change = result["fixes"][0]["artifactChanges"][0];
  CHECK(change["artifactLocation"]["uri"] == "src/a.py");
  REQUIRE(change["replacements"].size() == 2);
  CHECK(change["replacements"][0]["deletedRegion"]["startLine"] == 2);
  CHECK(change["replacements"][0]["deletedRegion"]["endLine"] == 3);
  CHECK(change["replacements"][0]["insertedContent"]["text"] == "b = 20\n");
  CHECK(change["replacements"][1]["insertedContent"]["text"] == "d = 4\n");
}

TEST_CASE("ci_report: every other form names file and lines, one record a change") {
  const OneFile files;
  const agent::FixReport report = repaired(files);
  const auto form = [&](const char* name) {
    return *agent::ci_report(*agent::ci_format_of(name), report, files, "make check", "1.0");
  };
  CHECK(form("patch") == report.patch);
  const std::string lines = form("rdjsonl");
  REQUIRE(base::split_lines(lines).size() == 2);
  const auto first = base::parse_json(base::split_lines(lines)[0]);
  REQUIRE(first);
  CHECK((*first)["suggestions"][0]["text"] == "b = 20\n");
  CHECK((*first)["location"]["range"]["start"]["line"] == 2);
  const std::string github = form("github");
  CHECK(github.starts_with("::error file=src/a.py,line=2,endLine=2,"));
  CHECK(github.find("50%25 more") != std::string::npos);  // the runner's own escaping
  CHECK(base::split_lines(github).size() == 2);
  const auto gitlab = base::parse_json(form("gitlab"));
  REQUIRE(gitlab);
  CHECK((*gitlab)[0]["location"]["lines"]["begin"] == 2);
  CHECK((*gitlab)[0]["fingerprint"] != (*gitlab)[1]["fingerprint"]);
}

TEST_CASE("ci_report: every form but the patch says how strong the evidence is; what is not proven is no fix") {
  const OneFile files;
  agent::FixReport report = repaired(files);
  report.lines = {true, 1, 2};
  report.others_tried = 9;
  report.also_passed = 1;
  report.alternatives = {{"diff --git ...", "mutation: boolean", "src/a.py:1: `and` becomes `or`", {}}};
  for (const char* name : {"sarif", "rdjsonl", "github", "gitlab"}) {
    CAPTURE(name);
    const std::string text = *agent::ci_report(*agent::ci_format_of(name), report, files, "make check", "1.0");
    CHECK(text.find("Evidence: weak: 3 tests run the changed lines, 1 of them failed before; 1 of 9 other changes passes as well") !=
          std::string::npos);
    CHECK(text.find("Also passes: src/a.py:1: `and` becomes `or` (passed the check once, was not run again: not proven)") !=
          std::string::npos);
  }
  const auto sarif = base::parse_json(*agent::ci_report(agent::CiFormat::kSarif, report, files, "make check", "1.0"));
  REQUIRE(sarif);
  const base::Json& result = (*sarif)["runs"][0]["results"][0];
  CHECK(result["fixes"].size() == 1);
  CHECK(result["properties"]["graft"]["strength"] == "weak");
  CHECK(result["properties"]["graft"]["alternatives"][0]["patch"] == "diff --git ...");
}

TEST_CASE("ci_report: without a repair the report is empty and still valid; a changed file is refused") {
  OneFile files;
  const auto sarif = agent::ci_report(agent::CiFormat::kSarif, {}, files, "make check", "1.0");
  REQUIRE(sarif);
  CHECK((*base::parse_json(*sarif))["runs"][0]["results"].empty());
  const agent::FixReport report = repaired(files);
  files.text += "typed meanwhile\n";
  CHECK_FALSE(agent::ci_report(agent::CiFormat::kSarif, report, files, "make check", "1.0"));
}

TEST_CASE("edit_of: applying the edit gives the overlay's text, with lines kept that did not change") {
  const OneFile files;
  for (const std::string after :
       {"", "a = 1\n", "x\na = 1\nb = 2\nc = 3\n", "a = 1\nb = 2\nc = 3", "c = 3\nb = 2\na = 1\n"}) {
    CAPTURE(after);
    const auto edit = agent::edit_of(files, {{"src/a.py", after}});
    REQUIRE(edit);
    REQUIRE(edit->files.size() == 1);
    CHECK(tools::check_edit(*edit));
    CHECK(*tools::new_text(edit->files[0], files.text) == after);
  }
  CHECK(agent::edit_of(files, {{"src/a.py", files.text}})->files.empty());
}
