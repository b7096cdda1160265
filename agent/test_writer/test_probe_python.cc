// SPDX-License-Identifier: Apache-2.0
// The program that calls the function under test and writes down what happens. It runs in the sandbox only.
#include "agent/test_writer/test_probe_python.h"

#include <nlohmann/json.hpp>

#include "base/json.h"

namespace agent {
namespace {

constexpr std::string_view kProbe = R"PY(# Calls one function with many arguments and writes what came back to a file.
import ast
import asyncio
import builtins
import importlib
import inspect
import itertools
import json
import linecache
import math
import os
import resource
import signal
import sys
import types

WELL_KNOWN = {
    "Fraction": "fractions", "Decimal": "decimal", "Path": "pathlib", "PurePath": "pathlib",
    "PurePosixPath": "pathlib", "PosixPath": "pathlib", "date": "datetime", "datetime": "datetime", "timedelta": "datetime",
    "time": "datetime", "OrderedDict": "collections", "Counter": "collections", "deque": "collections",
    "defaultdict": "collections", "namedtuple": "collections",
}
MAX_TEXT = 400   # a longer expected value is not a test that a person reads
MAX_ITEMS = 200  # of an iterator
MAX_HANGS = 3    # then the other calls are taken to hang as well
# Raised by the language, not by the function: a wrong guess about the arguments, unless the function says `raise`.
GUESS_ERRORS = (TypeError, AttributeError, NameError, RecursionError, MemoryError, ImportError, AssertionError)


class Hang(BaseException):
    pass


class Unusable(Exception):
    pass


def on_alarm(signum, frame):
    raise Hang()


def import_line(name, value):
    if isinstance(value, types.ModuleType):
        return f"import {value.__name__}" if value.__name__ == name else f"import {value.__name__} as {name}"
    home = getattr(value, "__module__", None)
    if isinstance(home, str) and getattr(value, "__qualname__", name) == name:
        if getattr(sys.modules.get(home), name, None) is value:
            return f"from {home} import {name}"
    return None


class Names:
    """Finds the names of an expression and the import lines that bring them."""

    def __init__(self, module, hints):
        self.module = module
        self.hinted = {}
        for line in hints:
            try:
                for alias in ast.parse(line).body[0].names:
                    self.hinted.setdefault((alias.asname or alias.name).split(".")[0], line)
            except (SyntaxError, IndexError, AttributeError):
                continue

    def find(self, name):
        """(value, import line) of one free name."""
        if hasattr(builtins, name):
            return getattr(builtins, name), None
        values = vars(self.module)
        if name in values:
            line = import_line(name, values[name]) or f"from {self.module.__name__} import {name}"
            return values[name], line
        if name in WELL_KNOWN:
            return getattr(importlib.import_module(WELL_KNOWN[name]), name), f"from {WELL_KNOWN[name]} import {name}"
        if name in self.hinted:
            space = {}
            try:
                exec(self.hinted[name], space)
            except Exception:
                raise Unusable("argument") from None
            line = import_line(name, space[name])
            if line is None:
                raise Unusable("argument")
            return space[name], line
        found = sys.modules.get(name)
        if found is not None:
            return found, f"import {name}"
        raise Unusable("argument")

    def space_of(self, source):
        """(namespace, import lines) for all free names of an expression."""
        try:
            tree = ast.parse(source, mode="eval")
        except (SyntaxError, ValueError):
            raise Unusable("argument") from None
        bound = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
        bound |= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        space, lines = {}, []
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id not in bound:
                space[node.id], line = self.find(node.id)
                if line is not None:
                    lines.append(line)
        return space, lines


def expected(value, names):
    """(form, text, import lines) of an assertion on the value."""
    if value is None or value is True or value is False:
        return "is", repr(value), []
    if isinstance(value, (float, complex)):
        if value != value:
            raise Unusable("not a number")
        if isinstance(value, float) and math.isinf(value):
            return "==", "float('inf')" if value > 0 else "-float('inf')", []
        plain = isinstance(value, float) and value == int(value) and abs(value) < 1e15
        return ("==" if plain else "approx"), repr(value), []
    if isinstance(value, types.CoroutineType):
        value.close()
        raise Unusable("coroutine")
    if hasattr(value, "__next__"):
        items = list(itertools.islice(value, MAX_ITEMS + 1))
        if len(items) > MAX_ITEMS:
            raise Unusable("endless iterator")
        form, text, lines = expected(items, names)
        if form != "==":
            raise Unusable("iterator of odd things")
        return "list", text, lines
    try:
        text = repr(value)
    except Exception:
        raise Unusable("repr fails") from None
    if len(text) > MAX_TEXT:
        raise Unusable("long result")
    try:
        space, lines = names.space_of(text)
        copy = eval(text, dict(space))
        if type(copy) is type(value) and bool(copy == value):
            return "==", text, lines
    except Exception:
        pass
    if " at 0x" in text or " object" in text:
        raise Unusable("address")
    return "repr", repr(text), []


def raised(error, root, names):
    frames = []
    trace = error.__traceback__
    while trace is not None:
        frames.append((trace.tb_frame.f_code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    own = [frame for frame in frames if frame[0].startswith(root) and frame[0] != __file__]
    kind = type(error)
    if not own:
        raise Unusable("argument")
    if isinstance(error, GUESS_ERRORS):
        filename, line = frames[-1]
        words = linecache.getline(filename, line).strip()
        deliberate = "assert" if isinstance(error, AssertionError) else "raise"
        if not filename.startswith(root) or not words.startswith(deliberate):
            raise Unusable("internal " + kind.__name__)
    name = kind.__name__
    if getattr(builtins, name, None) is kind:
        return name, []
    line = import_line(name, kind)
    if line is None:
        raise Unusable("unknown exception")
    return name, [line]


def resolve(module, path):
    value = module
    for part in path:
        value = getattr(value, part)
    return value


def call_once(spec, case, module, names, root):
    imports = []
    receiver = None
    arguments, keywords = [], {}
    try:
        if case["receiver"]:
            space, lines = names.space_of(case["receiver"])
            receiver = eval(case["receiver"], space)
            imports += lines
            if not isinstance(receiver, resolve(module, spec["scope"])):
                raise Unusable("receiver")
        for source in case["arguments"]:
            key, equals, rest = source.partition("=")
            named = equals and key.isidentifier() and not rest.startswith("=")
            space, lines = names.space_of(rest if named else source)
            imports += lines
            if named:
                keywords[key] = eval(rest, space)
            else:
                arguments.append(eval(source, space))
    except (Unusable, Hang):
        raise
    except Exception:
        raise Unusable("argument") from None

    path = spec["scope"] + [spec["name"]]
    try:
        if spec["call"] == "property":
            value = getattr(receiver, spec["name"])
        elif receiver is not None:
            value = getattr(receiver, spec["name"])(*arguments, **keywords)
        else:
            value = resolve(module, path)(*arguments, **keywords)
        if spec["async"] and inspect.iscoroutine(value):
            value = asyncio.run(value)
        form, text, lines = expected(value, names)
    except (Unusable, Hang):
        raise
    except (Exception, SystemExit) as error:
        text, lines = raised(error, root, names)
        return {"kind": "raised", "form": "", "text": text, "imports": imports + lines}
    return {"kind": "returned", "form": form, "text": text, "imports": imports + lines}


def calling_order(n, reverse):
    """Backwards, every call has another number of calls before it than forwards; so the middle one goes last."""
    order = list(range(n))
    if reverse:
        order.reverse()
        if n % 2 == 1:
            order.append(order.pop(n // 2))
    return order


def main():
    spec_path, out_path = sys.argv[1], sys.argv[2]
    with open(spec_path, encoding="utf-8") as file:
        spec = json.load(file)
    root = os.getcwd() + os.sep
    sys.path.insert(0, os.path.join(root, spec["import_root"]))
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))

    # The function may print or read: neither reaches anyone.
    quiet = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(quiet, descriptor)

    module = importlib.import_module(spec["module"])
    names = Names(module, spec["hints"])
    signal.signal(signal.SIGALRM, on_alarm)
    results = [None] * len(spec["cases"])
    hangs = 0
    for i in calling_order(len(results), spec["reverse"]):
        if hangs == MAX_HANGS:
            results[i] = {"kind": "unusable", "reason": "hangs"}
            continue
        signal.setitimer(signal.ITIMER_REAL, spec["seconds"])
        try:
            result = call_once(spec, spec["cases"][i], module, names, root)
        except Unusable as reason:
            result = {"kind": "unusable", "reason": str(reason)}
        except Hang:
            result = {"kind": "unusable", "reason": "hangs"}
            hangs += 1
        except BaseException as error:
            result = {"kind": "unusable", "reason": type(error).__name__}
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        results[i] = result
    with open(out_path, "w", encoding="utf-8") as file:
        json.dump(results, file)
        file.flush()
    os._exit(0)  # threads that the function left behind must not keep the probe alive


main()
)PY";

}  // namespace

std::string_view python_probe() { return kProbe; }

std::string python_probe_spec(const PythonProbe& probe, bool reverse) {
  constexpr double kCaseSeconds = 1.0;  // a test that takes longer is no unit test
  base::Json cases = base::Json::array();
  for (const TestCase& one : probe.cases)
    cases.push_back({{"receiver", one.receiver}, {"arguments", one.arguments}});
  base::Json scope = base::Json::array();
  if (!probe.target->scope.empty()) scope.push_back(probe.target->scope);
  const bool property = probe.target->call == TestTarget::Call::kProperty;
  return base::dump_json({{"module", probe.module.name},
                          {"import_root", probe.module.import_root},
                          {"scope", scope},
                          {"name", probe.target->name},
                          {"call", property ? "property" : "call"},
                          {"async", probe.target->is_async},
                          {"hints", probe.hints},
                          {"cases", cases},
                          {"reverse", reverse},
                          {"seconds", kCaseSeconds}});
}

base::Result<std::vector<Behaviour>> read_python_probe(std::string_view json, size_t n_cases) {
  auto parsed = base::parse_json(json);
  if (!parsed) return std::move(parsed).error().in("results of the probe");
  if (!parsed->is_array() || parsed->size() != n_cases)
    return base::corrupt("The probe did not answer for every call.");
  std::vector<Behaviour> seen;
  for (const base::Json& one : *parsed) {
    Behaviour behaviour;
    const std::string kind = base::json_string(one, "kind");
    if (kind == "returned") behaviour.kind = Behaviour::Kind::kReturned;
    if (kind == "raised") behaviour.kind = Behaviour::Kind::kRaised;
    behaviour.form = base::json_string(one, "form");
    behaviour.text = base::json_string(one, "text");
    behaviour.reason = base::json_string(one, "reason");
    if (one.is_object() && one.contains("imports") && one["imports"].is_array())
      for (const base::Json& line : one["imports"])
        if (line.is_string()) add_unique(behaviour.imports, line.get<std::string>());
    seen.push_back(std::move(behaviour));
  }
  return seen;
}

}  // namespace agent
