// SPDX-License-Identifier: Apache-2.0
// agent/check/first_tests.h: the tests that fail run first, and end the run where they still fail.
//
// Of a suite that takes long nearly every candidate is refused by the few tests that failed before. A pytest plugin,
// written into the sandbox's view beside the work tree's files, puts them in front. What passes has run the whole
// suite; the proof of a patch runs without the plugin. Other test tools are left as they are.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace agent {

inline constexpr std::string_view kFirstFolder = ".graft-first";

// graft_first_pytest.py; pytest loads it through PYTEST_PLUGINS. The tests come in GRAFT_FIRST, a line each, as pytest
// names them; a name that its output cut short stands for all that begin so.
inline constexpr std::string_view kFirstModule = R"PY(import os

_first = tuple(line for line in os.environ.get("GRAFT_FIRST", "").split("\n") if line)
_left = set()
_failed = []


def pytest_collection_modifyitems(session, config, items):
    if not _first or not items:
        return
    mine = {item.nodeid for item in items if item.nodeid.startswith(_first)}
    _left.update(mine)
    items.sort(key=lambda item: item.nodeid not in mine)


def pytest_runtest_logreport(report):
    if report.failed and report.nodeid in _left:
        _failed.append(report.nodeid)


class _Session:
    session = None


def pytest_sessionstart(session):
    _Session.session = session


def pytest_runtest_logfinish(nodeid, location):
    if nodeid not in _left:
        return
    _left.discard(nodeid)
    if not _left and _failed:
        _Session.session.shouldstop = "tests that failed before still fail"
)PY";

// Whether a check runs pytest by its own name, so far as its text tells.
bool runs_pytest(std::string_view check);
// GRAFT_FIRST for these tests; empty where none of them is a name of pytest's.
std::string first_tests_value(const std::vector<std::string>& failing);
// A check that sets PYTHONPATH itself keeps its folders; `folder` comes in front.
std::string with_python_path(std::string check, const std::string& folder);

}  // namespace agent
