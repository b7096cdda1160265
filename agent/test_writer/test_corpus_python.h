// SPDX-License-Identifier: Apache-2.0
// agent/test_writer/test_corpus_python.h: what a repository shows about how a function is called. Used inside agent/.
//
// Bounds   At most kMaxCorpusFiles Python files of at most kMaxCorpusFileBytes are read; more are left out.
#pragma once
#include <map>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "agent/test_writer/test_case.h"
#include "agent/test_writer/test_target.h"
#include "base/result.h"
#include "tools/work_tree.h"

namespace agent {

inline constexpr size_t kMaxCorpusFiles = 2000;
inline constexpr uint64_t kMaxCorpusFileBytes = 256 << 10;

struct PythonExpression {
  std::string text;
  std::vector<std::string> hints;  // import lines of its file
};

struct PythonClass {
  std::vector<Parameter> parameters;  // of its constructor
  std::vector<std::string> members;   // of an enumeration: "Color.RED"
  std::string module;
};

struct PythonCorpus {
  std::vector<TestCase> calls;                                       // of the target
  std::map<std::string, std::vector<PythonExpression>> constructed;  // class -> expressions that make one
  std::map<std::string, PythonClass> classes;
  std::vector<std::string> strings, numbers;  // literals of tests that call the target
};

// `classes`: names whose constructions are wanted besides.
base::Result<PythonCorpus> read_python_corpus(const tools::WorkTree& tree, const TestTarget& target,
                                              const std::vector<std::string>& classes, std::stop_token stop);

struct PythonModule {
  std::string name;         // "kitchen.units"
  std::string import_root;  // folder that has to be on sys.path, relative to the work tree; "" is the tree itself
};
PythonModule python_module(const tools::WorkTree& tree, std::string_view path);

// True for names such as test_units.py and units_test.py.
bool is_python_test_file(std::string_view path);

}  // namespace agent
