// SPDX-License-Identifier: Apache-2.0
// agent/test_writer/test_target.h: the function that tests are written for, as far as its source text tells. Used inside agent/.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "agent/code/syntax_nodes.h"
#include "base/result.h"

namespace agent {

struct Parameter {
  std::string name;
  std::string type;           // as written; empty where Python has no annotation
  std::string default_value;  // source text; empty: required
  bool keyword_only = false;  // Python, after `*`
};

struct TestTarget {
  std::string name;        // last part
  std::string scope;       // class (Python) or namespaces and class (C++), "larder::Stock"; empty at the top
  enum class Call { kFunction, kMethod, kClassMethod, kProperty } call = Call::kFunction;
  bool is_async = false;
  std::vector<Parameter> parameters;  // without self and cls
  std::string result_type;
  bool may_change_object = false;     // C++: a method without `const`
  tools::Range range;      // the whole definition in its file
  tools::Range body;       // without signature and docstring: where mutants are made
  std::vector<std::string> strings;   // unquoted literals of body and docstring
  std::vector<std::string> numbers;   // number literals of the body, as written
  std::string unsupported;            // a sentence on why no test can be written; else empty

  std::string qualified(std::string_view separator) const {
    return scope.empty() ? name : scope + std::string(separator) + name;
  }
};

// All functions that could be called from a test, by position. Private ones carry their reason in `unsupported`.
std::vector<TestTarget> python_targets(const SyntaxNodes& nodes);
std::vector<TestTarget> cpp_targets(const SyntaxNodes& nodes);

// The text of a Python or C string literal as the program sees it, for the escapes that matter in inputs (\n \t \\ \" \').
std::string unquote(std::string_view literal);

// True where the code asks for the time: what it returns now is no test of tomorrow.
bool reads_clock(std::string_view code);

// Adds `text` unless it is there.
void add_unique(std::vector<std::string>& list, std::string text);

}  // namespace agent
