// SPDX-License-Identifier: Apache-2.0
#include "agent/check/first_tests.h"

#include <doctest/doctest.h>

TEST_CASE("first tests: names of pytest alone are told, so many of them and no more") {
  CHECK(agent::first_tests_value({"tests/test_a.py::test_x", "test_y (a.B)", "b.py::C::test_z[1-2]"}) == "tests/test_a.py::test_x\nb.py::C::test_z[1-2]");
  CHECK(agent::first_tests_value({"a.py::t\nGRAFT", std::string(600, 'x') + ".py::t", "one"}).empty());
  const std::string many = agent::first_tests_value(std::vector<std::string>(90, "a.py::t"));
  CHECK(many.size() == 20 * 8 - 1);
}

TEST_CASE("first tests: a check that sets PYTHONPATH keeps its folders behind ours") {
  CHECK(agent::with_python_path("PYTHONPATH=src:. pytest", "/w/x") == "PYTHONPATH=/w/x:src:. pytest");
  CHECK(agent::with_python_path("PYTHONPATH='a b' pytest", "/w/x") == "PYTHONPATH='/w/x:a b' pytest");
  CHECK(agent::with_python_path("pytest -q", "/w/x") == "pytest -q");
  CHECK(agent::runs_pytest("PYTHONPATH=. python3 -m pytest -q"));
  CHECK_FALSE(agent::runs_pytest("python3 -m unittest"));
}
