// SPDX-License-Identifier: Apache-2.0
// agent/trace/node_tests.h: which test of node:test, Mocha or Jest runs, and how it ended, for the tracer of node_tracer.h.
//
// Each is watched from outside, by what it does to Node's own classes or by its own events, so that nothing in the work
// tree or its packages has to change.
// Tested with Node 18, 20, 22 and 24, Mocha 5, 10 and 12, Jest 29 and 30.
#pragma once
#include <string_view>

namespace agent {

// graft_trace_tests.cjs
inline constexpr std::string_view kNodeTestsModule = R"JS("use strict";
const { AsyncResource } = require("async_hooks"), EventEmitter = require("events"), Module = require("module");

// node:test: each of its tests is an AsyncResource, and runs in its own scope. The first that does so gives the class
// away, whichever way its module was loaded.
function watchNodeTest({ begin, end }) {
  const prototype = AsyncResource.prototype, own = Object.getOwnPropertyDescriptor(prototype, "runInAsyncScope");
  const known = new WeakMap();
  let hooked = false;
  const isTest = thing => thing.constructor.name === "Test" && thing.parent !== null;
  const start = test => {
    if (isTest(test) && !known.has(test)) known.set(test, begin(known.get(test.parent) ?? null, String(test.name)));
  };
  function hook(base) {
    const { run, postRun } = base;
    base.run = function (...rest) {
      start(this);
      return Reflect.apply(run, this, rest);
    };
    base.postRun = function (...rest) {
      // Before it starts the test after this one.
      if (known.has(this)) end(known.get(this), this.skipped || (this.isTodo && !this.passed) ? undefined : this.passed === true);
      return Reflect.apply(postRun, this, rest);
    };
    hooked = true;
  }
  function runInAsyncScope(...rest) {
    if (this.constructor !== AsyncResource) {
      let base = this;
      while (base !== null && !["run", "postRun", "fail"].every(name => Object.hasOwn(base, name))) base = Object.getPrototypeOf(base);
      if (base !== null && !hooked) hook(base);
      if (base !== null && isTest(this)) {
        Object.defineProperty(prototype, "runInAsyncScope", own);
        start(this);
      }
    }
    return Reflect.apply(own.value, this, rest);
  }
  Object.defineProperty(prototype, "runInAsyncScope", { ...own, value: runInAsyncScope });
}

// Mocha: its Runner listens to itself from the start, and tells of its tests by events.
function watchMocha({ begin, end, save }) {
  const { on } = EventEmitter.prototype;
  const watch = runner => {
    let open = null, outcome;
    const close = () => {
      if (open !== null) end(open, outcome);
      open = null;
    };
    const told = {
      "test": test => {
        close();
        outcome = undefined;
        open = begin(null, String(test.title));
      },
      "pass": () => outcome ??= true,
      "fail": thing => {
        if (open === null) open = begin(null, String(thing.title));
        outcome = false;
      },
      "suite": close,
      "suite end": close,
      "end": () => {
        close();
        save();
      },
    };
    const { emit } = runner;
    runner.emit = function (name, ...rest) {
      const heed = Object.hasOwn(told, name) ? told[name] : null;
      if (heed !== null) heed(...rest);
      return Reflect.apply(emit, this, [name, ...rest]);
    };
  };
  EventEmitter.prototype.on = function (name, listener) {
    if (name === "test end" && this.constructor.name === "Runner" && typeof this.runTests === "function") {
      EventEmitter.prototype.on = on;
      watch(this);
    }
    return Reflect.apply(on, this, [name, listener]);
  };
}

// Jest: its runner tells the environment of a file's tests, where that wants to know.
function watchJest({ begin, end, mix, save }) {
  const watched = new WeakSet();
  const watchFile = environment => {
    if (typeof environment !== "object" || environment === null || watched.has(environment)) return;
    watched.add(environment);
    const { handleTestEvent } = environment;
    let open = null;
    const close = outcome => {
      if (open !== null) end(open, outcome);
      open = null;
    };
    const told = {
      test_start: ({ test }) => {
        close(undefined);
        if (test.concurrent) mix();
        open = begin(null, String(test.name));
      },
      test_skip: () => close(undefined),
      test_todo: () => close(undefined),
      test_done: ({ test }) => close(test.errors.length === 0),
      run_finish: save,
    };
    environment.handleTestEvent = async function (event, state) {
      if (Object.hasOwn(told, event.name)) told[event.name](event);
      if (handleTestEvent) await Reflect.apply(handleTestEvent, environment, [event, state]);
    };
  };
  const wrap = run => function (...rest) {
    watchFile(rest[2]);
    return Reflect.apply(run, this, rest);
  };
  const { load } = Module.prototype;
  Module.prototype.load = function (filename) {
    const told = Reflect.apply(load, this, [filename]);
    if (/[\\/]jest-circus[\\/](build[\\/])?(runner|legacy-code-todo-rewrite[\\/]jestAdapter)\.js$/.test(filename)) {
      if (typeof this.exports === "function") this.exports = wrap(this.exports);
      else if (typeof this.exports.default === "function") this.exports = { __esModule: true, default: wrap(this.exports.default) };
    }
    return told;
  };
}

function watch(trace) {
  watchNodeTest(trace);
  watchMocha(trace);
  if (/jest/.test(process.argv[1] || "")) watchJest(trace);
}

module.exports = { watch };
)JS";

}  // namespace agent
