// SPDX-License-Identifier: Apache-2.0
#include "agent/test_writer/test_render_python.h"

#include <algorithm>
#include <cctype>
#include <map>

#include "base/strings.h"

namespace agent {
namespace {

using Texts = std::vector<std::string>;

struct Argument {
  std::string keyword;  // empty: positional
  std::string value;
};

Argument split_argument(std::string_view text) {
  size_t i = 0;
  while (i < text.size() && (std::isalnum(static_cast<unsigned char>(text[i])) != 0 || text[i] == '_')) ++i;
  const bool named = i > 0 && i + 1 < text.size() && text[i] == '=' && text[i + 1] != '=' &&
                     std::isdigit(static_cast<unsigned char>(text[0])) == 0;
  if (!named) return {"", std::string(text)};
  return {std::string(text.substr(0, i)), std::string(text.substr(i + 1))};
}

// Calls with one key can share one parametrized test.
std::string group_key(const TestCase& one, const Behaviour& seen) {
  std::string key = seen.kind == Behaviour::Kind::kRaised ? "raises " + seen.text : "returns " + seen.form;
  key += one.receiver.empty() ? " function" : " method";
  for (const std::string& argument : one.arguments) key += " " + split_argument(argument).keyword + ",";
  return key;
}

std::string test_name(const TestTarget& target, const Behaviour& seen, Texts& taken) {
  std::string name = "test_";
  if (!target.scope.empty()) name += snake_case(target.scope) + "_";
  name += snake_case(target.name);
  if (seen.kind == Behaviour::Kind::kRaised)
    name += "_raises_" + snake_case(seen.text);
  else
    name += seen.form == "is" ? "_answers" : "_results";
  std::string unique = name;
  for (int n = 2; std::find(taken.begin(), taken.end(), unique) != taken.end(); ++n)
    unique = base::cat(name, "_", n);
  taken.push_back(unique);
  return unique;
}

std::string callee(const TestTarget& target, const std::string& receiver) {
  if (!receiver.empty()) return receiver + "." + target.name;
  return target.qualified(".");
}

// The call with the given texts in the places of its arguments.
std::string call_text(const TestTarget& target, const TestCase& shape, const std::string& receiver,
                      const Texts& values) {
  std::string text = callee(target, receiver);
  if (target.call != TestTarget::Call::kProperty) {
    text += "(";
    for (size_t i = 0; i < values.size(); ++i) {
      const std::string keyword = split_argument(shape.arguments[i]).keyword;
      text += base::cat(i > 0 ? ", " : "", keyword, keyword.empty() ? "" : "=", values[i]);
    }
    text += ")";
  }
  return target.is_async ? "asyncio.run(" + text + ")" : text;
}

std::string assertion(const Behaviour& seen, const std::string& call, const std::string& expected) {
  if (seen.kind == Behaviour::Kind::kRaised) return "    with pytest.raises(" + seen.text + "):\n        " + call + "\n";
  if (seen.form == "is") return "    assert " + call + " is " + expected + "\n";
  if (seen.form == "approx") return "    assert " + call + " == pytest.approx(" + expected + ")\n";
  if (seen.form == "list") return "    assert list(" + call + ") == " + expected + "\n";
  if (seen.form == "repr") return "    assert repr(" + call + ") == " + expected + "\n";
  return "    assert " + call + " == " + expected + "\n";
}

// The names of the parameters of a parametrized test: receiver, arguments, expected value.
Texts column_names(const TestTarget& target, const TestCase& shape, const Behaviour& seen) {
  Texts names;
  const auto add = [&names, &target](std::string name) {
    while (std::find(names.begin(), names.end(), name) != names.end() || name == target.name) name += "_";
    names.push_back(std::move(name));
  };
  if (!shape.receiver.empty()) add(snake_case(target.scope));
  size_t position = 0;
  for (const std::string& argument : shape.arguments) {
    const std::string keyword = split_argument(argument).keyword;
    if (!keyword.empty())
      add(keyword);
    else
      add(position < target.parameters.size() ? target.parameters[position].name : base::cat("argument", position));
    ++position;
  }
  if (seen.kind == Behaviour::Kind::kReturned) add("expected");
  return names;
}

std::string joined(const Texts& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

struct Group {
  std::vector<size_t> members;
};

void render_group(const TestTarget& target, const std::vector<TestCase>& cases, const std::vector<Behaviour>& seen,
                  const Group& group, const PythonTestStyle& style, Texts& taken, RenderedTests& out) {
  const TestCase& shape = cases[group.members.front()];
  const Behaviour& kind = seen[group.members.front()];
  const auto values_of = [&](size_t member) {
    Texts values;
    if (!cases[member].receiver.empty()) values.push_back(with_quotes(cases[member].receiver, style.double_quotes));
    for (const std::string& argument : cases[member].arguments)
      values.push_back(with_quotes(split_argument(argument).value, style.double_quotes));
    if (kind.kind == Behaviour::Kind::kReturned) values.push_back(with_quotes(seen[member].text, style.double_quotes));
    return values;
  };
  const std::string name = test_name(target, kind, taken);
  out.names.push_back(name);
  out.text += "\n\n";

  const Texts columns = column_names(target, shape, kind);
  const bool single = group.members.size() == 1 || columns.empty();
  const Texts shown = single ? values_of(group.members.front()) : columns;
  const size_t first = shape.receiver.empty() ? 0 : 1;
  const Texts arguments(shown.begin() + static_cast<ptrdiff_t>(first),
                        shown.begin() + static_cast<ptrdiff_t>(first + shape.arguments.size()));
  const std::string call = call_text(target, shape, first == 1 ? shown[0] : "", arguments);
  if (!single) {
    const char quote = style.double_quotes ? '"' : '\'';
    out.text += base::cat("@pytest.mark.parametrize(\n    ", quote, joined(columns), quote, ",\n    [\n");
    for (const size_t member : group.members) {
      const std::string row = joined(values_of(member));
      out.text += columns.size() == 1 ? "        " + row + ",\n" : "        (" + row + "),\n";
    }
    out.text += "    ],\n)\n";
  }
  out.text += base::cat("def ", name, "(", single ? "" : joined(columns), "):\n");
  out.text += assertion(kind, call, shown.empty() ? "" : shown.back());
  if (!single || kind.kind == Behaviour::Kind::kRaised || kind.form == "approx") add_unique(out.imports, "import pytest");
}

}  // namespace

RenderedTests render_python_tests(const TestTarget& target, std::string_view module, const std::vector<TestCase>& cases,
                                  const std::vector<Behaviour>& seen, const PythonTestStyle& style,
                                  std::vector<std::string>& taken) {
  RenderedTests out;
  std::vector<std::string> keys;
  std::vector<Group> groups;
  for (size_t i = 0; i < cases.size(); ++i) {
    const std::string key = group_key(cases[i], seen[i]);
    const auto known = std::find(keys.begin(), keys.end(), key);
    if (known == keys.end()) {
      keys.push_back(key);
      groups.push_back({{i}});
    } else {
      groups[static_cast<size_t>(known - keys.begin())].members.push_back(i);
    }
    for (const std::string& line : seen[i].imports) add_unique(out.imports, line);
  }
  for (const Group& group : groups) render_group(target, cases, seen, group, style, taken, out);
  const bool called_on_object = target.call == TestTarget::Call::kMethod || target.call == TestTarget::Call::kProperty;
  if (!called_on_object)
    add_unique(out.imports, base::cat("from ", module, " import ", target.scope.empty() ? target.name : target.scope));
  if (target.is_async) add_unique(out.imports, "import asyncio");
  return out;
}

std::string with_quotes(std::string_view expression, bool double_quotes) {
  const char wanted = double_quotes ? '"' : '\'';
  const char other = double_quotes ? '\'' : '"';
  std::string text(expression);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '"' && text[i] != '\'') continue;
    const char quote = text[i];
    if (text.compare(i, 3, std::string(3, quote)) == 0) return text;  // a long string: leave all as it is
    size_t end = i + 1;
    bool plain = true;
    while (end < text.size() && text[end] != quote) {
      plain = plain && text[end] != wanted && !(text[end] == '\\' && end + 1 < text.size() && text[end + 1] == other);
      end += text[end] == '\\' ? 2 : 1;
    }
    if (end >= text.size()) return text;
    const bool formatted = i > 0 && (text[i - 1] == 'f' || text[i - 1] == 'F');
    if (quote == other && plain && !formatted) text[i] = text[end] = wanted;
    i = end;
  }
  return text;
}

std::string snake_case(std::string_view name) {
  std::string text;
  for (size_t i = 0; i < name.size(); ++i) {
    const auto c = static_cast<unsigned char>(name[i]);
    const bool word_begins =
        i > 0 && std::isupper(c) != 0 &&
        (std::islower(static_cast<unsigned char>(name[i - 1])) != 0 ||
         (i + 1 < name.size() && std::islower(static_cast<unsigned char>(name[i + 1])) != 0 && name[i - 1] != '_'));
    if (word_begins) text += '_';
    text += static_cast<char>(std::isalnum(c) != 0 ? std::tolower(c) : '_');
  }
  return text;
}

}  // namespace agent
