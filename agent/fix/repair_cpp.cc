// SPDX-License-Identifier: Apache-2.0
// Messages of gcc, clang and ld about C, C++ and CUDA.
#include <algorithm>
#include <array>

#include "agent/code/known_symbols.h"
#include "agent/code/words.h"
#include "agent/fix/diagnostic_repairs.h"
#include "agent/mutations.h"
#include "base/strings.h"

namespace agent {
namespace {

size_t offset_of(const Complaint& c) {
  const tools::Range range = c.file->line_range(c.line);
  return std::min(range.end, range.begin + static_cast<size_t>(std::max(0, c.column - 1)));
}

bool includes(const CodeFile& file, std::string_view header) {
  return has(file.text(), base::cat("<", header, ">")) || has(file.text(), base::cat("/", header, "\"")) ||
         has(file.text(), base::cat("\"", header, "\""));
}

void offer_header(const Complaint& c, std::string_view header, double score, RepairSink& sink) {
  if (includes(*c.file, header)) return;
  const std::string line = base::cat("#include <", header, ">");
  sink.offer(*c.file, import_line(*c.file, line), "missing include", score, base::cat("new line `", line, "`"));
}

// A header of the tree that defines the name, written the way this tree writes its includes.
void offer_own_header(const Complaint& c, std::string_view name, double score, RepairSink& sink) {
  for (const auto& [path, file] : sink.code.files()) {
    if (!file.editable ||
        (!path.ends_with(".h") && !path.ends_with(".hpp") && !path.ends_with(".hh") && !path.ends_with(".cuh")))
      continue;
    const bool defines = std::any_of(file.symbols.begin(), file.symbols.end(),
                                     [&](const tools::Symbol& symbol) { return symbol.name == name; });
    if (!defines || path == c.file->path) continue;
    const size_t slash = path.rfind('/');
    const std::string base_name = slash == std::string::npos ? path : path.substr(slash + 1);
    std::string written;
    for (const auto& [other_path, other] : sink.code.files()) {
      const size_t at = other.text().find(base::cat("/", base_name, "\""));
      const size_t plain = other.text().find(base::cat("\"", base_name, "\""));
      const size_t mark = at != std::string::npos ? other.text().rfind('"', at) : plain;
      if (mark == std::string::npos) continue;
      written = other.text().substr(mark + 1, other.text().find('"', mark + 1) - mark - 1);
      break;
    }
    if (written.empty()) written = base_name;
    if (includes(*c.file, base_name)) continue;
    const std::string line = base::cat("#include \"", written, "\"");
    sink.offer(*c.file, import_line(*c.file, line), "missing include", score, base::cat("new line `", line, "`"));
  }
}

void missing_declaration(const Complaint& c, const CheckReading& reading, RepairSink& sink) {
  const std::string& m = c.message;
  std::string name;
  if (has(m, "is not a member of") || has(m, "was not declared") || has(m, "has not been declared") ||
      has(m, "does not name a type") || has(m, "implicit declaration of function") || has(m, "undeclared identifier") ||
      has(m, "unknown type name") || has(m, "undeclared (first use") || has(m, "no member named") ||
      has(m, "does not name a template") || has(m, "no template named") || has(m, "is not a class or namespace"))
    name = quoted_texts(m).empty() ? "" : quoted_texts(m)[0];
  if (has(m, "incomplete type") && !quoted_texts(m).empty()) {
    name = quoted_texts(m)[0];
    if (has(m, "has incomplete type") && quoted_texts(m).size() > 1) name = quoted_texts(m)[1];
    for (std::string_view front : {"class ", "struct ", "const "})
      if (name.starts_with(front)) name = name.substr(front.size());
    name = name.substr(0, name.find('<'));
  }
  if (name.empty()) return;
  const bool in_std = has(m, "member of \xe2\x80\x98std\xe2\x80\x99") || has(m, "member of 'std'") ||
                      has(m, "namespace 'std'") || name.starts_with("std::");
  if (name.starts_with("std::")) name = name.substr(5);
  const bool is_c = c.file->tree.language() == tools::Language::kC;
  // The compiler's own advice: "defined in header '<x>'; did you forget to '#include <x>'?"
  for (const Place& place : reading.places)
    if (place.kind == PlaceKind::kNote && place.path == c.file->path)
      for (const std::string& text : quoted_texts(place.message))
        if (text.starts_with("#include <")) offer_header(c, text.substr(10, text.size() - 11), 1, sink);
  if (const auto header = is_c ? c_header_of(name) : cpp_header_of(name)) {
    if (in_std || is_c)
      offer_header(c, *header, 1, sink);
    else {
      for (size_t at : occurrences(*c.file, c.line, name))
        sink.offer(*c.file, {at, at, "std::"}, "lost std::", .8, base::cat("`", name, "` becomes `std::", name, "`"));
      offer_header(c, *header, .3, sink);
    }
  } else if (const auto c_header = c_header_of(name)) {
    offer_header(c, *c_header, .5, sink);
  }
  if (!in_std) {
    offer_own_header(c, name, .8, sink);
    // An assignment that lost its type.
    const tools::Range range = c.file->line_range(c.line);
    const std::string_view line =
        base::trim(std::string_view(c.file->text()).substr(range.begin, range.end - range.begin));
    if (line.starts_with(name + " = "))
      for (size_t at : occurrences(*c.file, c.line, name)) {
        sink.offer(*c.file, {at, at, "auto "}, "lost type", .4, base::cat("`auto ", name, "`"));
        break;
      }
  }
  offer_near_names(c, name, in_std ? .5 : .7, sink);
}

void did_you_mean(const Complaint& c, RepairSink& sink) {
  const std::string wanted = quoted_after(c.message, "did you mean ");
  const std::vector<std::string> all = quoted_texts(c.message);
  if (wanted.empty() || all.empty()) return;
  for (const std::string& name : all) {
    if (name == wanted || has(name, " ")) continue;
    for (size_t at : occurrences(*c.file, c.line, name))
      sink.offer(*c.file, {at, at + name.size(), wanted}, "misspelt name", .95,
                 base::cat("`", name, "` becomes `", wanted, "`"));
    if (occurrences(*c.file, c.line, name).empty()) continue;
    break;
  }
}

// "expected ';' before ...": put the mark where the compiler points, which is just behind the last good token.
void missing_mark(const Complaint& c, RepairSink& sink) {
  if (!has(c.message, "expected ")) return;
  for (const std::string& mark : quoted_texts(c.message)) {
    if (mark.size() > 2 || mark.empty() || std::isalnum(static_cast<unsigned char>(mark[0])) != 0) continue;
    const size_t at = offset_of(c);
    sink.offer(*c.file, {at, at, mark}, "missing mark", .3, base::cat("`", mark, "` is put in"));
    // Older compilers point at the next token: the end of the line before it.
    for (int line = c.line - 1; line >= std::max(1, c.line - 3); --line) {
      const tools::Range range = c.file->line_range(line);
      if (base::trim(std::string_view(c.file->text()).substr(range.begin, range.end - range.begin)).empty()) continue;
      sink.offer(*c.file, {range.end, range.end, mark}, "missing mark", .2,
                 base::cat("`", mark, "` is put at the end of the line"));
      break;
    }
  }
}

void dot_or_arrow(const Complaint& c, RepairSink& sink) {
  // An iterator or a smart pointer answers "has no member named": there the compiler does not see what was meant.
  const bool no_member = has(c.message, "has no member named") || has(c.message, "no member named");
  const bool to_arrow = has(c.message, "maybe you meant to use \xe2\x80\x98->\xe2\x80\x99") ||
                        has(c.message, "is a pointer") || has(c.message, "which is of pointer type") || no_member;
  const bool to_dot =
      has(c.message, "non-pointer") || has(c.message, "is not a pointer") || has(c.message, "base operand of");
  const double sure = no_member ? .6 : 1;
  if (!to_arrow && !to_dot) return;
  const tools::Range range = c.file->line_range(c.line);
  const std::string_view line = std::string_view(c.file->text()).substr(range.begin, range.end - range.begin);
  const std::string_view from = to_arrow ? "." : "->", to = to_arrow ? "->" : ".";
  const size_t column = static_cast<size_t>(std::max(1, c.column)) - 1;
  for (size_t at = line.find(from); at != std::string_view::npos; at = line.find(from, at + 1)) {
    // Only between a name and a name: no decimal point, no ellipsis.
    if (at == 0 || at + from.size() >= line.size() ||
        (std::isalpha(static_cast<unsigned char>(line[at + from.size()])) == 0 && line[at + from.size()] != '_'))
      continue;
    const double distance = at > column ? static_cast<double>(at - column) : static_cast<double>(column - at);
    sink.offer(*c.file, {range.begin + at, range.begin + at + from.size(), std::string(to)},
               to_arrow ? "dot for arrow" : "arrow for dot", sure / (1 + .1 * distance),
               base::cat("`", from, "` becomes `", to, "`"));
  }
}

// The end of the parameter list of each declaration and definition of `name` that takes or lacks `const`.
std::vector<std::pair<const CodeFile*, size_t>> ends_of_parameters(const RepairSink& sink, std::string_view name,
                                                                   bool with_const) {
  std::vector<std::pair<const CodeFile*, size_t>> places;
  for (const auto& [path, file] : sink.code.files()) {
    if (!file.editable) continue;
    const std::string& text = file.text();
    for (size_t at = text.find(base::cat(name, "(")); at != std::string::npos;
         at = text.find(base::cat(name, "("), at + 1)) {
      if (at > 0 && (std::isalnum(static_cast<unsigned char>(text[at - 1])) != 0 || text[at - 1] == '_' ||
                     text[at - 1] == '.' || text[at - 1] == '>'))
        continue;
      size_t end = at + name.size();
      int depth = 0;
      for (; end < text.size(); ++end) {
        if (text[end] == '(') ++depth;
        if (text[end] == ')' && --depth == 0) break;
      }
      if (end >= text.size()) break;
      ++end;
      const std::string_view after = base::trim(std::string_view(text).substr(end, 60));
      const bool is_const = after.starts_with("const");
      const bool declares = after.starts_with(";") || after.starts_with("{") || after.starts_with("const") ||
                            after.starts_with("noexcept") || after.starts_with("override") || after.starts_with("->");
      if (!declares || is_const != with_const) continue;
      // A call as a statement ends in ";" as well, but nothing stands before it on its line.
      const tools::Range line = file.line_range(file.line_of(at));
      const std::string_view before = base::trim(std::string_view(text).substr(line.begin, at - line.begin));
      if (before.empty() || before.starts_with("return") || before.find('=') != std::string_view::npos) continue;
      places.emplace_back(&file, end);
    }
  }
  return places;
}

// The word at `at` with one space that set it apart: the one before it behind a parameter list, else the one after.
tools::Range const_word(std::string_view text, size_t at) {
  const size_t end = at + std::string_view("const").size();
  if (at >= 2 && text[at - 1] == ' ' && text[at - 2] == ')') return {at - 1, end};
  return {at, end < text.size() && text[end] == ' ' ? end + 1 : end};
}

void lost_const(const Complaint& c, RepairSink& sink) {
  if (has(c.message, "discards qualifiers") || has(c.message, "but function is not marked const")) {
    // The function that is called: named in the note, or before a parenthesis on the line.
    const tools::Range range = c.file->line_range(c.line);
    const std::string_view line = std::string_view(c.file->text()).substr(range.begin, range.end - range.begin);
    for (std::string_view name : identifiers(line)) {
      const size_t behind = static_cast<size_t>(name.data() - line.data()) + name.size();
      if (behind >= line.size() || line[behind] != '(') continue;
      const auto places = ends_of_parameters(sink, name, false);
      if (places.empty() || places.size() > 4) continue;
      Candidate candidate;
      for (const auto& [file, at] : places) {
        const tools::Replacement insert{at, at, " const"};
        if (candidate.path.empty()) candidate.path = file->path, candidate.line = file->line_of(at);
        if (file->path == candidate.path)
          candidate.replacements.push_back(insert);
        else if (!candidate.also.empty() && candidate.also.back().first == file->path)
          candidate.also.back().second.push_back(insert);
        else
          candidate.also.push_back({file->path, {insert}});
      }
      candidate.proposer = "diagnostic: lost const";
      candidate.description = base::cat("`", name, "` is const");
      candidate.score = 1;
      sink.found.push_back(std::move(candidate));
    }
  }
  // A definition that differs from its declaration in `const` alone.
  if (has(c.message, "no declaration matches") || has(c.message, "does not match any declaration") ||
      has(c.message, "out-of-line definition")) {
    const std::vector<std::string> names = quoted_texts(c.message);
    if (names.empty()) return;
    std::string name = names[0].substr(0, names[0].find('('));
    if (const size_t colon = name.rfind(':'); colon != std::string::npos) name = name.substr(colon + 1);
    if (const size_t space = name.rfind(' '); space != std::string::npos) name = name.substr(space + 1);
    for (const auto& [file, at] : ends_of_parameters(sink, name, false))
      sink.offer(*file, {at, at, " const"}, "lost const", .8, base::cat("`", name, "` is const"));
    for (const auto& [file, at] : ends_of_parameters(sink, name, true)) {
      const size_t word = file->text().find("const", at);
      sink.offer(*file, {at, word + 5, ""}, "const too many", .5, base::cat("`", name, "` is not const"));
    }
  }
  // Something const is written: the const goes from the declaration that holds it.
  if (has(c.message, "read-only") || has(c.message, "cannot assign to") || has(c.message, "discards qualifiers") ||
      has(c.message, "binding reference of type")) {
    const tools::Symbol* function = CodeBase::function_at(*c.file, c.line);
    if (function == nullptr) return;
    const std::string_view text = c.file->text();
    const size_t body = text.find('{', function->range.begin);
    for (size_t at = text.find("const", function->range.begin);
         at != std::string_view::npos && at < std::min(body, function->range.end); at = text.find("const", at + 1)) {
      const tools::Range word = const_word(text, at);
      sink.offer(*c.file, {word.begin, word.end, ""}, "const too many", .5, "`const` goes away");
    }
    for (int line = std::max(1, c.file->line_of(body)); line <= c.line; ++line)
      for (size_t at : occurrences(*c.file, line, "const")) {
        const tools::Range word = const_word(text, at);
        sink.offer(*c.file, {word.begin, word.end, ""}, "const too many", .4, "`const` goes away");
      }
  }
}

void wrong_include(const Complaint& c, RepairSink& sink) {
  if (!has(c.message, "No such file or directory") && !has(c.message, "file not found")) return;
  const tools::Range range = c.file->line_range(c.line);
  const std::string_view line = std::string_view(c.file->text()).substr(range.begin, range.end - range.begin);
  if (!line.starts_with("#include")) return;
  const size_t open = line.find_first_of("<\""), close = line.find_last_of(">\"");
  if (open == std::string_view::npos || close <= open + 1) return;
  const std::string_view named = line.substr(open + 1, close - open - 1);
  std::vector<std::pair<double, std::string>> near;
  for (const auto& [path, file] : sink.code.files()) {
    const double similar = name_similarity(
        named, std::string_view(path).substr(path.size() > named.size() ? path.size() - named.size() : 0));
    if (path.find(".h") != std::string::npos && similar > .5) near.emplace_back(-similar, path);
  }
  std::sort(near.begin(), near.end());
  for (size_t i = 0; i < std::min<size_t>(4, near.size()); ++i) {
    const std::string& path = near[i].second;
    for (size_t from = 0; from != std::string::npos;
         from = path.find('/', from) == std::string::npos ? std::string::npos : path.find('/', from) + 1)
      sink.offer(*c.file, {range.begin + open + 1, range.begin + close, path.substr(from)}, "wrong include",
                 .6 / static_cast<double>(i + 1), base::cat("`", named, "` becomes `", path.substr(from), "`"));
  }
}

void conversions(const Complaint& c, RepairSink& sink) {
  const std::string& m = c.message;
  if (!has(m, "cannot convert") && !has(m, "invalid conversion") && !has(m, "no known conversion") &&
      !has(m, "no viable conversion") && !has(m, "could not convert"))
    return;
  const tools::Range range = c.file->line_range(c.line);
  for (const tools::Node& node : c.file->tree.nodes(range)) {
    if (node.range.begin < range.begin || node.range.end > range.end) continue;
    if (node.type != "identifier" && node.type != "field_expression" && node.type != "call_expression") continue;
    const std::string text = c.file->text().substr(node.range.begin, node.range.end - node.range.begin);
    const double near = node.range.begin == offset_of(c) ? 1 : .3;
    if (has(m, "basic_string") || has(m, "std::string"))
      sink.offer(*c.file, {node.range.begin, node.range.end, text + ".c_str()"}, "conversion", .4 * near,
                 base::cat("`", text, ".c_str()`"));
    if (has(m, "*"))
      for (const char* mark : {"*", "&"})
        sink.offer(*c.file, {node.range.begin, node.range.begin, mark}, "conversion", .4 * near,
                   base::cat("`", mark, text, "`"));
  }
}

void argument_count(const Complaint& c, RepairSink& sink) {
  const bool few = has(c.message, "too few arguments"),
             many = has(c.message, "too many arguments") || has(c.message, "no matching function");
  if (!few && !many) return;
  const tools::Range range = c.file->line_range(c.line);
  for (Mutation& mutation : enumerate_mutations(c.file->tree, range))
    if (mutation.kind == MutationKind::kArguments)
      sink.offer(*c.file, mutation.replacement, "arguments", .3 * mutation.weight, mutation.description);
  if (!few) return;
  const tools::Symbol* function = CodeBase::function_at(*c.file, c.line);
  if (function == nullptr) return;
  std::vector<std::string> names;
  for (std::string_view name : identifiers(
           std::string_view(c.file->text()).substr(function->range.begin, function->range.end - function->range.begin)))
    if (std::find(names.begin(), names.end(), name) == names.end() && names.size() < 12) names.emplace_back(name);
  for (const tools::Node& node : c.file->tree.nodes(range))
    if (node.type == "argument_list" && node.range.begin >= range.begin && node.range.end <= range.end)
      for (const std::string& name : names) {
        const bool empty = node.range.end - node.range.begin == 2;
        sink.offer(*c.file, {node.range.end - 1, node.range.end - 1, empty ? name : ", " + name}, "arguments", .1,
                   base::cat("argument `", name, "` is added"));
      }
}

}  // namespace

void repair_cpp(const Complaint& c, const CheckReading& reading, RepairSink& sink) {
  missing_mark(c, sink);
  did_you_mean(c, sink);
  missing_declaration(c, reading, sink);
  dot_or_arrow(c, sink);
  lost_const(c, sink);
  wrong_include(c, sink);
  conversions(c, sink);
  argument_count(c, sink);
  if (has(c.message, "does not override") || has(c.message, "only virtual"))
    for (size_t at : occurrences(*c.file, c.line, "override"))
      sink.offer(*c.file, {at - (at > 0 && c.file->text()[at - 1] == ' ' ? 1 : 0), at + 8, ""}, "override too many", .4, "`override` goes away");
  if ((has(c.message, "has no member named") || has(c.message, "no member named")) &&
      !quoted_texts(c.message).empty()) {
    const std::vector<std::string> names = quoted_texts(c.message);
    offer_near_names(c, has(c.message, "has no member named") ? names.back() : names[0], .6, sink);
  }
  if (has(c.message, "undefined reference") && !quoted_texts(c.message).empty()) {
    std::string name = quoted_texts(c.message)[0];
    name = name.substr(0, name.find('('));
    if (const size_t colon = name.rfind(':'); colon != std::string::npos) name = name.substr(colon + 1);
    // The definition may bear another name than the declaration.
    for (const std::string& other : near_names(sink.code, *c.file, name, 4))
      for (const Definition& definition : sink.code.find(other))
        sink.offer(*definition.file, {definition.symbol->name_range.begin, definition.symbol->name_range.end, name},
                   "misspelt name", .4, base::cat("`", other, "` becomes `", name, "`"));
  }
}

}  // namespace agent
