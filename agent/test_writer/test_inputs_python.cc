// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cctype>

#include "agent/test_writer/test_inputs.h"
#include "base/strings.h"

namespace agent {
namespace {

constexpr size_t kMaxPool = 36;
constexpr int kMaxDepth = 3;  // of types inside types
constexpr size_t kMaxBorrowedCalls = 10;

using Texts = std::vector<std::string>;

std::string python_string(std::string_view value) {
  std::string text = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') text += '\\';
    if (c == '\n')
      text += "\\n";
    else if (c == '\t')
      text += "\\t";
    else if (c == '\r')
      text += "\\r";
    else
      text += c;
  }
  return text + "\"";
}

// Splits at `mark` outside of brackets: "int, dict[str, int]" at ','.
Texts split_outside(std::string_view text, char mark) {
  Texts parts;
  int depth = 0;
  size_t begin = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || (text[i] == mark && depth == 0)) {
      parts.emplace_back(base::trim(text.substr(begin, i - begin)));
      begin = i + 1;
    } else if (text[i] == '[' || text[i] == '(') {
      ++depth;
    } else if (text[i] == ']' || text[i] == ')') {
      --depth;
    }
  }
  return parts;
}

struct TypeName {
  std::string head;  // without module: "Sequence" of "collections.abc.Sequence[str]"
  Texts inside;
};

TypeName parse_type(std::string_view type) {
  TypeName name;
  type = base::trim(type);
  if (type.size() >= 2 && (type.front() == '"' || type.front() == '\'')) type = type.substr(1, type.size() - 2);
  const size_t bracket = type.find('[');
  std::string_view head = type.substr(0, bracket);
  const size_t dot = head.rfind('.');
  name.head = head.substr(dot == std::string_view::npos ? 0 : dot + 1);
  if (bracket != std::string_view::npos && type.back() == ']')
    name.inside = split_outside(type.substr(bracket + 1, type.size() - bracket - 2), ',');
  return name;
}

bool is_any_of(std::string_view value, std::initializer_list<std::string_view> set) {
  return std::find(set.begin(), set.end(), value) != set.end();
}

bool looks_like_class(std::string_view head) {
  return !head.empty() && std::isupper(static_cast<unsigned char>(head.front())) != 0 &&
         !is_any_of(head, {"Optional", "Union", "List", "Sequence", "Iterable", "Collection", "MutableSequence", "Tuple",
                           "Dict", "Mapping", "MutableMapping", "DefaultDict", "Set", "FrozenSet", "AbstractSet", "Any",
                           "Callable", "Iterator", "Type", "None", "True", "False", "Self", "Literal", "Awaitable"});
}

// What the name of a parameter suggests where there is no annotation.
std::string guessed_type(const Parameter& parameter) {
  const std::string& value = parameter.default_value;
  if (value == "True" || value == "False") return "bool";
  if (!value.empty() && (value.front() == '"' || value.front() == '\'')) return "str";
  if (!value.empty() && std::isdigit(static_cast<unsigned char>(value.front())) != 0)
    return value.find('.') == std::string::npos ? "int" : "float";
  const std::string& name = parameter.name;
  if (is_any_of(name, {"s", "string", "word", "line", "name", "title", "message", "msg", "path", "url", "prefix", "suffix",
                       "sep", "separator", "pattern", "unit", "key", "label", "delimiter", "encoding", "html", "source"}) ||
      name.find("text") != std::string::npos || name.ends_with("_name") || name.ends_with("str"))
    return "str";
  if (is_any_of(name, {"n", "i", "k", "count", "size", "index", "width", "height", "length", "limit", "depth", "level",
                       "year", "month", "day", "hour", "minute", "minutes", "seconds", "num", "offset"}) ||
      name.starts_with("n_") || name.starts_with("num_") || name.starts_with("max_") || name.ends_with("_count"))
    return "int";
  if (is_any_of(name, {"numbers", "nums", "values", "xs", "scores", "weights"})) return "list[int]";
  if (is_any_of(name, {"items", "elements", "seq", "sequence", "iterable", "list", "lst", "array", "data"})) return "list";
  if (is_any_of(name, {"words", "lines", "names", "strings"})) return "list[str]";
  if (is_any_of(name, {"mapping", "dictionary", "d", "counts", "options"})) return "dict[str, int]";
  if (name.starts_with("is_") || name.starts_with("has_") || name.starts_with("allow_")) return "bool";
  return "";
}

class Pools {
 public:
  Pools(const TestTarget& target, const PythonCorpus& corpus) : corpus_(corpus) {
    for (const auto* list : {&target.strings, &corpus.strings})
      for (const std::string& value : *list) add_unique(strings_, value);
    for (const auto* list : {&target.numbers, &corpus.numbers})
      for (const std::string& value : *list) add_unique(numbers_, value);
  }

  Texts of(const Parameter& parameter) const {
    const std::string type = parameter.type.empty() ? guessed_type(parameter) : parameter.type;
    Texts values = of_type(type, 0);
    if (values.size() > kMaxPool) values.resize(kMaxPool);
    return values;
  }

  Texts of_type(std::string_view type, int depth) const {
    const Texts alternatives = split_outside(type, '|');
    if (alternatives.size() > 1) return of_alternatives(alternatives, depth);
    const TypeName name = parse_type(type);
    const std::string_view head = name.head;
    if (is_any_of(head, {"Optional", "Union"})) {
      Texts inside = name.inside;
      if (head == "Optional") inside.emplace_back("None");
      return of_alternatives(inside, depth);
    }
    if (head == "None" || depth > kMaxDepth) return {"None"};
    if (head == "bool") return {"True", "False"};
    if (is_any_of(head, {"int", "Integer", "SupportsInt"})) return integers();
    if (is_any_of(head, {"float", "complex", "Number", "Real"})) return floats();
    if (is_any_of(head, {"str", "AnyStr", "LiteralString"})) return strings();
    if (head == "bytes") return {"b\"\"", "b\"abc\"", "b\"\\x00\\xff\"", "b\"a,b\\n\""};
    if (head == "Literal") return name.inside;
    if (is_any_of(head, {"Fraction", "Decimal"})) return wrapped(head);
    if (is_any_of(head, {"Path", "PurePath", "PurePosixPath"}))
      return {"Path(\"a/b.txt\")", "Path(\"\")", "Path(\"/tmp/none/x.tar.gz\")", "Path(\"..\")"};
    if (head == "date") return {"date(2024, 2, 29)", "date(2023, 12, 31)", "date(2024, 1, 1)", "date(1970, 1, 1)"};
    if (head == "datetime") return {"datetime(2024, 2, 29, 12, 30)", "datetime(2023, 12, 31, 23, 59, 59)"};
    if (head == "timedelta") return {"timedelta(days=1)", "timedelta(0)", "timedelta(seconds=-90)"};
    if (is_any_of(head, {"list", "List", "Sequence", "Iterable", "Collection", "MutableSequence", "Iterator", "deque"}))
      return sequences(name.inside.empty() ? "" : name.inside[0], "[", "]", depth);
    if (is_any_of(head, {"set", "Set", "AbstractSet", "FrozenSet", "frozenset"}))
      return sets(name.inside.empty() ? "str" : name.inside[0], head, depth);
    if (is_any_of(head, {"tuple", "Tuple"})) return tuples(name.inside, depth);
    if (is_any_of(head, {"dict", "Dict", "Mapping", "MutableMapping"})) return mappings(name.inside, depth);
    if (head == "Callable") return {"lambda *values: values", "lambda value: value", "str"};
    if (looks_like_class(head)) return objects(std::string(head), depth);
    return anything();
  }

 private:
  Texts of_alternatives(const Texts& types, int depth) const {
    std::vector<Texts> lists;
    for (const std::string& type : types) lists.push_back(of_type(type, depth));
    Texts merged;
    for (size_t i = 0; i < kMaxPool; ++i)
      for (const Texts& list : lists)
        if (i < list.size()) add_unique(merged, list[i]);
    return merged;
  }

  Texts integers() const {
    Texts values{"3", "0", "1", "-1", "2"};
    for (const std::string& number : numbers_)
      if (number.find('.') == std::string::npos)
        for (std::string& near : number_neighbours(number)) add_unique(values, std::move(near));
    for (const char* more : {"7", "10", "100", "-5", "1234567"}) add_unique(values, more);
    return values;
  }

  Texts floats() const {
    Texts values{"2.5", "0.0", "1.0", "-1.5", "0.1"};
    for (const std::string& number : numbers_)
      for (std::string& near : number_neighbours(number)) add_unique(values, std::move(near));
    for (const char* more : {"1000000.0", "1e-09", "3"}) add_unique(values, more);
    return values;
  }

  Texts strings() const {
    Texts values;
    if (strings_.empty()) values.emplace_back("\"abc\"");
    for (const std::string& value : strings_) add_unique(values, python_string(value));
    for (const char* more : {"\"\"", "\"a b\"", "\"12\"", "\" x \"", "\"a,b;c\"", "\"line\\nbreak\"", "\"\\u00e4\""})
      add_unique(values, more);
    for (const std::string& value : strings_)
      for (const std::string& near : string_neighbours(value)) add_unique(values, python_string(near));
    return values;
  }

  Texts wrapped(std::string_view head) const {
    Texts values;
    for (const char* number : {"\"3\"", "\"1.5\"", "\"0\"", "\"-2.25\"", "\"0.1\"", "\"1\"", "\"12.125\"", "\"1000\""})
      values.push_back(base::cat(head, "(", number, ")"));
    for (const std::string& number : numbers_) add_unique(values, base::cat(head, "(\"", number, "\")"));
    if (head == "Fraction")
      for (const char* parts : {"(1, 2)", "(7, 3)", "(1, 8)", "(1, 9)"}) add_unique(values, base::cat(head, parts));
    return values;
  }

  Texts sequences(std::string_view inside, std::string_view open, std::string_view close, int depth) const {
    const Texts items = inside.empty() ? Texts{"3", "1", "2", "\"a\""} : of_type(inside, depth + 1);
    if (items.empty()) return {base::cat(open, close)};
    const auto at = [&](size_t i) { return items[i % items.size()]; };
    Texts values;
    add_unique(values, base::cat(open, at(0), ", ", at(1), ", ", at(2), close));
    add_unique(values, base::cat(open, close));
    add_unique(values, base::cat(open, at(0), close));
    add_unique(values, base::cat(open, at(2), ", ", at(0), ", ", at(0), ", ", at(1), close));
    add_unique(values, base::cat(open, at(1), ", ", at(3), close));
    for (size_t i = 1; i + 1 < items.size() && i < 8; ++i)
      add_unique(values, base::cat(open, at(i), ", ", at(i + 1), ", ", at(0), close));
    return values;
  }

  Texts sets(std::string_view inside, std::string_view head, int depth) const {
    const bool frozen = head == "FrozenSet" || head == "frozenset";
    Texts values{frozen ? "frozenset()" : "set()"};
    for (const std::string& list : sequences(inside, "{", "}", depth))
      if (list != "{}") values.push_back(frozen ? "frozenset(" + list + ")" : list);
    std::rotate(values.begin(), values.begin() + 1, values.end());
    return values;
  }

  Texts tuples(const Texts& inside, int depth) const {
    if (inside.empty()) return {"(1, 2)", "()", "(3, 1, 2)"};
    if (inside.size() == 2 && inside[1] == "...") {
      Texts values = sequences(inside[0], "(", ",)", depth);
      std::replace(values.begin(), values.end(), std::string("(,)"), std::string("()"));
      return values;
    }
    std::vector<Texts> lists;
    for (const std::string& type : inside) lists.push_back(of_type(type, depth + 1));
    Texts values;
    for (size_t n = 0; n < 8; ++n) {
      std::string text = "(";
      for (size_t i = 0; i < lists.size(); ++i)
        text += base::cat(i > 0 ? ", " : "", lists[i].empty() ? "None" : lists[i][(n * (i + 1)) % lists[i].size()]);
      add_unique(values, text + (lists.size() == 1 ? ",)" : ")"));
    }
    return values;
  }

  Texts mappings(const Texts& inside, int depth) const {
    const Texts keys = of_type(inside.size() == 2 ? inside[0] : "str", depth + 1);
    const Texts items = of_type(inside.size() == 2 ? inside[1] : "int", depth + 1);
    if (keys.empty() || items.empty()) return {"{}"};
    const auto pair = [&](size_t i) { return base::cat(keys[i % keys.size()], ": ", items[i % items.size()]); };
    Texts values{base::cat("{", pair(0), ", ", pair(1), "}"), "{}", base::cat("{", pair(0), "}")};
    for (size_t i = 1; i < 6; ++i) add_unique(values, base::cat("{", pair(i), ", ", pair(i + 1), ", ", pair(i + 2), "}"));
    return values;
  }

  // As seen in the repository; else made from the fields of the class.
  Texts objects(const std::string& name, int depth) const {
    Texts values;
    if (const auto seen = corpus_.constructed.find(name); seen != corpus_.constructed.end())
      for (const PythonExpression& made : seen->second) add_unique(values, made.text);
    const auto known = corpus_.classes.find(name);
    if (known == corpus_.classes.end()) return values;
    for (const std::string& member : known->second.members) add_unique(values, member);
    std::vector<ArgumentPool> pools;
    size_t n_required = 0;
    for (const Parameter& parameter : known->second.parameters) {
      pools.push_back({of_type(parameter.type.empty() ? guessed_type(parameter) : parameter.type, depth + 1), ""});
      if (parameter.keyword_only) pools.back().prefix = parameter.name + "=";
      if (parameter.default_value.empty()) n_required = pools.size();
    }
    std::vector<TestCase> made;
    if (known->second.members.empty()) combine(pools, n_required, 10, made);
    for (const TestCase& one : made) {
      std::string text = name + "(";
      for (size_t i = 0; i < one.arguments.size(); ++i) text += (i > 0 ? ", " : "") + one.arguments[i];
      add_unique(values, text + ")");
    }
    return values;
  }

  // Nothing is known: what does not fit raises inside and is dropped later.
  Texts anything() const {
    Texts values{"3", "\"abc\"", "[1, 2, 3]", "0", "\"\"", "[]", "-1", "1.5", "None", "True", "{\"a\": 1}", "(1, 2)"};
    for (const std::string& value : strings_) add_unique(values, python_string(value));
    for (const std::string& number : numbers_)
      for (std::string& near : number_neighbours(number)) add_unique(values, std::move(near));
    return values;
  }

  const PythonCorpus& corpus_;
  Texts strings_, numbers_;
};

}  // namespace

std::vector<std::string> python_classes_of(const TestTarget& target) {
  Texts names;
  if (!target.scope.empty()) add_unique(names, target.scope);
  for (const Parameter& parameter : target.parameters) {
    std::string word;
    for (const char c : parameter.type + " ") {
      if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_') {
        word += c;
        continue;
      }
      if (looks_like_class(word)) add_unique(names, word);
      word.clear();
    }
  }
  return names;
}

std::vector<TestCase> propose_python_cases(const TestTarget& target, const PythonCorpus& corpus, size_t at_most) {
  const Pools pools(target, corpus);
  std::vector<ArgumentPool> arguments;
  size_t n_required = 0;
  for (const Parameter& parameter : target.parameters) {
    arguments.push_back({pools.of(parameter), parameter.keyword_only ? parameter.name + "=" : ""});
    if (parameter.default_value.empty()) n_required = arguments.size();
  }

  std::vector<TestCase> cases;
  const bool needs_object = target.call == TestTarget::Call::kMethod || target.call == TestTarget::Call::kProperty;
  if (!needs_object) {
    for (size_t i = 0; i < corpus.calls.size() && i < kMaxBorrowedCalls; ++i) cases.push_back(corpus.calls[i]);
    combine(arguments, n_required, at_most, cases);
  } else {
    std::vector<TestCase> calls;
    if (target.call == TestTarget::Call::kMethod) {
      combine(arguments, n_required, at_most, calls);
    } else {
      calls.emplace_back();
    }
    const Texts objects = pools.of_type(target.scope, 0);
    // Diagonals of the table objects x calls: both vary early.
    for (size_t diagonal = 0; diagonal < objects.size() + calls.size(); ++diagonal) {
      for (size_t i = 0; i <= diagonal && i < objects.size() && cases.size() < at_most; ++i) {
        if (diagonal - i >= calls.size()) continue;
        TestCase one = calls[diagonal - i];
        one.receiver = objects[i];
        cases.push_back(std::move(one));
      }
    }
  }
  // Every import line that some file had when it made such an object may be needed.
  Texts hints;
  for (const auto& [name, made] : corpus.constructed)
    for (const PythonExpression& one : made)
      for (const std::string& line : one.hints) add_unique(hints, line);
  for (TestCase& one : cases)
    for (const std::string& line : hints) add_unique(one.hints, line);
  return cases;
}

}  // namespace agent
