// SPDX-License-Identifier: Apache-2.0
#include "agent/test_writer/test_inputs_cpp.h"

#include <algorithm>
#include <cctype>

#include "agent/test_writer/test_inputs.h"
#include "base/strings.h"

namespace agent {
namespace {

using Kind = CppType::Kind;
using Texts = std::vector<std::string>;

constexpr size_t kMaxPool = 32;
constexpr size_t kMaxSeenCalls = 30;
constexpr size_t kMaxMade = 16;
constexpr size_t kEnoughMade = 4;  // with so many seen in the repository, none is invented: people keep the invariants
constexpr size_t kMaxFiles = 2000;
constexpr uint64_t kMaxFileBytes = 512u << 10;
constexpr int kMaxDepth = 4;

std::string last_part(std::string_view qualified) {
  const size_t colons = qualified.rfind("::");
  return std::string(colons == std::string_view::npos ? qualified : qualified.substr(colons + 2));
}

bool is_integer(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; });
}

class CorpusReader {
 public:
  CorpusReader(const SyntaxNodes& nodes, const TestTarget& target, const CppTypes& types, CppCorpus& corpus)
      : nodes_(nodes), is_test_(nodes.tree().text().find("TEST_CASE(") != std::string::npos), target_(target),
        types_(types), corpus_(corpus) {
    for (const Parameter& parameter : target.parameters) parameter_types_.push_back(types.parse(parameter.type, target.scope));
  }

  void read() {
    for (int i = 0; i < nodes_.size(); ++i) {
      if (nodes_[i].type == "call_expression") read_call(i);
      if (nodes_[i].type == "compound_literal_expression") read_made(i);
    }
  }

 private:
  // The expression for a parameter of this type, from literals alone; empty if it is anything else.
  std::string closed(int node, const CppType& type) const {
    const std::string_view kind = nodes_[node].type;
    const std::string text(nodes_.text(node));
    if (kind == "initializer_list") {
      if (type.kind == Kind::kStruct) return struct_literal(type.name, node);
      if (type.kind == Kind::kVector || type.kind == Kind::kSpan) return list_literal(type, node);
      return "";
    }
    if (kind == "compound_literal_expression") {
      const int named = nodes_.child_of_field(node, "type");
      const int value = nodes_.child_of_field(node, "value");
      if (named < 0 || value < 0) return "";
      if (type.kind == Kind::kStruct && last_part(type.name) == last_part(nodes_.text(named)))
        return struct_literal(type.name, value);
      if (type.kind == Kind::kVector || type.kind == Kind::kSpan) return list_literal(type, value);
      return "";
    }
    const bool string = kind == "string_literal" && type.kind == Kind::kString;
    const bool number = (kind == "number_literal" || (kind == "unary_expression" && text.starts_with('-') &&
                                                      !nodes_.named_children(node).empty() &&
                                                      nodes_[nodes_.named_children(node)[0]].type == "number_literal")) &&
                        (type.kind == Kind::kInteger || type.kind == Kind::kUnsigned || type.kind == Kind::kFloat);
    const bool truth = (kind == "true" || kind == "false") && type.kind == Kind::kBool;
    const bool character = kind == "char_literal" && type.kind == Kind::kChar;
    if (type.kind == Kind::kOptional) return kind == "identifier" ? "" : closed(node, type.inside[0]);
    return string || number || truth || character ? text : "";
  }

  std::string struct_literal(const std::string& name, int list) const {
    const CppStruct* known = types_.find_struct(name);
    const std::vector<int> values = nodes_.named_children(list);
    if (known == nullptr || !known->plain || values.size() > known->fields.size()) return "";
    std::string text = name + "{";
    for (size_t i = 0; i < values.size(); ++i) {
      const std::string value = closed(values[i], types_.parse(known->fields[i].type, name));
      if (value.empty()) return "";
      text += (i > 0 ? ", " : "") + value;
    }
    return text + "}";
  }

  std::string list_literal(const CppType& type, int list) const {
    std::string text = type.name + "{";
    const std::vector<int> values = nodes_.named_children(list);
    for (size_t i = 0; i < values.size(); ++i) {
      const std::string value = closed(values[i], type.inside[0]);
      if (value.empty()) return "";
      text += (i > 0 ? ", " : "") + value;
    }
    return text + "}";
  }

  void read_call(int node) {
    const int callee = nodes_.child_of_field(node, "function");
    const int arguments = nodes_.child_of_field(node, "arguments");
    if (callee < 0 || arguments < 0) return;
    const std::string_view name = nodes_.text(callee);
    const bool ours = name == target_.name || (name.ends_with("::" + target_.name));
    if (!ours) return;
    if (is_test_) read_near_literals(node);
    const std::vector<int> values = nodes_.named_children(arguments);
    TestCase seen;
    bool whole = values.size() <= parameter_types_.size() && target_.call != TestTarget::Call::kMethod;
    for (size_t i = 0; i < values.size() && i < parameter_types_.size(); ++i) {
      std::string text = closed(values[i], parameter_types_[i]);
      whole = whole && !text.empty();
      if (!text.empty()) add_unique(corpus_.arguments[i], text);
      seen.arguments.push_back(std::move(text));
    }
    const bool known = std::find(corpus_.calls.begin(), corpus_.calls.end(), seen) != corpus_.calls.end();
    if (whole && !known && corpus_.calls.size() < kMaxSeenCalls) corpus_.calls.push_back(std::move(seen));
  }

  void read_near_literals(int node) {
    // doctest's TEST_CASE("...") { } is parsed as a function or as a call with a block behind it.
    int around = nodes_.ancestor_of_type(node, {"function_definition", "compound_statement"});
    for (int outer = around; outer >= 0; outer = nodes_.ancestor_of_type(outer, {"function_definition", "compound_statement"}))
      around = outer;
    if (around < 0) return;
    const tools::Range range = nodes_[around].range;
    for (int i = around; i < nodes_.size() && nodes_[i].range.begin < range.end; ++i) {
      if (nodes_[i].type == "string_literal" && corpus_.strings.size() < 40 && nodes_.text(i).size() <= 80)
        add_unique(corpus_.strings, unquote(nodes_.text(i)));
      if (nodes_[i].type == "number_literal" && corpus_.numbers.size() < 40)
        add_unique(corpus_.numbers, std::string(nodes_.text(i)));
    }
  }

  void read_made(int node) {
    const int named = nodes_.child_of_field(node, "type");
    const int value = nodes_.child_of_field(node, "value");
    if (named < 0 || value < 0) return;
    const CppType type = types_.parse(nodes_.text(named), target_.scope);
    if (type.kind != Kind::kStruct || corpus_.made[type.name].size() >= kMaxMade) return;
    std::string text = struct_literal(type.name, value);
    if (!text.empty()) add_unique(corpus_.made[type.name], std::move(text));
  }

  const SyntaxNodes& nodes_;
  const bool is_test_;
  const TestTarget& target_;
  const CppTypes& types_;
  CppCorpus& corpus_;
  std::vector<CppType> parameter_types_;
};

class Pools {
 public:
  Pools(const TestTarget& target, const CppTypes& types, const CppCorpus& corpus) : types_(types), corpus_(corpus) {
    for (const auto* list : {&target.strings, &corpus.strings})
      for (const std::string& value : *list) add_unique(strings_, value);
    for (const auto* list : {&target.numbers, &corpus.numbers})
      for (const std::string& value : *list) add_unique(numbers_, value);
  }

  Texts of(const CppType& type, std::string_view name, int depth = 0) const {
    Texts values = make(type, name, depth);
    if (values.size() > kMaxPool) values.resize(kMaxPool);
    return values;
  }

 private:
  Texts make(const CppType& type, std::string_view name, int depth) const {
    if (depth > kMaxDepth) return {};
    switch (type.kind) {
      case Kind::kBool: return {"true", "false"};
      case Kind::kChar: return characters();
      case Kind::kInteger: return integers(name, true);
      case Kind::kUnsigned: return integers(name, false);
      case Kind::kFloat: return floats();
      case Kind::kString: return texts();
      case Kind::kVector:
      case Kind::kSpan: return lists(type, depth);
      case Kind::kOptional: return optionals(type, depth);
      case Kind::kPair: return pairs(type, depth);
      case Kind::kEnum: return *types_.find_enum(type.name);
      case Kind::kStruct: return structs(type, depth);
      default: return {};
    }
  }

  Texts characters() const {
    Texts values{"'a'"};
    for (const std::string& text : strings_)
      if (text.size() == 1 && text != "'" && text != "\\" && std::isprint(static_cast<unsigned char>(text[0])) != 0)
        add_unique(values, "'" + text + "'");
    for (const char* more : {"' '", "'0'", "'9'", "'Z'", "'_'", "'\\n'", "','", "'\"'"}) add_unique(values, more);
    return values;
  }

  Texts integers(std::string_view name, bool is_signed) const {
    Texts values;
    // A year of 3 or a month of 100 breaks a contract more often than it tests one.
    if (name == "year") values = {"2024", "2023", "2000", "1900", "1969"};
    if (name == "month") values = {"3", "1", "2", "12", "4"};
    if (name == "day") values = {"15", "1", "28", "31", "29", "30"};
    if (values.empty()) values = {"3", "0", "1", "2"};
    if (is_signed && name != "year" && name != "month" && name != "day") add_unique(values, "-1");
    for (const std::string& number : numbers_)
      if (is_integer(number))
        for (std::string& near : number_neighbours(number))
          if (is_signed || near.front() != '-') add_unique(values, std::move(near));
    for (const char* more : {"7", "10", "100", "4096"}) add_unique(values, more);
    if (is_signed) add_unique(values, "-25");
    return values;
  }

  Texts floats() const {
    Texts values{"2.5", "0.0", "1.0", "-1.5", "0.1"};
    for (const std::string& number : numbers_)
      if (number.find_first_not_of("0123456789.") == std::string::npos)
        add_unique(values, number.find('.') == std::string::npos ? number + ".0" : number);
    for (const char* more : {"100.0", "-0.25", "1e6"}) add_unique(values, more);
    return values;
  }

  Texts texts() const {
    Texts values;
    if (strings_.empty()) values.emplace_back("\"abc\"");
    for (const std::string& value : strings_) add_unique(values, cpp_string(value));
    for (const char* more : {"\"\"", "\"a b\"", "\"12\"", "\" x \"", "\"a,b;c\"", "\"line\\nbreak\""}) add_unique(values, more);
    for (const std::string& value : strings_)
      for (const std::string& near : string_neighbours(value)) add_unique(values, cpp_string(near));
    return values;
  }

  Texts lists(const CppType& type, int depth) const {
    const Texts items = of(type.inside[0], "", depth + 1);
    Texts values;
    if (items.empty()) return values;
    const auto at = [&](size_t i) { return items[i % items.size()]; };
    const auto list = [&](std::initializer_list<size_t> places) {
      std::string text = type.name + "{";
      size_t n = 0;
      for (const size_t place : places) text += (n++ > 0 ? ", " : "") + at(place);
      add_unique(values, text + "}");
    };
    list({0, 1, 2});
    list({});
    list({0});
    list({2, 0, 0, 1});
    list({1, 3});
    for (size_t i = 1; i < 8 && i < items.size(); ++i) list({i, i + 1, 0, i + 2});
    return values;
  }

  Texts optionals(const CppType& type, int depth) const {
    Texts values;
    for (const std::string& inner : of(type.inside[0], "", depth + 1)) values.push_back(type.name + "(" + inner + ")");
    values.insert(values.begin() + (values.empty() ? 0 : 1), type.name + "()");
    return values;
  }

  Texts pairs(const CppType& type, int depth) const {
    const Texts first = of(type.inside[0], "", depth + 1), second = of(type.inside[1], "", depth + 1);
    Texts values;
    for (size_t i = 0; i < 6 && !first.empty() && !second.empty(); ++i)
      add_unique(values, base::cat(type.name, "{", first[i % first.size()], ", ", second[(2 * i) % second.size()], "}"));
    return values;
  }

  Texts structs(const CppType& type, int depth) const {
    Texts values;
    if (const auto seen = corpus_.made.find(type.name); seen != corpus_.made.end()) values = seen->second;
    if (values.size() >= kEnoughMade) return values;
    std::vector<ArgumentPool> pools;
    for (const Parameter& field : types_.find_struct(type.name)->fields)
      pools.push_back({of(types_.parse(field.type, type.name), field.name, depth + 1), ""});
    std::vector<TestCase> made;
    combine(pools, pools.size(), depth > 0 ? 8 : 20, made);
    for (const TestCase& one : made) {
      std::string text = type.name + "{";
      for (size_t i = 0; i < one.arguments.size(); ++i) text += (i > 0 ? ", " : "") + one.arguments[i];
      add_unique(values, text + "}");
    }
    return values;
  }

  const CppTypes& types_;
  const CppCorpus& corpus_;
  Texts strings_, numbers_;
};

}  // namespace

std::string cpp_string(std::string_view value) {
  std::string text = "\"";
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      text += '\\';
      text += c;
    } else if (c == '\n') {
      text += "\\n";
    } else if (c == '\t') {
      text += "\\t";
    } else if (byte < 32 || byte > 126) {
      text += '\\';
      for (const int shift : {6, 3, 0}) text += static_cast<char>('0' + ((byte >> shift) & 7));
    } else {
      text += c;
    }
  }
  return text + "\"";
}

base::Result<CppCorpus> read_cpp_corpus(const tools::WorkTree& tree, const TestTarget& target, const CppTypes& types,
                                        std::stop_token stop) {
  CppCorpus corpus;
  auto files = tree.list(stop);
  if (!files) return std::move(files).error();
  size_t n_read = 0;
  for (const tools::FileEntry& file : *files) {
    if (stop.stop_requested()) return base::cancelled();
    const auto language = tools::language_of_path(file.path);
    if (language != tools::Language::kCpp && language != tools::Language::kC) continue;
    if (file.size_bytes > kMaxFileBytes || n_read == kMaxFiles) continue;
    ++n_read;
    auto text = tree.read(file.path);
    if (!text || (text->find(target.name) == std::string::npos && text->find('{') == std::string::npos)) continue;
    auto syntax = tools::SyntaxTree::parse(tools::Language::kCpp, std::move(*text), stop);
    if (!syntax) continue;
    const SyntaxNodes nodes(*syntax);
    CorpusReader(nodes, target, types, corpus).read();
  }
  return corpus;
}

std::vector<TestCase> propose_cpp_cases(const TestTarget& target, const CppTypes& types, const CppCorpus& corpus,
                                        size_t at_most) {
  const Pools pools(target, types, corpus);
  std::vector<ArgumentPool> arguments;
  for (size_t i = 0; i < target.parameters.size(); ++i) {
    const Parameter& parameter = target.parameters[i];
    Texts values;
    if (const auto seen = corpus.arguments.find(i); seen != corpus.arguments.end()) values = seen->second;
    for (std::string& value : pools.of(types.parse(parameter.type, target.scope), parameter.name))
      add_unique(values, std::move(value));
    arguments.push_back({std::move(values), ""});
  }
  std::vector<TestCase> cases(corpus.calls.begin(),
                              corpus.calls.begin() + static_cast<ptrdiff_t>(std::min(corpus.calls.size(), at_most / 3)));
  combine(arguments, arguments.size(), at_most, cases);
  if (target.call != TestTarget::Call::kMethod) return cases;

  CppType object;
  object.kind = Kind::kStruct;
  object.name = target.scope;
  const Texts objects = pools.of(object, "");
  std::vector<TestCase> calls;
  for (size_t n = 0; n < at_most && !objects.empty() && !cases.empty(); ++n) {
    TestCase one = cases[n % cases.size()];
    one.receiver = objects[n % objects.size()];
    if (std::find(calls.begin(), calls.end(), one) == calls.end()) calls.push_back(std::move(one));
  }
  return calls;
}

}  // namespace agent
