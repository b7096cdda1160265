// SPDX-License-Identifier: Apache-2.0
#include "agent/code/file_roles.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include "agent/code/language_traits.h"
#include "tools/syntax.h"

namespace agent {
namespace {

std::string_view name_of(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

template <typename Accept>
bool any_folder(std::string_view path, Accept accept) {
  for (size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/')) {
    if (accept(path.substr(0, slash))) return true;
    path.remove_prefix(slash + 1);
  }
  return false;
}

template <size_t n>
bool contains(const std::array<std::string_view, n>& set, std::string_view value) {
  return std::find(set.begin(), set.end(), value) != set.end();
}

bool is_name(char ch) { return std::isalnum(static_cast<unsigned char>(ch)) != 0 || ch == '_' || ch == '-'; }

// Whether the command names this file, and not one whose name ends alike: `test_total.py` does not name `total.py`.
bool names_file(std::string_view check, std::string_view name) {
  for (size_t at = check.find(name); at != std::string_view::npos; at = check.find(name, at + 1)) {
    const size_t end = at + name.size();
    if ((at == 0 || !is_name(check[at - 1])) && (end == check.size() || !is_name(check[end]))) return true;
  }
  return false;
}

// "test" at `at` is the end of a word that has nothing to do with tests: shortest, latest.
bool is_superlative(std::string_view name, size_t at) {
  static constexpr std::array<std::string_view, 8> kFronts = {"shor", "la", "fas", "grea", "con", "brigh", "ligh", "tigh"};
  size_t begin = at;
  while (begin > 0 && std::isalpha(static_cast<unsigned char>(name[begin - 1])) != 0) --begin;
  const size_t end = at + 4;
  return contains(kFronts, name.substr(begin, at - begin)) && (end == name.size() || std::isalpha(static_cast<unsigned char>(name[end])) == 0);
}

}  // namespace

bool is_test_path(std::string_view path) {
  // `python_testcases`, `test_programs`
  if (any_folder(path, [](std::string_view folder) {
        return folder.starts_with("test_") || folder.starts_with("tests_") || folder.ends_with("_test") || folder.ends_with("_tests") ||
               folder.ends_with("testcases") || folder.ends_with("test_cases") || folder.ends_with("testdata");
      }))
    return true;
  static constexpr std::array<std::string_view, 12> kFolders = {"test",     "tests",      "testing",  "spec",
                                                                "specs",    "__tests__",  "e2e",      "unittests",
                                                                "testdata", "unit_tests", "unittest", "fixtures"};
  if (any_folder(path, [](std::string_view folder) { return contains(kFolders, folder); })) return true;
  const std::string_view name = name_of(path);
  const std::string_view stem = name.substr(0, name.find('.'));
  if (name == "conftest.py" || stem == "test" || stem == "tests") return true;
  for (std::string_view front : {"test_", "tests_", "test-"})
    if (stem.starts_with(front)) return true;
  for (std::string_view back : {"_test", "_tests", "_spec", "-test", "_unittest", "Test", "Tests", "IT"})
    if (stem.ends_with(back) && stem.size() > back.size()) return true;
  return name.find(".test.") != std::string_view::npos || name.find(".spec.") != std::string_view::npos;
}

bool is_foreign_path(std::string_view path) {
  static constexpr std::array<std::string_view, 17> kFolders = {
      "node_modules", "vendor",      "third_party", "thirdparty", "3rdparty",      "external",
      "extern",       "dist",        "target",      "out",        "site-packages", ".venv",
      "venv",         "__pycache__", ".tox",        ".git",       "CMakeFiles"};
  if (any_folder(path, [](std::string_view folder) {
        return contains(kFolders, folder) || folder == "build" || folder.starts_with("build-") ||
               folder.starts_with("cmake-build");
      }))
    return true;
  const std::string_view name = name_of(path);
  for (std::string_view part : {".min.", "_pb2.", ".pb.", ".generated.", "doctest.h", "catch.hpp", "catch_amalgamated"})
    if (name.find(part) != std::string_view::npos) return true;
  return false;
}

bool is_judge_path(std::string_view path, std::string_view check) {
  const std::string_view name = name_of(path);
  if (!names_file(check, name)) return false;
  for (std::string_view word : {"check", "verify", "assert", "validate"})
    if (name.find(word) != std::string_view::npos) return true;
  for (size_t at = name.find("test"); at != std::string_view::npos; at = name.find("test", at + 1))
    if (!is_superlative(name, at)) return true;
  return false;
}

bool is_editable_path(std::string_view path, std::string_view check) {
  const auto language = tools::language_of_path(path);
  return language && language_traits(*language) != nullptr && !is_test_path(path) && !is_foreign_path(path) &&
         !is_judge_path(path, check);
}

}  // namespace agent
