// SPDX-License-Identifier: Apache-2.0
// Traced checks of real programs that Node runs; skipped, with a word, where there is no isolation or no Node.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "agent/fix.h"
#include "agent/trace/coverage.h"
#include "agent/trace/tracers.h"
#include "sandbox/sandbox.h"
#include "tests/support/temp_dir.h"

namespace {

bool runs_node() {
  if (!sandbox::probe_isolation().available) {
    MESSAGE("skipped: no isolation here. " << sandbox::probe_isolation().fix);
    return false;
  }
  // node:test came with 18.
  if (std::system("node -e 'process.exit(parseInt(process.versions.node) >= 18 ? 0 : 1)' >/dev/null 2>&1") == 0)
    return true;
  MESSAGE("skipped: no Node 18 or newer");
  return false;
}

constexpr const char* kSum =
    "function sum(a, b) {\n"
    "  if (a > 10) {\n"
    "    return a - b;\n"
    "  }\n"
    "  return a + b;\n"
    "}\n"
    "const never = () => {\n"
    "  return 1;\n"
    "};\n"
    "async function later(n) {\n"
    "  await null;\n"
    "  return n;\n"
    "}\n"
    "module.exports = { sum, never, later };\n";

agent::Coverage trace(const test::TempDir& folder, const std::string& check, const std::vector<std::string>& files) {
  const agent::PathResolver resolver(folder.path(), files);
  return agent::trace_check(folder.path(), check, std::chrono::seconds(30), false, resolver, {});
}

// "failed passed loaded" of a line, as in "1 2 -".
std::string line_of(const agent::Coverage& found, const std::string& path, int line) {
  const auto file = found.lines.find(path);
  if (file == found.lines.end()) return "no file";
  const auto count = file->second.find(line);
  if (count == file->second.end()) return "not run";
  return std::to_string(count->second.failed) + " " + std::to_string(count->second.passed) +
         (count->second.loaded ? " loaded" : " -");
}

}  // namespace

TEST_CASE("trace_check: node --test tells which test ran which line, CommonJS and ESM alike") {
  if (!runs_node()) return;
  const std::string tests =
      "test('small', () => assert.equal(sum(1, 2), 3));\n"
      "test('large', () => assert.equal(sum(11, 2), 13));\n"
      "test('later', async () => assert.equal(await later(2), 2));\n"
      "test('left out', { skip: true }, () => assert.equal(never(), 2));\n"
      "test('to do', { todo: true }, () => assert.equal(1, 2));\n";
  for (const bool esm : {false, true}) {
    CAPTURE(esm);
    const test::TempDir folder;
    const std::string name = esm ? "sum.test.mjs" : "sum.test.js";
    folder.write("sum.js", kSum);
    folder.write(name, (esm ? "import test from 'node:test';\nimport assert from 'node:assert';\nimport { sum, later, "
                              "never } from './sum.js';\n"
                            : "const test = require('node:test');\nconst assert = require('assert');\nconst { sum, "
                              "later, never } = require('./sum.js');\n") +
                           tests);
    for (const char* check : {"node --test", "node sum.test.*"}) {
      CAPTURE(check);
      const agent::Coverage found = trace(folder, check, {"sum.js", name});
      CHECK(found.has_tests);
      CHECK_FALSE(found.cut);
      CHECK(found.n_failed == 1);
      CHECK(found.n_passed == 2);
      CHECK(line_of(found, "sum.js", 2) == "1 1 -");
      CHECK(line_of(found, "sum.js", 3) == "1 0 -");
      CHECK(line_of(found, "sum.js", 5) == "0 1 -");
      CHECK(line_of(found, "sum.js", 8) == "not run");
      CHECK(line_of(found, "sum.js", 12) == "0 1 -");
      CHECK(line_of(found, "sum.js", 14) == "0 0 loaded");
      CHECK(line_of(found, name, 5) == "1 0 loaded");
    }
    CHECK_FALSE(std::filesystem::exists(folder.path() / agent::kTraceFolder));
  }
}

TEST_CASE("trace_check: a test with tests of its own is none itself, and what it ran each of them ran") {
  if (!runs_node()) return;
  const test::TempDir folder;
  folder.write("sum.js", kSum);
  folder.write("sum.test.js",
               "const { test, describe, it, beforeEach } = require('node:test');\n"
               "const assert = require('assert');\nconst { sum, never } = require('./sum.js');\n"
               "test('outer', async t => {\n  never();\n"
               "  await t.test('a', () => assert.equal(sum(1, 2), 3));\n"
               "  await t.test('b', () => assert.equal(sum(11, 2), 13));\n});\n"
               "describe('suite', () => {\n  beforeEach(() => { never(); });\n"
               "  it('c', () => assert.equal(sum(0, 0), 0));\n});\n");
  const agent::Coverage found = trace(folder, "node --test", {"sum.js", "sum.test.js"});
  CHECK(found.n_failed == 1);
  CHECK(found.n_passed == 2);
  CHECK(line_of(found, "sum.js", 8) == "1 2 -");
  CHECK(line_of(found, "sum.js", 3) == "1 0 -");
  CHECK(line_of(found, "sum.js", 5) == "0 2 -");
}

TEST_CASE("trace_check: tests side by side cannot be told apart, and nothing is said of what runs a patch") {
  if (!runs_node()) return;
  const test::TempDir folder;
  folder.write("sum.js", kSum);
  folder.write("sum.test.js",
               "const { describe, it } = require('node:test');\nconst assert = require('assert');\n"
               "const { sum } = require('./sum.js');\nconst wait = () => new Promise(done => setTimeout(done, 20));\n"
               "describe('together', { concurrency: 2 }, () => {\n"
               "  it('small', async () => { await wait(); assert.equal(sum(1, 2), 3); await wait(); });\n"
               "  it('large', async () => { await wait(); assert.equal(sum(11, 2), 13); await wait(); });\n});\n");
  const agent::Coverage found = trace(folder, "node --test", {"sum.js", "sum.test.js"});
  CHECK(found.mixed);
  CHECK_FALSE(found.has_tests);
  CHECK(found.n_failed == 1);
  CHECK(found.n_passed == 1);
  CHECK(found.ochiai("sum.js", 3) > 0);
}

TEST_CASE("trace_check: what a test starts, a program or a worker, runs its lines for the test") {
  if (!runs_node()) return;
  const test::TempDir folder;
  folder.write("sum.js", kSum);
  folder.write("cli.js",
               "const [, , a, b] = process.argv;\nconsole.log(require('./sum.js').sum(Number(a), Number(b)));\n");
  folder.write("work.js", "require('worker_threads').parentPort.postMessage(require('./sum.js').never());\n");
  folder.write("cli.test.mjs",
               "import { test } from 'node:test';\nimport assert from 'node:assert';\n"
               "import { execFileSync } from 'node:child_process';\nimport { Worker } from 'node:worker_threads';\n"
               "const run = (...words) => execFileSync(process.execPath, ['cli.js', ...words]).toString();\n"
               "test('small', () => assert.equal(run('1', '2'), '3\\n'));\n"
               "test('large', () => assert.equal(run('11', '2'), '13\\n'));\n"
               "test('worker', async () => {\n"
               "  const code = await new Promise(done => new Worker('./work.js').on('exit', done));\n"
               "  assert.equal(code, 0);\n});\n");
  const agent::Coverage found = trace(folder, "node --test", {"sum.js", "cli.js", "work.js", "cli.test.mjs"});
  CHECK(found.has_tests);
  CHECK(found.n_failed == 1);
  CHECK(found.n_passed == 2);
  CHECK(line_of(found, "cli.js", 2) == "1 1 -");
  CHECK(line_of(found, "sum.js", 3) == "1 0 -");
  CHECK(line_of(found, "sum.js", 5) == "0 1 -");
  CHECK(line_of(found, "sum.js", 8) == "0 1 -");
}

TEST_CASE("trace_check: a test that ends its process, or fails after its time, is one that failed") {
  if (!runs_node()) return;
  const test::TempDir folder;
  folder.write("sum.js", kSum);
  folder.write("sum.test.js",
               "const { it } = require('node:test');\nconst { sum, never } = require('./sum.js');\n"
               "it('a', () => { sum(1, 2); });\n"
               "it('b', (t, done) => { setTimeout(() => { sum(11, 2); throw new Error('late'); }, 2); });\n"
               "it('c', () => { never(); process.exit(7); });\n");
  const agent::Coverage found = trace(folder, "node sum.test.js; echo $?", {"sum.js", "sum.test.js"});
  CHECK(found.n_failed == 2);
  CHECK(found.n_passed == 1);
  CHECK(line_of(found, "sum.js", 3) == "1 0 -");
  CHECK(line_of(found, "sum.js", 5) == "0 1 -");
  CHECK(line_of(found, "sum.js", 8) == "1 0 -");
  CHECK(found.output.ends_with("7\n"));
}

TEST_CASE("trace_check: without a test tool each run is a test, by its exit code, and says nothing of a patch") {
  if (!runs_node()) return;
  const test::TempDir folder;
  folder.write("sum.js", kSum);
  folder.write("a.js", "if (require('./sum').sum(1, 2) !== 3) process.exit(1);\n");
  folder.write("b.mjs",
               "import s from './sum.js';\nprocess.on('exit', () => { if (s.sum(11, 2) !== 13) process.exit(3); });\n");
  folder.write("c.js", "process.on('exit', () => { if (require('./sum').never() !== 2) process.exitCode = 4; });\n");
  const std::vector<std::string> files = {"sum.js", "a.js", "b.mjs", "c.js"};
  const agent::Coverage found = trace(folder, "node a.js; node b.mjs; node c.js", files);
  CHECK_FALSE(found.has_tests);
  CHECK(found.n_failed == 2);
  CHECK(found.n_passed == 1);
  CHECK(line_of(found, "sum.js", 3) == "1 0 loaded");
  CHECK(line_of(found, "sum.js", 5) == "0 1 loaded");
  CHECK(line_of(found, "sum.js", 8) == "1 0 loaded");
  const agent::Coverage one = trace(folder, "node b.mjs", files);
  CHECK(one.n_failed == 1);
  CHECK(one.n_passed == 0);
  CHECK(line_of(one, "sum.js", 5) == "not run");
  // `node --test` takes a file without tests of its own for one.
  const agent::Coverage asked = trace(folder, "node --test a.js b.mjs", files);
  CHECK(asked.has_tests);
  CHECK(asked.n_failed == 1);
  CHECK(asked.n_passed == 1);
}

TEST_CASE("trace_check: a program sees the words, variables and streams it had, and a check its own NODE_OPTIONS") {
  if (!runs_node()) return;
  const test::TempDir folder;
  folder.write("say.js",
               "console.log(process.argv.length, process.execArgv.join(), module.parent, require.main === module);\n"
               "console.log(Object.keys(globalThis).filter(name => /graft|trace/i.test(name)).length);\n"
               "console.log(require('./own.js').length, process.listenerCount('exit'), "
               "process.env.NODE_OPTIONS.includes('--stack-trace-limit=7'));\n"
               "console.error('aside');\nprocess.exitCode = 5;\n");
  folder.write("own.js", "module.exports = [...Error.stackTraceLimit === 7 ? 'seven' : ''];\n");
  for (const char* set : {"NODE_OPTIONS=--stack-trace-limit=7 ", "NODE_OPTIONS='--stack-trace-limit=7 --no-warnings' ",
                          "NODE_OPTIONS=\"--stack-trace-limit=7\" "}) {
    CAPTURE(set);
    const agent::Coverage found = trace(folder, std::string(set) + "node say.js word; echo $?", {"say.js", "own.js"});
    CHECK(found.output == "3  null true\n0\n5 0 true\naside\n5\n");
    CHECK(line_of(found, "say.js", 1) == "1 0 loaded");
  }
}

TEST_CASE("trace_check: what TypeScript's compiler made is told by its source map, or not at all") {
  if (!runs_node()) return;
  const test::TempDir folder;
  folder.write(
      "src/total.ts",
      "type Price = {\n  amount: number;\n};\n\nexport function total(prices: Price[], off?: number): number {\n"
      "  let sum = 0;\n  for (const price of prices) sum += price.amount;\n  if (off !== undefined)\n    sum += off;\n"
      "  return sum;\n}\n");
  const std::string made =
      "\"use strict\";\nObject.defineProperty(exports, \"__esModule\", { value: true });\nexports.total = total;\n"
      "function total(prices, off) {\n    let sum = 0;\n    for (const price of prices)\n        sum += price.amount;\n"
      "    if (off !== undefined)\n        sum += off;\n    return sum;\n}\n";
  const std::string mappings =
      ";;AAIA,sBAMC;AAND,SAAgB,KAAK,CAAC,MAAe,EAAE,GAAY;IACjD,IAAI,GAAG,GAAG,CAAC,CAAC;IACZ,KAAK,MAAM,KAAK,IAAI,MAAM;"
      "QAAE,GAAG,IAAI,KAAK,CAAC,MAAM,CAAC;"
      "IAChD,IAAI,GAAG,KAAK,SAAS;QACnB,GAAG,IAAI,GAAG,CAAC;IACb,OAAO,GAAG,CAAC;AACb,CAAC";
  folder.write("dist/total.js", made + "//# sourceMappingURL=total.js.map\n");
  folder.write("total.test.js",
               "const test = require('node:test');\nconst assert = require('assert');\nconst { total } = "
               "require('./dist/total.js');\n"
               "test('a', () => assert.equal(total([{ amount: 2 }]), 2));\n"
               "test('b', () => assert.equal(total([{ amount: 2 }], 1), 1));\n");
  // The compiler's output is no file that graft reads: ignored, or made by the check.
  const std::vector<std::string> files = {"src/total.ts", "total.test.js"};
  const auto map = [&](const std::string& more) {
    folder.write("dist/total.js.map", "{\"version\":3,\"file\":\"total.js\",\"sources\":[\"../src/total.ts\"]," + more +
                                          "\"mappings\":\"" + mappings + "\"}");
  };
  map("");
  const agent::Coverage found = trace(folder, "node --test", files);
  CHECK(found.n_failed == 1);
  CHECK(found.n_passed == 1);
  CHECK(line_of(found, "src/total.ts", 7) == "1 1 -");
  CHECK(line_of(found, "src/total.ts", 8) == "1 1 -");
  CHECK(line_of(found, "src/total.ts", 9) == "1 0 -");
  CHECK(line_of(found, "src/total.ts", 2) == "not run");
  map("\"sourcesContent\":[\"what was there before\\n\"],");
  CHECK_FALSE(trace(folder, "node --test", files).lines.contains("src/total.ts"));
  folder.write("dist/total.js.map", "{\"version\":3,\"sources\":[\"../src/total.ts\"],\"mappings\":\"AAIA,!!\"}");
  const agent::Coverage damaged = trace(folder, "node --test", files);
  CHECK(damaged.n_failed == 1);
  CHECK_FALSE(damaged.lines.contains("src/total.ts"));
}

TEST_CASE("trace_check: text made in memory is told by the map in it, else left out") {
  if (!runs_node()) return;
  const test::TempDir folder;
  folder.write("sum.js", kSum);
  folder.write("test.js", "require('./load.js');\nif (require('./sum.js').sum(11, 2) !== 13) process.exit(1);\n");
  // As Babel and its like do it: three lines in front of all others.
  const std::string load =
      "const fs = require('fs');\nrequire('module')._extensions['.js'] = (module, name) => {\n"
      "  const text = fs.readFileSync(name, 'utf8'), lines = text.split('\\n').map((line, i) => i === 0 ? 'AAAA' : "
      "'AACA');\n"
      "  const map = { version: 3, sources: [name], mappings: ';;;' + lines.join(';') };\n"
      "  const told = '\\n//# sourceMappingURL=data:application/json;base64,' + "
      "Buffer.from(JSON.stringify(map)).toString('base64');\n";
  const std::vector<std::string> files = {"sum.js", "test.js", "load.js"};
  folder.write("load.js", load + "  module._compile('\\n\\n\\n' + text + told, name);\n};\n");
  const agent::Coverage found = trace(folder, "node test.js", files);
  CHECK(line_of(found, "sum.js", 3) == "1 0 loaded");
  CHECK(line_of(found, "sum.js", 5) == "not run");
  CHECK(line_of(found, "sum.js", 14) == "1 0 loaded");
  folder.write("load.js", load + "  module._compile('\\n\\n\\n' + text, name);\n};\n");
  const agent::Coverage none = trace(folder, "node test.js", files);
  CHECK_FALSE(none.lines.contains("sum.js"));
  CHECK(none.lines.contains("test.js"));
}

TEST_CASE("trace_check: a runner that tells of its tests as Mocha does is understood") {
  if (!runs_node()) return;
  const test::TempDir folder;
  folder.write("sum.js", kSum);
  // Mocha itself is no part of what is installed here: this speaks its events, in its order.
  folder.write(
      "runner.js",
      "class Runner extends require('events') {\n"
      "  constructor() { super(); this.on('test end', () => {}); }\n"
      "  runTests(tests) {\n    for (const [title, body] of tests) {\n      const test = { title, type: 'test' };\n"
      "      this.emit('test', test);\n      let error;\n      try { body(); } catch (caught) { error = caught; }\n"
      "      error ? this.emit('fail', test, error) : this.emit('pass', test);\n      this.emit('test end', test);\n   "
      " }\n"
      "    this.emit('end');\n  }\n}\n"
      "const assert = require('assert'), { sum } = require('./sum.js');\n"
      "new Runner().runTests([['small', () => assert.equal(sum(1, 2), 3)], ['large', () => assert.equal(sum(11, 2), "
      "13)],\n"
      "  ['none', () => {}]]);\n");
  const agent::Coverage found = trace(folder, "node runner.js", {"sum.js", "runner.js"});
  CHECK(found.has_tests);
  CHECK(found.n_failed == 1);
  CHECK(found.n_passed == 2);
  CHECK(line_of(found, "sum.js", 3) == "1 0 -");
  CHECK(line_of(found, "sum.js", 5) == "0 1 -");
}

TEST_CASE("trace_check: a check that runs Python and Node is traced in both, in one run") {
  if (!runs_node()) return;
  const test::TempDir folder;
  folder.write("sum.js", kSum);
  folder.write("sum.test.js",
               "require('node:test')('large', () => { require('assert').equal(require('./sum').sum(11, 2), 13); });\n");
  folder.write("twice.py", "def twice(n):\n    return n + n\n");
  folder.write("test_twice.py",
               "import unittest\nfrom twice import twice\n\n\nclass TwiceTest(unittest.TestCase):\n"
               "    def test_a(self):\n        self.assertEqual(twice(2), 4)\n");
  const agent::Coverage found =
      trace(folder, "python3 -m unittest -q && node --test", {"sum.js", "sum.test.js", "twice.py", "test_twice.py"});
  CHECK(found.n_failed == 1);
  CHECK(found.n_passed == 1);
  CHECK(line_of(found, "sum.js", 3) == "1 0 -");
  CHECK(line_of(found, "twice.py", 2) == "0 1 -");
}

TEST_CASE("traced_languages: those that the check runs and the tree has files of") {
  const auto told = [](const std::vector<std::string>& paths, const char* check, const char* output) {
    const agent::TracedLanguages found = agent::traced_languages(paths, check, output);
    return std::string(found.python ? "python " : "") + (found.node ? "node " : "") + (found.go ? "go " : "") +
           (found.cpp ? "c" : "");
  };
  CHECK(told({"a.py"}, "python3 -m unittest", "") == "python ");
  CHECK(told({"a.js"}, "npm test", "") == "node ");
  CHECK(told({"src/a.ts"}, "make test", "at total (src/a.ts:3:5)") == "node ");
  CHECK(told({"a.js", "a.py"}, "make test", "File \"a.py\", line 3\n  at x (a.js:1:2)") == "python node ");
  CHECK(told({"a.cc", "docs/a.js"}, "ctest", "a.cc:3: error") == "c");
  CHECK(told({"a.cc"}, "node build.js", "") == "");
  CHECK(told({"src/a.c"}, "./check.sh", "check: src/a.c:12: main: Assertion `x' failed.") == "c");
  CHECK(told({"a.h"}, "make check", "") == "");
  CHECK(told({"a.go", "a_test.go"}, "go test ./...", "") == "go ");
  CHECK(told({"a.go", "a_test.go"}, "make check", "    a_test.go:13: got 9") == "go ");
  CHECK(told({"a.go"}, "go vet ./...", "") == "");
}

TEST_CASE("fix: the line that only the failing test of many runs is found, and the patch says which tests ran it") {
  if (!runs_node()) return;
  const test::TempDir folder;
  // Each test calls all by the same name: nothing but the trace tells the one branch that fails from fifteen others.
  std::string program = "exports.price = function (kind, n) {\n  switch (kind) {\n";
  std::string test =
      "const test = require('node:test');\nconst assert = require('assert');\nconst { price } = "
      "require('./price.js');\n";
  for (int i = 0; i < 16; ++i) {
    const std::string kind = std::to_string(i);
    program +=
        "    case " + kind + ":\n      return n " + (i == 11 ? "-" : "+") + " " + std::to_string(100 + i) + ";\n";
    test += "test('kind " + kind + "', () => assert.equal(price(" + kind + ", 7), " + std::to_string(107 + i) + "));\n";
  }
  folder.write("price.js", program + "  }\n};\n");
  folder.write("price.test.js", test);
  agent::FixRequest request;
  request.root = folder.path();
  request.check = "node --test";
  request.budget_checks = 6;
  const auto report = agent::fix(request, {}, {});
  REQUIRE(report);
  REQUIRE(report->status == agent::FixReport::Status::kVerified);
  CHECK(report->patch.find("+      return n + 111;") != std::string::npos);
  CHECK(report->lines.known);
  CHECK(report->lines.failed == 1);
  CHECK(report->lines.passed == 0);
}
