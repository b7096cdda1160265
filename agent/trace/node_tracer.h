// SPDX-License-Identifier: Apache-2.0
// agent/trace/node_tracer.h: the tracer of Node's programs, written into the sandbox's view of the work tree.
//
// A module that NODE_OPTIONS brings into every process before its own code, be that CommonJS or ESM. V8 counts how
// often each block runs; what it counted is taken where a test begins and ends (node_tests.h), and said by lines of
// files of the tree (node_lines.h). Nothing is instrumented. A worker or child process that a test starts leaves the
// lines it ran in a file beside the reports, for the process of that test to add.
// Limits   V8 counts blocks: of one that an exception left, the lines after it count as run.
#pragma once
#include <string_view>

namespace agent {

// graft_trace_node.cjs
inline constexpr std::string_view kNodeModule = R"JS("use strict";
const fs = require("fs"), path = require("path"), { fileURLToPath } = require("url");
const { isMainThread, threadId } = require("worker_threads");

const root = process.env.GRAFT_TRACE_ROOT || "", out = process.env.GRAFT_TRACE_OUT || "";
const until = Number(process.env.GRAFT_TRACE_UNTIL || "0");
const failing = (process.env.GRAFT_TRACE_FAILING || "").split("\n").filter(Boolean);
// What a test starts belongs to the test: "PID:SERIAL" of it.
const owner = process.env.GRAFT_TRACE_TEST || "";
const takeShare = 0.3; // of the time there is, for telling tests from one another
const { writeFileSync, renameSync, readFileSync, readdirSync, unlinkSync, realpathSync } = fs;
const { hrtime } = process;
const now = () => Number(hrtime.bigint()) / 1e9;

const outside = { parent: null, serial: 0, children: 0, files: new Map(), open: true, outcome: undefined };
const tests = [outside];
const open = new Set();
const scripts = new Map(); // by V8's number: what its text stands for, or null
let session = null, mixed = false, cut = false, spent = 0, taken = 0, cost = 0, written = 0, ended = false;
const started = now();
const allowed = Math.max(1, (until - started) * takeShare);

function post(method, params) {
  let answer = null;
  session.post(method, params, (error, found) => { if (!error) answer = found; });
  return answer;
}

// The path of a script that is a file of the tree; null for all others.
function treePath(url) {
  let name = url;
  if (url.startsWith("file:")) {
    try { name = fileURLToPath(new URL(url.replace(/[?#].*$/, ""))); } catch { return null; }
  }
  const inside = name.startsWith(root + path.sep) && !name.startsWith(out + path.sep);
  return inside && !/[\\/]node_modules[\\/]/.test(name) ? path.normalize(name) : null;
}

function openScripts(fresh) {
  const { script, diskText, tracedPath } = require("./graft_trace_lines.cjs");
  const asked = [];
  for (const { scriptId, url, functions } of fresh) {
    const name = treePath(url), text = name === null ? null : diskText(name);
    // The script itself is a function from its first character to its last.
    const length = Math.max(...functions.map(f => f.ranges[0].startOffset === 0 ? f.ranges[0].endOffset : -1));
    if (text !== null && text.length === length) scripts.set(scriptId, script(name, text, text));
    else asked.push([scriptId, name, text]);
  }
  if (asked.length === 0) return;
  post("Debugger.enable");
  for (const [scriptId, name, text] of asked) {
    const source = post("Debugger.getScriptSource", { scriptId });
    scripts.set(scriptId, source === null ? null : script(name, source.scriptSource, text));
  }
  post("Debugger.disable");
}

// What ran since the last take belongs to the tests that are open, the innermost of each.
function take() {
  const began = now();
  const answer = post("Profiler.takePreciseCoverage");
  const found = answer === null ? [] : answer.result.filter(({ scriptId, url }) => {
    if (!scripts.has(scriptId) && treePath(url) === null) scripts.set(scriptId, null);
    return scripts.get(scriptId) !== null;
  });
  const fresh = found.filter(({ scriptId }) => !scripts.has(scriptId));
  if (fresh.length > 0) openScripts(fresh);
  const innermost = [...open].filter(test => ![...open].some(other => other.parent === test));
  if (innermost.length === 0) innermost.push(outside);
  for (const { scriptId, functions } of found) {
    const script = scripts.get(scriptId);
    if (script === null) continue;
    for (const [file, line] of script.linesOf(functions))
      for (const test of innermost) {
        let lines = test.files.get(file);
        if (lines === undefined) test.files.set(file, lines = new Set());
        lines.add(line);
      }
  }
  taken = now();
  cost = taken - began;
  spent += cost;
}

function own(test) {
  if (owner === "") process.env.GRAFT_TRACE_TEST = test !== null && test.open ? `${process.pid}:${test.serial}` : "";
}

function begin(parent, name) {
  const wanted = failing.some(known => known.includes(name)), late = spent > allowed && !wanted;
  cut ||= late;
  // Where takes cost much, what runs between two tests is the second's: mostly what each of them runs before it. Later
  // yet a take has to be worth its time, and tests that pass go uncounted.
  const shares = late && now() - taken < 10 * cost;
  if (late ? !shares : wanted || spent < allowed / 4 || open.size > 0) take();
  const test = { parent, serial: tests.length, children: 0, files: new Map(), open: true, outcome: undefined, shares };
  tests.push(test);
  if (parent !== null) ++parent.children;
  for (const other of open) {
    let above = parent;
    while (above !== null && above !== other) above = above.parent;
    mixed ||= above === null;
  }
  open.add(test);
  own(test);
  return test;
}

// `outcome`: true, false, or undefined for what counts as neither.
function end(test, outcome) {
  if (test === null || !test.open) return;
  // What ran since the last take is not all its own: good enough to say where to look.
  if (test.shares && outcome === false) mixed = true;
  if (!test.shares || outcome === false) take();
  test.open = false;
  test.outcome = test.shares && outcome ? undefined : outcome;
  open.delete(test);
  own(test.parent);
  const at = now();
  if (at - written > 1) write(true);
}

// Lines that workers and child processes ran for tests of this process.
function addOthers() {
  const prefix = `child-${process.pid}-`;
  for (const name of readdirSync(out)) {
    if (!name.startsWith(prefix) || !name.endsWith(".lines")) continue;
    const file = path.join(out, name), test = tests[Number(name.slice(prefix.length).split("-")[0])];
    try {
      const lines = JSON.parse(readFileSync(file, "utf8"));
      unlinkSync(file);
      for (const [named, numbers] of Object.entries(lines))
        test.files.set(named, new Set([...(test.files.get(named) || []), ...numbers]));
    } catch {}
  }
}

function save(name, value) {
  const file = path.join(out, name);
  writeFileSync(file + ".new", JSON.stringify(value));
  renameSync(file + ".new", file);
}

// A test with tests of its own is one only where it failed by itself; what it ran, each of them ran.
function counted(test) {
  return test.serial > 0 && test.outcome !== undefined && (test.children === 0 || test.outcome === false);
}

function write(early, code) {
  written = now();
  if (owner !== "") return;
  const lines = {}, known = tests.filter(counted);
  const count = (test, slot) => {
    const ran = new Map();
    for (let from = test; from !== null; from = from.parent)
      for (const [file, numbers] of from.files) {
        if (!ran.has(file)) ran.set(file, new Set());
        for (const number of numbers) ran.get(file).add(number);
      }
    for (const [file, numbers] of ran) {
      lines[file] ||= {};
      for (const number of numbers) {
        const counts = lines[file][number] ||= [0, 0, 0];
        slot === 2 ? counts[2] = 1 : ++counts[slot];
      }
    }
  };
  for (const test of tests)
    if (counted(test)) count(test, test.outcome ? 1 : 0);
    else if (test.children === 0) count(test, 2);
  if (Object.keys(lines).length === 0) return;
  const failed = known.filter(test => !test.outcome).length;
  const report = { failed, passed: known.length - failed, lines, failures: [], cut: cut || early, mixed };
  if (known.length === 0 && !early && !cut) report.run = code === 0 ? "passed" : "failed";
  save(`trace-${process.pid}-${threadId}.json`, report);
}

function finish(code) {
  if (ended) return;
  try {
    take();
    if (owner !== "" || (!isMainThread && tests.length === 1 && !cut)) {
      const lines = {};
      for (const test of tests)
        for (const [file, numbers] of test.files) lines[file] = [...new Set([...(lines[file] || []), ...numbers])];
      const [pid, serial] = owner === "" ? [process.pid, 0] : owner.split(":").map(Number);
      save(`child-${pid}-${serial}-${process.pid}-${threadId}.lines`, lines);
      return;
    }
    // A file that `node --test` runs and that has no tests of its own is one.
    if (tests.length === 1 && !cut && process.env.NODE_TEST_CONTEXT) {
      tests.push({ ...outside, serial: 1, files: outside.files, outcome: code === 0 });
      outside.files = new Map();
    }
    for (const test of open) test.outcome = test.children === 0 ? false : undefined;
    addOthers();
    write(false, code);
  } catch {}
}

// Whatever goes wrong here, the tests shall not know.
const quietly = act => (...rest) => {
  try {
    return act(...rest);
  } catch {
    return null;
  }
};

function watchEnd() {
  const { emit, reallyExit } = process;
  process.emit = function (name, ...rest) {
    const told = Reflect.apply(emit, this, [name, ...rest]);
    if (name === "exit") finish(Number(process.exitCode ?? rest[0] ?? 0));
    return told;
  };
  process.reallyExit = function (code) {
    finish(Number(code ?? process.exitCode ?? 0));
    return Reflect.apply(reallyExit, this, [code]);
  };
}

// Those that run no code of the tree: tools that take long, and the process that starts others for `node --test`.
function isTool() {
  if (process.execArgv.includes("--test") && !process.execArgv.some(word => /isolation=none$/.test(word))) return true;
  let main = process.argv[1] || "";
  try { main = realpathSync(main); } catch {}
  return /[\\/](npm|pnpm|yarn|corepack|typescript|eslint|prettier)[\\/](.*[\\/])?(bin|lib|dist)[\\/]/.test(main);
}

if (root && out && !isTool()) {
  try {
    session = new (require("inspector").Session)();
    session.connect();
    post("Profiler.enable");
    post("Profiler.startPreciseCoverage", { callCount: true, detailed: true, allowTriggeredUpdates: false });
    own(null);
    const save = quietly(() => write(true));
    require("./graft_trace_tests.cjs").watch({ begin: quietly(begin), end: quietly(end), mix: () => { mixed = true; }, save });
    watchEnd();
    const left = (until - started) * 1000;
    if (isMainThread && left > 0) setTimeout(quietly(() => { take(); write(true); }), left).unref();
  } catch {}  // a Node without an inspector
}
)JS";

}  // namespace agent
