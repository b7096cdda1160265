// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "tools/syntax_state.h"

extern "C" {
const TSLanguage* tree_sitter_c();
const TSLanguage* tree_sitter_cpp();
const TSLanguage* tree_sitter_cuda();
const TSLanguage* tree_sitter_python();
const TSLanguage* tree_sitter_javascript();
const TSLanguage* tree_sitter_typescript();
const TSLanguage* tree_sitter_tsx();
const TSLanguage* tree_sitter_rust();
const TSLanguage* tree_sitter_go();
const TSLanguage* tree_sitter_java();
const TSLanguage* tree_sitter_json();
const TSLanguage* tree_sitter_bash();
}

namespace tools {
namespace {

struct NamedLanguage {
  std::string_view name;
  Language language;
};

// A header may be C or C++; the C++ grammar reads nearly all of C.
constexpr NamedLanguage kEndings[] = {{".c", Language::kC},
                                      {".cc", Language::kCpp},
                                      {".cpp", Language::kCpp},
                                      {".cxx", Language::kCpp},
                                      {".c++", Language::kCpp},
                                      {".h", Language::kCpp},
                                      {".hh", Language::kCpp},
                                      {".hpp", Language::kCpp},
                                      {".hxx", Language::kCpp},
                                      {".h++", Language::kCpp},
                                      {".inl", Language::kCpp},
                                      {".ipp", Language::kCpp},
                                      {".tpp", Language::kCpp},
                                      {".cppm", Language::kCpp},
                                      {".ixx", Language::kCpp},
                                      {".cu", Language::kCuda},
                                      {".cuh", Language::kCuda},
                                      {".py", Language::kPython},
                                      {".pyi", Language::kPython},
                                      {".pyw", Language::kPython},
                                      {".js", Language::kJavaScript},
                                      {".mjs", Language::kJavaScript},
                                      {".cjs", Language::kJavaScript},
                                      {".jsx", Language::kJavaScript},
                                      {".ts", Language::kTypeScript},
                                      {".mts", Language::kTypeScript},
                                      {".cts", Language::kTypeScript},
                                      {".tsx", Language::kTsx},
                                      {".rs", Language::kRust},
                                      {".go", Language::kGo},
                                      {".java", Language::kJava},
                                      {".json", Language::kJson},
                                      {".jsonc", Language::kJson},
                                      {".sh", Language::kBash},
                                      {".bash", Language::kBash}};

constexpr NamedLanguage kFileNames[] = {{"SConstruct", Language::kPython}, {"SConscript", Language::kPython},
                                        {".bashrc", Language::kBash},      {".bash_profile", Language::kBash},
                                        {".profile", Language::kBash},     {"PKGBUILD", Language::kBash}};

// The first name of a language is the one that language_name() gives.
constexpr NamedLanguage kLspIds[] = {{"c", Language::kC},
                                     {"cpp", Language::kCpp},
                                     {"cuda-cpp", Language::kCuda},
                                     {"cuda", Language::kCuda},
                                     {"python", Language::kPython},
                                     {"javascript", Language::kJavaScript},
                                     {"javascriptreact", Language::kJavaScript},
                                     {"typescript", Language::kTypeScript},
                                     {"typescriptreact", Language::kTsx},
                                     {"rust", Language::kRust},
                                     {"go", Language::kGo},
                                     {"java", Language::kJava},
                                     {"json", Language::kJson},
                                     {"jsonc", Language::kJson},
                                     {"shellscript", Language::kBash},
                                     {"sh", Language::kBash},
                                     {"bash", Language::kBash}};

template <size_t N>
std::optional<Language> find(const NamedLanguage (&table)[N], std::string_view name) {
  const auto* found =
      std::find_if(std::begin(table), std::end(table), [&](const auto& row) { return row.name == name; });
  if (found == std::end(table)) return std::nullopt;
  return found->language;
}

}  // namespace

std::optional<Language> language_of_path(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);  // npos + 1 is 0
  if (const auto found = find(kFileNames, name)) return found;
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return std::nullopt;
  std::string ending(name.substr(dot));
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return find(kEndings, ending);
}

std::string_view language_name(Language language) {
  const auto* found =
      std::find_if(std::begin(kLspIds), std::end(kLspIds), [&](const auto& row) { return row.language == language; });
  return found->name;
}

std::string_view usual_ending(Language language) {
  const auto* found =
      std::find_if(std::begin(kEndings), std::end(kEndings), [&](const auto& e) { return e.language == language; });
  return found->name;
}

std::optional<Language> language_of_id(std::string_view lsp_language_id) {
  return find(kLspIds, lsp_language_id);
}

const TSLanguage* ts_language(Language language) {
  switch (language) {
    case Language::kC:
      return tree_sitter_c();
    case Language::kCpp:
      return tree_sitter_cpp();
    case Language::kCuda:
      return tree_sitter_cuda();
    case Language::kPython:
      return tree_sitter_python();
    case Language::kJavaScript:
      return tree_sitter_javascript();
    case Language::kTypeScript:
      return tree_sitter_typescript();
    case Language::kTsx:
      return tree_sitter_tsx();
    case Language::kRust:
      return tree_sitter_rust();
    case Language::kGo:
      return tree_sitter_go();
    case Language::kJava:
      return tree_sitter_java();
    case Language::kJson:
      return tree_sitter_json();
    case Language::kBash:
      return tree_sitter_bash();
  }
  return nullptr;
}

}  // namespace tools
