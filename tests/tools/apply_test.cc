// SPDX-License-Identifier: Apache-2.0
#include "tools/apply.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "tests/support/temp_dir.h"

namespace {

// A work tree with one file, whose tasks are kept in a folder of this test.
struct Place {
  Place() {
    ::setenv("XDG_STATE_HOME", state.path().c_str(), 1);
    files.write("a.py", "x = 1\n");
  }
  base::Result<tools::ApplyOutcome> apply(tools::ApplyRequest request) {
    const auto tree = tools::WorkTree::open(files.path());
    REQUIRE(tree);
    return tools::apply_text(*tree, *tree, request, stop.get_token());
  }
  test::TempDir files, state;
  std::stop_source stop;
};

constexpr std::string_view kEdit = "a.py\n<<<<<<< SEARCH\nx = 1\n=======\nx = 5\n>>>>>>> REPLACE\n";

}  // namespace

TEST_CASE("apply: a dry run shows what the real one writes, and writes nothing") {
  Place place;
  const auto shown = place.apply({.text = kEdit, .name = "t", .dry_run = true});
  REQUIRE(shown);
  CHECK(shown->task.empty());
  CHECK(shown->files == std::vector<std::string>{"a.py"});
  CHECK(place.files.read("a.py") == "x = 1\n");
  const auto written = place.apply({.text = kEdit, .name = "t"});
  REQUIRE(written);
  CHECK(written->patch == shown->patch);
  CHECK(written->task == "1");
  CHECK(place.files.read("a.py") == "x = 5\n");
}

TEST_CASE("apply: what does not fit, what breaks the syntax and what may not be touched is refused with its reason") {
  Place place;
  const auto missing = place.apply({.text = "a.py\n<<<<<<< SEARCH\nnothing like it\n=======\ny\n>>>>>>> REPLACE\n"});
  REQUIRE(missing);
  CHECK_FALSE(missing->refused.empty());
  CHECK_FALSE(missing->by_parse_gate);
  const std::string_view broken = "a.py\n```\ndef f(:\n```\n";
  const auto gate = place.apply({.format = tools::EditFormat::kWholeFile, .text = broken});
  REQUIRE(gate);
  CHECK(gate->by_parse_gate);
  CHECK(gate->refused.find("syntax error") != std::string::npos);
  const auto kept = place.apply({.text = kEdit, .may_touch = [](std::string_view path) -> base::Status {
                                   return base::invalid(std::string(path) + " is kept");
                                 }});
  REQUIRE(kept);
  CHECK(kept->refused == "a.py is kept");
  CHECK(place.files.read("a.py") == "x = 1\n");
  const auto forced = place.apply({.format = tools::EditFormat::kWholeFile, .text = broken, .skip_parse = true});
  REQUIRE(forced);
  CHECK(forced->syntax.size() == 1);
  CHECK(place.files.read("a.py") == "def f(:\n");
}

TEST_CASE("apply: nothing is written after a stop") {
  Place place;
  place.stop.request_stop();
  const auto outcome = place.apply({.text = kEdit});
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().code == base::ErrorCode::kCancelled);
  CHECK(place.files.read("a.py") == "x = 1\n");
}

TEST_CASE("apply: an edit made elsewhere is written as a task, and told as JSON") {
  Place place;
  const tools::Edit edit{{{.path = "a.py",
                           .new_path = {},
                           .base = tools::content_hash("x = 1\n"),
                           .replacements = {{4, 5, "7"}},
                           .executable = {}}}};
  const auto task = tools::write_edit(place.files.path(), edit, "by hand");
  REQUIRE(task);
  CHECK(place.files.read("a.py") == "x = 7\n");
  const base::Json told = tools::task_json(*task);
  CHECK(told["name"] == "by hand");
  CHECK(told["undone"] == false);
  CHECK(told["files"] == base::Json::array({{{"path", "a.py"}, {"change", "modified"}}}));
  CHECK_FALSE(tools::write_edit(place.files.path(), edit, "again"));  // made for another content
}
