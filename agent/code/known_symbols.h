// SPDX-License-Identifier: Apache-2.0
// agent/code/known_symbols.h: which header or module of the standard libraries declares a name.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace agent {

// "sort" -> "algorithm": a header of the C++ standard library for a name of namespace std.
std::optional<std::string_view> cpp_header_of(std::string_view name);
// "strlen" -> "string.h".
std::optional<std::string_view> c_header_of(std::string_view name);
// A module of Python's standard library that people name as a whole.
bool is_python_module(std::string_view name);
// "Counter" -> "collections".
std::optional<std::string_view> python_module_of(std::string_view name);

}  // namespace agent
