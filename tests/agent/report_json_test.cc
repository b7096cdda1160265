// SPDX-License-Identifier: Apache-2.0
#include "agent/report_json.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

TEST_CASE("report_json: a repair with its status, its runs, and what a verified one has besides") {
  agent::FixReport report;
  CHECK(agent::fix_json(report)["status"] == "none");
  CHECK_FALSE(agent::fix_json(report).contains("strength"));
  report.status = agent::FixReport::Status::kAlreadyPasses;
  CHECK(agent::fix_json(report)["status"] == "already_passes");
  report.status = agent::FixReport::Status::kVerified;
  report.evidence = {{"base", "exit 1", 0.5, "red"}};
  report.also_passed = 1;
  const base::Json object = agent::fix_json(report);
  CHECK(object["status"] == "verified");
  CHECK(object["strength"] == "weak");
  CHECK(object["evidence"]["runs"][0]["ending"] == "exit 1");
}

TEST_CASE("report_json: tests with what was done for each function") {
  agent::TestReport report;
  report.status = agent::TestReport::Status::kVerified;
  report.passing_runs = 5;
  report.functions.push_back({.name = "f", .tests = {"test_f"}, .mutants_tried = 3, .mutants_killed = 2, .reason = {}});
  const base::Json object = agent::test_json(report);
  CHECK(object["status"] == "verified");
  CHECK(object["evidence"]["passing_runs"] == 5);
  CHECK(object["functions"][0]["tests"] == base::Json::array({"test_f"}));
  CHECK(object["functions"][0]["mutants_killed"] == 2);
}

TEST_CASE("report_json: progress counts once there is something to count") {
  CHECK(agent::progress_words({"running the check", "make", 0, 0, 3}, 60) == "running the check: make");
  CHECK(agent::progress_words({"trying", "", 2, 9, 3.7}, 60) == "trying (2 of 60 checks, 9 candidates, 3 s)");
}
