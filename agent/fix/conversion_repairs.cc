// SPDX-License-Identifier: Apache-2.0
#include "agent/fix/conversion_repairs.h"

#include <algorithm>
#include <map>
#include <set>

#include "agent/fix/conversions.h"
#include "agent/fix/ranking.h"
#include "agent/mutations/mutation_context.h"
#include "base/strings.h"

namespace agent {
namespace {

constexpr double kFewSpeak = 1.2;  // so much weight takes the whole share
constexpr size_t kMostCandidates = 48;
constexpr size_t kMaxValue = 200;      // bytes of an expression that is converted
constexpr double kInside = .35;        // a part of what had the wrong type
constexpr double kWhereMade = .5;      // where a name got its value
constexpr double kWhereReturned = .5;  // in the function that gave the value
constexpr double kArgumentOfReturn = .4;
constexpr double kNotSure = .5;  // which of two values was wanted

bool is_simple(std::string_view type) {
  return type == "identifier" || type == "attribute" || type == "call" || type == "subscript" ||
         type == "parenthesized_expression" || type == "list" || type == "tuple" || type == "list_comprehension" ||
         type == "generator_expression" || type == "member_expression" || type == "call_expression" ||
         type == "subscript_expression" || type == "array";
}

// One file's conversions, each place and form once.
class FileConversions {
 public:
  FileConversions(const CodeFile& file, const LanguageTraits& traits, std::vector<Candidate>& out)
      : file_(file), c_(file.tree, traits), out_(out) {}

  void by_error(const Place& place) {
    const int top = marked_node(place);
    for (const TypeClash& clash : read_type_error(place.raised)) {
      if (clash.part == TypedPart::kOperator) {
        for (const int node : parts(top, place.line, clash.part))
          for (const Conversion& one : clash.conversions) add(c_.nodes[node].range, one.form, one.weight, place.raised);
        continue;
      }
      for (const int node : parts(top, place.line, clash.part)) convert(node, clash.conversions, 1, place.raised);
    }
  }
  // The values that functions return on suspect lines, and the arguments in them.
  void by_values(const std::map<int, double>& suspicion, const std::vector<ComparedValues>& compared) {
    for (const auto& [conversion, weight] : wanted(compared))
      for (int i = 0; i < c_.nodes.size(); ++i) {
        if (c_.nodes[i].type != "return_statement") continue;
        const std::vector<int> values = c_.nodes.named_children(i);
        const auto suspect = suspicion.find(line_of(i));
        if (values.empty() || suspect == suspicion.end()) continue;
        wrap(values[0], {conversion, 1}, weight * suspect->second, "");
        for (const int inner : operands_below(values[0]))
          wrap(inner, {conversion, 1}, weight * suspect->second * kArgumentOfReturn, "");
      }
  }

 private:
  int line_of(int node) const { return file_.line_of(c_.nodes[node].range.begin); }

  std::map<std::string, double> wanted(const std::vector<ComparedValues>& compared) const {
    std::map<std::string, double> forms;
    for (const ComparedValues& pair : compared) {
      for (const Conversion& one : conversions_of_values(file_.tree.language(), pair))
        forms[one.form] += one.weight * (pair.sure ? 1 : kNotSure);
      if (pair.sure) continue;
      for (const Conversion& one :
           conversions_of_values(file_.tree.language(), {pair.expected, pair.actual, true, pair.part}))
        forms[one.form] += one.weight * kNotSure;
    }
    return forms;
  }

  // What Python underlines; -1 where it underlines nothing, which is all of the line.
  int marked_node(const Place& place) const {
    if (place.mark_begin == 0) return -1;
    const tools::Range line = file_.line_range(place.line);
    const size_t first = file_.text().find_first_not_of(" \t", line.begin);
    if (first == std::string::npos || first > line.end) return -1;
    const size_t begin = first + static_cast<size_t>(place.mark_begin) - 1,
                 end = first + static_cast<size_t>(place.mark_end) - 1;
    for (int i = 0; i < c_.nodes.size(); ++i)
      if (c_.nodes[i].named && c_.nodes[i].range.begin == begin && c_.nodes[i].range.end == end) return i;
    return -1;
  }

  bool below(int node, int top, int line) const {
    if (top >= 0)
      return c_.nodes[node].range.begin >= c_.nodes[top].range.begin &&
             c_.nodes[node].range.end <= c_.nodes[top].range.end;
    return line_of(node) == line;
  }

  std::vector<int> parts(int top, int line, TypedPart part) const {
    std::vector<int> found;
    const auto add = [&](int node) {
      if (node >= 0 && std::find(found.begin(), found.end(), node) == found.end()) found.push_back(node);
    };
    for (int i = 0; i < c_.nodes.size(); ++i) {
      if (!below(i, top, line)) continue;
      const std::string_view type = c_.nodes[i].type;
      // Where an operation is marked it is that one, not those inside.
      const bool operation =
          type == "binary_operator" || type == "comparison_operator" || type == "augmented_assignment";
      if (operation && top >= 0 && i != top && c_.nodes[top].type == type) continue;
      switch (part) {
        case TypedPart::kLeft:
        case TypedPart::kRight:
          if (operation) add(operand(i, part == TypedPart::kLeft));
          break;
        case TypedPart::kOperator:
          if (operation) add(c_.nodes.child_of_field(i, "operator"));
          break;
        case TypedPart::kIndex:
          if (type == "subscript") add_index(i, add);
          break;
        case TypedPart::kHolder:
          if (type == "subscript") add(c_.nodes.child_of_field(i, "value"));
          if (type == "attribute") add(c_.nodes.child_of_field(i, "object"));
          break;
        case TypedPart::kIterated:
          if (type == "for_statement" || type == "for_in_clause") add(c_.nodes.child_of_field(i, "right"));
          [[fallthrough]];
        case TypedPart::kArgument:
          if (is_one_of(type, c_.traits.arguments))
            for (const int one : c_.nodes.named_children(i))
              add(c_.nodes[one].type == "keyword_argument" ? c_.nodes.child_of_field(one, "value") : one);
          if (part == TypedPart::kArgument && type == "binary_operator") add(operand(i, true)), add(operand(i, false));
          break;
      }
    }
    return found;
  }
  template <typename Add>
  void add_index(int subscript, const Add& add) const {
    const int index = c_.nodes.child_of_field(subscript, "subscript");
    if (index < 0) return;
    if (c_.nodes[index].type != "slice") return add(index);
    for (const int bound : c_.nodes.named_children(index)) add(bound);
  }
  int operand(int operation, bool left) const {
    const std::vector<int> operands = c_.nodes.named_children(operation);
    return operands.size() < 2 ? -1 : left ? operands.front() : operands.back();
  }
  // Calls, names and what is calculated below a value, the value itself left out.
  std::vector<int> operands_below(int value) const {
    std::vector<int> found;
    for (int i = 0; i < c_.nodes.size(); ++i) {
      if (i == value || !below(i, value, 0) || !c_.nodes[i].named) continue;
      const std::string_view type = c_.nodes[i].type;
      const int parent = c_.nodes.parent(i);
      if ((type == "identifier" && c_.is_variable_use(i)) || (type == "call" && parent >= 0) ||
          type == "call_expression" || type == "subscript")
        found.push_back(i);
    }
    return found;
  }

  // The value itself, what is inside it, and where it comes from.
  void convert(int node, const std::vector<Conversion>& conversions, double weight, std::string_view why) {
    for (const Conversion& one : conversions) {
      wrap(node, one, weight, why);
      const std::string_view type = c_.nodes[node].type;
      if (type == "binary_operator" || type == "parenthesized_expression")
        for (const int inner : operands_below(node)) wrap(inner, one, weight * kInside, why);
      if (type == "identifier") where_made(node, one, weight * kWhereMade, why);
      if (type == "call") where_returned(c_.nodes.child_of_field(node, "function"), one, weight * kWhereReturned, why);
    }
  }
  void where_made(int name, const Conversion& conversion, double weight, std::string_view why) {
    const int function = c_.function_of(name);
    for (int i = 0; i < c_.nodes.size(); ++i) {
      if (c_.nodes[i].type != "assignment" || c_.function_of(i) != function) continue;
      const int left = c_.nodes.child_of_field(i, "left"), right = c_.nodes.child_of_field(i, "right");
      if (left < 0 || right < 0 || c_.nodes.text(left) != c_.nodes.text(name)) continue;
      wrap(right, conversion, weight, why);
      if (c_.nodes[right].type == "call")
        where_returned(c_.nodes.child_of_field(right, "function"), conversion, weight, why);
    }
  }
  // A function or method of that name in this file.
  void where_returned(int callee, const Conversion& conversion, double weight, std::string_view why) {
    if (callee < 0) return;
    std::string_view name = c_.nodes.text(callee);
    if (const size_t dot = name.rfind('.'); dot != std::string_view::npos) name = name.substr(dot + 1);
    for (int i = 0; i < c_.nodes.size(); ++i) {
      if (c_.nodes[i].type != "return_statement") continue;
      const int function = c_.function_of(i);
      const int declared = function < 0 ? -1 : c_.nodes.child_of_field(function, "name");
      const std::vector<int> values = c_.nodes.named_children(i);
      if (declared >= 0 && c_.nodes.text(declared) == name && !values.empty()) wrap(values[0], conversion, weight, why);
    }
  }

  void wrap(int node, const Conversion& conversion, double weight, std::string_view why) {
    const tools::Range range = c_.nodes[node].range;
    const std::string_view value = c_.nodes.text(node);
    if (conversion.form == kWholeDivision) return divide_whole(node, weight * conversion.weight, why);
    if (value.size() > kMaxValue || value.find('\n') != std::string_view::npos || file_.is_test(range)) return;
    // What is converted so already, or is nothing but a literal.
    const std::string_view form = conversion.form, front = form.substr(0, form.find('@'));
    if ((!front.empty() && value.starts_with(front)) || (form.ends_with("()") && value.ends_with(')'))) return;
    if (value.front() == '"' || value.front() == '\'' || value == "None" || value == "null") return;
    add(range, converted(form, value, is_simple(c_.nodes[node].type)), weight * conversion.weight, why);
  }
  void divide_whole(int value, double weight, std::string_view why) {
    for (int i = 0; i < c_.nodes.size(); ++i)
      if (c_.nodes[i].type == "/" && below(i, value, 0) && !file_.is_test(c_.nodes[i].range))
        add(c_.nodes[i].range, "//", weight, why);
  }
  void add(tools::Range range, std::string text, double weight, std::string_view why) {
    if (!made_.insert({range.begin, text}).second) return;
    Candidate candidate;
    candidate.path = file_.path;
    candidate.line = file_.line_of(range.begin);
    candidate.kind = MutationKind::kType;
    candidate.proposer = why.empty() ? "conversion by what the test expects" : "conversion by the error";
    candidate.description = base::cat(code(c_.nodes.text(range)), " becomes ", code(text));
    candidate.score = weight;
    candidate.replacements.push_back({range.begin, range.end, std::move(text)});
    out_.push_back(std::move(candidate));
  }

  const CodeFile& file_;
  MutationContext c_;
  std::vector<Candidate>& out_;
  std::set<std::pair<size_t, std::string>> made_;
};

}  // namespace

std::vector<Candidate> conversion_repairs(const CodeBase& code, const Suspects& suspects, const CheckReading& reading) {
  std::vector<Candidate> candidates;
  std::map<std::string, std::vector<const Place*>> raised;
  for (const Place& place : reading.places)
    if (!place.raised.empty() && !read_type_error(place.raised).empty()) {
      std::vector<const Place*>& known = raised[place.path];
      const auto same = [&](const Place* other) { return other->line == place.line && other->raised == place.raised; };
      if (std::none_of(known.begin(), known.end(), same)) known.push_back(&place);
    }
  std::set<std::string> paths;
  for (const auto& [path, places] : raised) paths.insert(path);
  if (!reading.compared.empty())
    for (const auto& [path, lines] : suspects.lines) paths.insert(path);
  for (const std::string& path : paths) {
    const CodeFile* file = code.file(path);
    const LanguageTraits* traits = file == nullptr ? nullptr : language_traits(file->tree.language());
    if (traits == nullptr || !file->editable) continue;
    FileConversions conversions(*file, *traits, candidates);
    if (file->tree.language() == tools::Language::kPython)
      for (const Place* place : raised[path]) conversions.by_error(*place);
    if (const auto lines = suspects.lines.find(path); lines != suspects.lines.end()) {
      std::map<int, double> suspicion(lines->second.begin(), lines->second.end());
      conversions.by_values(suspicion, reading.compared);
    }
  }
  share_out(candidates, kMostCandidates, kConversionShare, kFewSpeak);
  return candidates;
}

}  // namespace agent
