// SPDX-License-Identifier: Apache-2.0
#include "agent/code/language_traits.h"

namespace agent {
namespace {

LanguageTraits python() {
  LanguageTraits t;
  t.functions = {"function_definition", "lambda"};
  t.classes = {"class_definition"};
  t.blocks = {"block", "module"};
  t.loops = {"for_statement", "while_statement"};
  t.conditionals = {"if_statement",           "elif_clause", "while_statement",
                    "conditional_expression", "if_clause",   "assert_statement"};
  t.statements = {"expression_statement", "return_statement", "break_statement", "continue_statement",
                  "raise_statement",      "pass_statement",   "delete_statement"};
  t.binaries = {"binary_operator", "boolean_operator", "comparison_operator", "augmented_assignment"};
  t.calls = {"call"};
  t.arguments = {"argument_list"};
  t.members = {"attribute"};
  t.subscripts = {"subscript"};
  t.integers = {"integer"};
  t.strings = {"string"};
  t.parameters = {"parameters", "lambda_parameters"};
  t.imports = {"import_statement", "import_from_statement", "future_import_statement"};
  t.not_prefix = "not ";
  t.and_word = "and";
  t.or_word = "or";
  t.true_word = "True";
  t.false_word = "False";
  t.null_word = "None";
  t.statement_end = "";
  t.comment = "#";
  t.braces = false;
  return t;
}

// What the languages with C's surface share.
LanguageTraits braces() {
  LanguageTraits t;
  t.loops = {"for_statement", "while_statement", "do_statement", "for_range_loop"};
  t.conditionals = {"if_statement", "while_statement", "do_statement", "conditional_expression", "ternary_expression"};
  t.statements = {"expression_statement", "return_statement", "break_statement", "continue_statement",
                  "throw_statement"};
  t.binaries = {"binary_expression", "assignment_expression"};
  t.calls = {"call_expression"};
  t.arguments = {"argument_list"};
  t.subscripts = {"subscript_expression"};
  t.not_prefix = "!";
  t.and_word = "&&";
  t.or_word = "||";
  t.true_word = "true";
  t.false_word = "false";
  t.null_word = "null";
  t.statement_end = ";";
  t.comment = "//";
  return t;
}

LanguageTraits cpp(bool is_c) {
  LanguageTraits t = braces();
  t.functions = {"function_definition", "lambda_expression"};
  t.classes = {"class_specifier", "struct_specifier"};
  t.blocks = {"compound_statement", "case_statement"};
  t.members = {"field_expression"};
  t.integers = {"number_literal"};
  t.strings = {"string_literal"};
  t.characters = {"char_literal"};
  t.parameters = {"parameter_list"};
  t.imports = {"preproc_include", "using_declaration"};
  t.null_word = is_c ? "NULL" : "nullptr";
  return t;
}

LanguageTraits javascript() {
  LanguageTraits t = braces();
  t.functions = {"function_declaration",           "function_expression", "arrow_function", "method_definition",
                 "generator_function_declaration", "generator_function"};
  t.classes = {"class_declaration", "class"};
  t.blocks = {"statement_block", "program", "switch_case", "switch_default"};
  t.loops = {"for_statement", "for_in_statement", "while_statement", "do_statement"};
  t.binaries = {"binary_expression", "assignment_expression", "augmented_assignment_expression"};
  t.arguments = {"arguments"};
  t.members = {"member_expression"};
  t.integers = {"number"};
  t.strings = {"string"};
  t.parameters = {"formal_parameters"};
  t.imports = {"import_statement"};
  return t;
}

LanguageTraits java() {
  LanguageTraits t = braces();
  t.functions = {"method_declaration", "constructor_declaration", "lambda_expression"};
  t.classes = {"class_declaration", "record_declaration", "enum_declaration"};
  t.blocks = {"block", "constructor_body", "switch_block_statement_group"};
  t.loops = {"for_statement", "enhanced_for_statement", "while_statement", "do_statement"};
  t.calls = {"method_invocation", "object_creation_expression"};
  t.members = {"field_access"};
  t.subscripts = {"array_access"};
  t.integers = {"decimal_integer_literal"};
  t.strings = {"string_literal"};
  t.characters = {"character_literal"};
  t.parameters = {"formal_parameters"};
  t.imports = {"import_declaration"};
  return t;
}

LanguageTraits go() {
  LanguageTraits t = braces();
  t.functions = {"function_declaration", "method_declaration", "func_literal"};
  t.classes = {"type_declaration"};
  t.blocks = {"block", "statement_list", "expression_case", "default_case"};
  t.loops = {"for_statement"};
  t.conditionals = {"if_statement"};
  t.statements = {"expression_statement", "return_statement", "break_statement", "continue_statement",
                  "assignment_statement", "inc_statement",    "dec_statement",   "send_statement"};
  t.binaries = {"binary_expression", "assignment_statement"};
  t.members = {"selector_expression"};
  t.subscripts = {"index_expression"};
  t.integers = {"int_literal"};
  t.strings = {"interpreted_string_literal"};
  t.characters = {"rune_literal"};
  t.parameters = {"parameter_list"};
  t.imports = {"import_declaration"};
  t.null_word = "nil";
  t.statement_end = "";
  return t;
}

LanguageTraits rust() {
  LanguageTraits t = braces();
  t.functions = {"function_item", "closure_expression"};
  t.classes = {"struct_item", "impl_item", "enum_item", "trait_item"};
  t.blocks = {"block"};
  t.loops = {"for_expression", "while_expression", "loop_expression"};
  t.conditionals = {"if_expression", "while_expression"};
  t.statements = {"expression_statement"};
  t.binaries = {"binary_expression", "assignment_expression", "compound_assignment_expr"};
  t.arguments = {"arguments"};
  t.members = {"field_expression"};
  t.subscripts = {"index_expression"};
  t.integers = {"integer_literal"};
  t.strings = {"string_literal"};
  t.characters = {"char_literal"};
  t.parameters = {"parameters"};
  t.imports = {"use_declaration"};
  t.null_word = "None";
  return t;
}

}  // namespace

const LanguageTraits* language_traits(tools::Language language) {
  using tools::Language;
  static const LanguageTraits kPython = python(), kC = cpp(true), kCpp = cpp(false), kJavaScript = javascript(),
                              kJava = java(), kGo = go(), kRust = rust();
  switch (language) {
    case Language::kPython:
      return &kPython;
    case Language::kC:
      return &kC;
    case Language::kCpp:
    case Language::kCuda:
      return &kCpp;
    case Language::kJavaScript:
    case Language::kTypeScript:
    case Language::kTsx:
      return &kJavaScript;
    case Language::kJava:
      return &kJava;
    case Language::kGo:
      return &kGo;
    case Language::kRust:
      return &kRust;
    case Language::kJson:
    case Language::kBash:
      return nullptr;
  }
  return nullptr;
}

}  // namespace agent
