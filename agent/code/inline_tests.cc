// SPDX-License-Identifier: Apache-2.0
#include "agent/code/inline_tests.h"

#include <algorithm>

#include "agent/code/language_traits.h"
#include "agent/code/syntax_nodes.h"
#include "agent/code/words.h"

namespace agent {
namespace {

using tools::Language;
using tools::Range;

// doctest, Catch2, GoogleTest, Boost.
const Words kTestMacros = {"TEST_CASE",
                           "TEST",
                           "TEST_F",
                           "TEST_P",
                           "TYPED_TEST",
                           "TEST_CASE_TEMPLATE",
                           "TEST_CASE_METHOD",
                           "SCENARIO",
                           "TEST_SUITE",
                           "BOOST_AUTO_TEST_CASE",
                           "BOOST_FIXTURE_TEST_CASE",
                           "BOOST_AUTO_TEST_SUITE"};
const Words kTestCalls = {"describe", "it", "test", "suite"};  // of JavaScript's test tools
const Words kAssertions = {"assert",          "static_assert",   "assert_eq", "assert_ne", "debug_assert",
                           "debug_assert_eq", "debug_assert_ne", "CHECK",     "REQUIRE"};

const Words kTestMarks = {"@Test", "@ParameterizedTest", "@RepeatedTest"};  // of JUnit

constexpr std::string_view kExample = ">>> ";  // of Python's doctest

// Words without which there is no test, for a quick look; where there are none, the language has its tests elsewhere.
Words signs_of(Language language) {
  switch (language) {
    case Language::kRust:
      return {"test", "assert"};
    case Language::kPython:
      return {"def test", "class Test", "TestCase", "assert", kExample};
    case Language::kJavaScript:
    case Language::kTypeScript:
    case Language::kTsx:
      return {"describe", "it(", "test", "suite(", "assert"};
    case Language::kJava:
      return {"@Test", "@ParameterizedTest", "@RepeatedTest", "assert"};
    case Language::kC:
    case Language::kCpp:
    case Language::kCuda:
      return {"TEST", "SCENARIO", "assert", "CHECK", "REQUIRE", "EXPECT_", "ASSERT_"};
    default:
      return {};
  }
}

std::string_view word_at_front(std::string_view text) {
  size_t n = 0;
  while (n < text.size() && (text[n] == '_' || (text[n] >= '0' && text[n] <= '9') ||
                             (text[n] >= 'A' && text[n] <= 'Z') || (text[n] >= 'a' && text[n] <= 'z')))
    ++n;
  return text.substr(0, n);
}

class Finder {
 public:
  explicit Finder(const tools::SyntaxTree& tree)
      : nodes_(tree),
        language_(tree.language()),
        has_examples_(language_ == Language::kPython && tree.text().find(kExample) != std::string_view::npos) {}

  std::vector<Range> find() {
    for (int i = 0; i < nodes_.size(); ++i)
      if (nodes_[i].named && (found_.empty() || nodes_[i].range.begin >= found_.back().end)) look_at(i);
    return std::move(found_);
  }

 private:
  // A statement of its own that asserts: assert x, assert(x), assert!(x), assert.equal(x, y), console.assert(x),
  // EXPECT_EQ(x, y).
  bool asserts(int i) const {
    const std::string_view type = nodes_[i].type;
    if (type == "assert_statement" || type == "static_assert_declaration") return true;
    if (type != "expression_statement") return false;
    const std::vector<int> parts = nodes_.named_children(i);
    if (parts.size() != 1 ||
        (nodes_[parts[0]].type != "call_expression" && nodes_[parts[0]].type != "macro_invocation"))
      return false;
    const std::string_view text = nodes_.text(i), word = word_at_front(text);
    return is_one_of(word, kAssertions) || word.starts_with("EXPECT_") || word.starts_with("ASSERT_") ||
           text.starts_with("console.assert(");
  }

  void look_at(int i) {
    if (asserts(i)) return found_.push_back(nodes_[i].range);
    switch (language_) {
      case Language::kRust:
        return rust(i);
      case Language::kPython:
        return python(i);
      case Language::kJava:
        return java(i);
      case Language::kC:
      case Language::kCpp:
      case Language::kCuda:
        return cpp(i);
      default:
        return script(i);
    }
  }

  // What follows `i` among its parent's children; -1 at the end.
  int next_of(int i) const {
    if (nodes_.parent(i) < 0) return -1;
    const std::vector<int> siblings = nodes_.named_children(nodes_.parent(i));
    const auto at = std::find(siblings.begin(), siblings.end(), i);
    return at == siblings.end() || at + 1 == siblings.end() ? -1 : *(at + 1);
  }

  // #[test], #[tokio::test], #[cfg(test)], #[cfg(all(test, unix))], #[rstest], and the item behind them.
  void rust(int i) {
    if (nodes_[i].type != "attribute_item") return;
    const std::string_view text = nodes_.text(i);
    const bool judges = has_word(text, "test") || has_word(text, "rstest") || has_word(text, "test_case") ||
                        has_word(text, "quickcheck");
    if (!judges || has_word(text, "not")) return;
    int item = next_of(i);
    while (item >= 0 && nodes_[item].type == "attribute_item") item = next_of(item);
    if (item >= 0) found_.push_back({nodes_[i].range.begin, nodes_[item].range.end});
  }

  // A class of tests, or a function that is called so and asserts. Examples in a docstring; and where there are any, the
  // names of what is defined: under another name the docstring is another's, or nobody's, and its examples do not run.
  void python(int i) {
    if (is_docstring(i) && nodes_.text(i).find(kExample) != std::string_view::npos)
      return found_.push_back(nodes_[i].range);
    const bool is_class = nodes_[i].type == "class_definition";
    if (!is_class && nodes_[i].type != "function_definition") return;
    const int name = nodes_.child_of_field(i, "name"), bases = nodes_.child_of_field(i, "superclasses");
    if (name < 0) return;
    const std::string_view called = nodes_.text(name);
    const bool judges =
        is_class ? (bases >= 0 && nodes_.text(bases).find("TestCase") != std::string_view::npos) ||
                       (called.starts_with("Test") && nodes_.text(i).find("def test") != std::string_view::npos)
                 : called.starts_with("test") && has_word(nodes_.text(i), "assert");
    const int parent = nodes_.parent(i);
    if (judges)
      found_.push_back(nodes_[parent >= 0 && nodes_[parent].type == "decorated_definition" ? parent : i].range);
    else if (has_examples_)
      found_.push_back(nodes_[name].range);
  }

  // A string that is the first statement of a module, a class or a function.
  bool is_docstring(int i) const {
    const int parent = nodes_.parent(i);
    if (nodes_[i].type != "expression_statement" || parent < 0) return false;
    if (nodes_[parent].type != "module" && nodes_[parent].type != "block") return false;
    const std::vector<int> parts = nodes_.named_children(i);
    if (parts.size() != 1 || nodes_[parts[0]].type != "string") return false;
    for (const int sibling : nodes_.named_children(parent))
      if (nodes_[sibling].type != "comment") return sibling == i;
    return false;
  }

  void java(int i) {
    if (nodes_[i].type != "method_declaration") return;
    const std::string_view text = nodes_.text(i).substr(0, nodes_.text(i).find('{'));
    for (const std::string_view mark : kTestMarks)
      if (text.find(mark) != std::string_view::npos) return found_.push_back(nodes_[i].range);
  }

  // A macro with a body is a function, a call and a block, or an error to the grammar, by what stands in its
  // parentheses.
  void cpp(int i) {
    const std::string_view text = nodes_.text(i), word = word_at_front(text);
    if (!is_one_of(word, kTestMacros) || text.size() == word.size()) return;
    const std::string_view rest = text.substr(word.size());
    if (const size_t at = rest.find_first_not_of(" \t\n"); at == std::string_view::npos || rest[at] != '(') return;
    if (text.ends_with("}")) return found_.push_back(nodes_[i].range);
    const int body = next_of(i);
    if (body >= 0 && nodes_[body].type == "compound_statement")
      found_.push_back({nodes_[i].range.begin, nodes_[body].range.end});
  }

  // test('what', () => ...), describe.skip(...), if (import.meta.vitest) ...
  void script(int i) {
    if (nodes_[i].type == "if_statement") {
      const int condition = nodes_.child_of_field(i, "condition");
      if (condition >= 0 && nodes_.text(condition).find("import.meta.vitest") != std::string_view::npos)
        found_.push_back(nodes_[i].range);
      return;
    }
    if (nodes_[i].type != "expression_statement") return;
    const std::vector<int> parts = nodes_.named_children(i);
    if (parts.size() != 1 || nodes_[parts[0]].type != "call_expression") return;
    const int list = nodes_.child_of_field(parts[0], "arguments");
    if (list < 0 || !is_one_of(word_at_front(nodes_.text(i)), kTestCalls)) return;
    const std::vector<int> arguments = nodes_.named_children(list);
    const std::string_view last = arguments.size() < 2 ? "" : nodes_[arguments.back()].type;
    if (last == "arrow_function" || last == "function_expression" || last == "function")
      found_.push_back(nodes_[i].range);
  }

  const SyntaxNodes nodes_;
  const Language language_;
  const bool has_examples_;  // of doctest
  std::vector<Range> found_;
};

}  // namespace

std::vector<Range> inline_tests(const tools::SyntaxTree& tree) {
  const Words signs = signs_of(tree.language());
  const std::string_view text = tree.text();
  if (std::none_of(signs.begin(), signs.end(),
                   [&](std::string_view sign) { return text.find(sign) != std::string_view::npos; }))
    return {};
  return Finder(tree).find();
}

}  // namespace agent
