// SPDX-License-Identifier: Apache-2.0
// agent/test_writer/test_types_cpp.h: the C++ types that tests can make and compare, read from source text. Used inside agent/.
//
// Supported: arithmetic types, bool, char, enumerations, std::string and string_view, and std::vector, optional, span and
// pair of supported ones, and structs of the project whose members are all public data of supported types.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/code/syntax_nodes.h"
#include "agent/test_writer/test_target.h"

namespace agent {

struct CppType {
  enum class Kind {
    kUnknown, kVoid, kBool, kChar, kInteger, kUnsigned, kFloat, kString, kVector, kOptional, kSpan, kPair, kStruct, kEnum
  } kind = Kind::kUnknown;
  std::string name;              // to declare a variable: "std::vector<double>", "larder::Date"
  std::vector<CppType> inside;   // of templates
  bool writes = false;           // a non-const reference or pointer: the function may change the argument
};

struct CppStruct {
  std::vector<Parameter> fields;  // by position
  std::string scope;              // "larder"
  bool plain = true;              // public data only: Name{a, b} makes one
  bool equality = false;          // == is declared
};

class CppTypes {
 public:
  // Structs and enumerations of one file.
  void read(const SyntaxNodes& nodes);

  // `scope`: where the name is used, for look-up: "larder".
  CppType parse(std::string_view text, std::string_view scope) const;
  const CppStruct* find_struct(std::string_view qualified) const;
  const std::vector<std::string>* find_enum(std::string_view qualified) const;
  bool knows_scope(std::string_view qualified) const;  // the name is a class or struct, not a namespace

  // Why a value of the type cannot be made (as an argument) or compared (as a result); empty if it can.
  std::string cannot_make(const CppType& type) const;
  std::string cannot_compare(const CppType& type) const;

 private:
  CppType parse_template(std::string_view head, const std::vector<std::string>& inside, std::string_view scope) const;
  CppType parse_named(const std::string& name, std::string_view scope) const;
  std::string cannot_make(const CppType& type, int depth) const;

  std::map<std::string, CppStruct, std::less<>> structs_;  // by qualified name; classes are in it as not plain
  std::map<std::string, std::vector<std::string>, std::less<>> enums_;  // qualified enumerators
};

}  // namespace agent
