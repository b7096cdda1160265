// SPDX-License-Identifier: Apache-2.0
// agent/trace/python_tracer.h: the tracer of Python's programs, two modules that are written into the sandbox's view of the work tree.
#pragma once
#include <string_view>

namespace agent {

// sitecustomize.py: CPython imports it at the start of every process that has the folder in PYTHONPATH.
inline constexpr std::string_view kTracerModule = R"PY(import atexit, json, os, sys, threading, time

_root = os.environ.get("GRAFT_TRACE_ROOT", "")
out = os.environ.get("GRAFT_TRACE_OUT", "")
current = [""]
serial = [0]
window = [None]
cut = [False]  # ended before the check did
# When a line ran that had not run before, and what the watch makes of it (graft_trace_hang.py).
news = [0.0]
calm = [lambda: (0, 0)]
hits = {}
outcomes = {}
failures = []
_known = {}


def relative(filename):
    try:
        return _known[filename]
    except KeyError:
        pass
    name = None
    if not filename.startswith("<"):
        full = os.path.abspath(filename)
        if full.startswith(_root + os.sep) and not full.startswith(out) and "site-packages" not in full:
            name = os.path.relpath(full, _root)
    _known[filename] = name
    return name


def begin(test):
    current[0] = test
    serial[0] += 1


def forget():
    for known in (hits, outcomes, failures):
        known.clear()


def _unittest(frame):
    test = frame.f_locals.get("test")
    if test is None or not hasattr(test, "id"):
        return
    name = test.id()
    what = frame.f_code.co_name
    if what == "startTest":
        begin(name)
    elif what == "addSuccess":
        outcomes.setdefault(name, True)
    elif what in ("addFailure", "addError"):
        outcomes[name] = False
    elif what == "stopTest":
        begin("")


def tracer(frame, event, arg):
    code = frame.f_code
    name = relative(code.co_filename)
    if name is None:
        if code.co_name in ("startTest", "stopTest", "addSuccess", "addFailure", "addError") and \
                code.co_filename.endswith(os.path.join("unittest", "result.py")):
            _unittest(frame)
        return None
    here = hits.setdefault(current[0], {}).setdefault(name, set())
    here.add(frame.f_lineno)

    def local(frame, event, arg):
        if event == "line":
            if frame.f_lineno not in here:
                here.add(frame.f_lineno)
                news[0] = time.monotonic()
            seen = window[0]
            if seen is not None:
                seen.get(id(frame), seen[None]).add((name, frame.f_lineno))
        return local
    return local


# Also while other threads go on: lists are copied in one step, dictionaries and sets would change under the loop.
def write():
    lines = {}
    for test, files in list(hits.items()):
        for name, numbers in list(files.items()):
            counts = lines.setdefault(name, {})
            for number in list(numbers):
                count = counts.setdefault(number, [0, 0, 0])
                if test not in outcomes:
                    count[2] = 1
                elif outcomes[test]:
                    count[1] += 1
                else:
                    count[0] += 1
    known = list(outcomes.values())
    seconds, memory = calm[0]()
    report = {"failed": known.count(False), "passed": known.count(True), "lines": lines, "failures": failures[:50],
              "calm_seconds": seconds, "calm_bytes": memory, "cut": cut[0]}
    path = os.path.join(out, "trace-%d.json" % os.getpid())
    try:
        with open(path + ".new", "w") as file:
            json.dump(report, file)
        os.replace(path + ".new", path)
    except OSError:
        pass


def _end():
    sys.settrace(None)
    write()


if _root and out:
    atexit.register(_end)
    try:
        import graft_trace_hang
        graft_trace_hang.watch(sys.modules[__name__])
    except Exception:  # without a watch the traces are there all the same
        pass
    threading.settrace(tracer)
    sys.settrace(tracer)
)PY";

// graft_trace_pytest.py: pytest loads it through PYTEST_PLUGINS; it says which test runs and how it ended.
inline constexpr std::string_view kPytestModule = R"PY(import os
import sitecustomize as trace


def _failure(name, report):
    if any(known["test"] == name and known.get("hung") for known in trace.failures):
        return  # where it hung is known better
    place = getattr(report, "longrepr", None)
    crash = getattr(place, "reprcrash", None)
    entry = {"test": name, "message": str(getattr(crash, "message", "") or place or "")[:2000], "frames": []}
    traceback = getattr(place, "reprtraceback", None)
    for item in getattr(traceback, "reprentries", None) or []:
        where = getattr(item, "reprfileloc", None)
        if where is not None:
            entry["frames"].append([os.path.abspath(str(where.path)), int(where.lineno)])
    if not entry["frames"] and crash is not None:
        entry["frames"].append([os.path.abspath(str(crash.path)), int(crash.lineno)])
    trace.failures.append(entry)


# Those that fail come first, and those that pass are seen as well, however little time there is.
_first = tuple(line for line in os.environ.get("GRAFT_FIRST", "").split("\n") if line)


def pytest_collection_modifyitems(session, config, items):
    if _first:
        config.option.maxfail = 0
        items.sort(key=lambda item: not item.nodeid.startswith(_first))


def pytest_runtest_logstart(nodeid, location):
    trace.begin(nodeid)


def pytest_runtest_logreport(report):
    if report.failed:
        trace.outcomes[report.nodeid] = False
        _failure(report.nodeid, report)
    elif report.when == "call" and report.passed:
        trace.outcomes.setdefault(report.nodeid, True)


def pytest_runtest_logfinish(nodeid, location):
    trace.begin("")


def pytest_collectreport(report):
    if report.failed:
        _failure(report.nodeid, report)
)PY";

}  // namespace agent
