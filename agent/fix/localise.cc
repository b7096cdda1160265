// SPDX-License-Identifier: Apache-2.0
#include "agent/fix/localise.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "agent/fix/failing_regions.h"
#include "base/strings.h"

namespace agent {
namespace {

constexpr double kHop = .5;  // what a caller's weight is worth to its callee
constexpr int kMaxHops = 4;
constexpr double kLoop = 1, kCalledByLoop = .4;  // of all lines that ran while a test hung
constexpr double kImplicit = .6;  // of a type's weight, for what a language calls on it without naming it
// Where few lines are suspect, and no run has been watched, the others of the language follow: far behind, but ahead of
// giving up with time left.
constexpr size_t kFewLines = 1500;
constexpr double kElsewhere = .01, kElsewhereInAll = .05;  // of the most suspect line; of all of them together
constexpr double kOutsideOfTests = .25;  // a line that ran outside of tests, or that only compilers read
constexpr int kStatementLines = 10;
constexpr double kNotRun = .03;  // a line that the failing tests did not run: an insertion before it may still help

using FunctionWeights = std::map<const tools::Symbol*, std::pair<const CodeFile*, double>>;

bool is_class(const tools::Symbol& symbol) {
  return symbol.kind == tools::SymbolKind::kClass || symbol.kind == tools::SymbolKind::kStruct;
}

// Called by loops, prints, comparisons and the like: their names stand nowhere near the call.
bool is_called_implicitly(std::string_view name) {
  constexpr std::array kNames = {
      std::string_view("fmt"),         std::string_view("drop"),     std::string_view("next"),
      std::string_view("eq"),          std::string_view("cmp"),      std::string_view("deref"),
      std::string_view("partial_cmp"), std::string_view("from"),     std::string_view("from_str"),
      std::string_view("String"),      std::string_view("Error"),    std::string_view("toString"),
      std::string_view("equals"),      std::string_view("hashCode"), std::string_view("compareTo"),
      std::string_view("iterator"),    std::string_view("hasNext"),  std::string_view("close")};
  return name.starts_with("operator") || (name.size() > 4 && name.starts_with("__") && name.ends_with("__")) ||
         std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

// Rust's `impl<T> fmt::Display for Shelf<T>` bears the name `Shelf<T>`.
std::string_view without_parameters(std::string_view name) {
  return name.substr(0, name.find('<'));
}

void add_definition(const Definition& definition, double value, FunctionWeights& weights,
                    std::vector<const tools::Symbol*>& touched) {
  auto& [file, known] = weights[definition.symbol];
  file = definition.file;
  if (value <= known) return;
  known = value;
  touched.push_back(definition.symbol);
}

// Adds weight to the definitions of a name; a class stands for its constructor.
void add_name(const CodeBase& code, std::string_view name, double weight, FunctionWeights& weights,
              std::vector<const tools::Symbol*>& touched) {
  const std::vector<Definition> found = code.find(name);
  if (found.empty() || found.size() > 12) return;
  const double share = weight / std::sqrt(static_cast<double>(found.size()));
  for (const Definition& definition : found)
    add_definition(definition, is_class(*definition.symbol) ? .3 * share : share, weights, touched);
}

FunctionWeights functions_of_tests(const LocaliseInput& input, const std::vector<TestRegion>& regions,
                                   Suspects& suspects) {
  FunctionWeights weights;
  std::vector<const tools::Symbol*> wave;
  std::set<std::string> names;
  for (const TestRegion& region : regions)
    for (int line = region.begin; line <= region.end; ++line) {
      const tools::Range range = region.file->line_range(line);
      const std::string_view text = std::string_view(region.file->text()).substr(range.begin, range.end - range.begin);
      const double weight = line == region.at ? 1 : (region.at != 0 && line > region.at ? .25 : .55);
      for (std::string_view name : identifiers(text)) {
        if (!input.code.defines(name)) continue;
        names.emplace(name);
        add_name(input.code, name, weight, weights, wave);
      }
    }
  suspects.expected_names.assign(names.begin(), names.end());
  // By the name of their type.
  std::multimap<std::string_view, Definition> implicit;
  for (const auto& [path, file] : input.code.files())
    for (const tools::Symbol& symbol : file.symbols)
      if (file.editable && symbol.parent >= 0 && is_called_implicitly(symbol.name) && !file.in_test(symbol.range))
        implicit.emplace(without_parameters(file.symbols[static_cast<size_t>(symbol.parent)].name),
                         Definition{&file, &symbol});
  // What the named functions call, by name.
  for (int hop = 0; hop < kMaxHops && !wave.empty(); ++hop) {
    std::vector<const tools::Symbol*> next;
    for (const tools::Symbol* symbol : wave) {
      const auto [file, weight] = weights[symbol];
      if (is_class(*symbol)) {
        const auto [begin, end] = implicit.equal_range(without_parameters(symbol->name));
        for (auto it = begin; it != end; ++it) add_definition(it->second, weight * kImplicit, weights, next);
        if (hop > 0) continue;
      }
      const std::string_view body =
          std::string_view(file->text()).substr(symbol->range.begin, symbol->range.end - symbol->range.begin);
      std::set<std::string_view> seen = {symbol->name};
      for (std::string_view name : identifiers(body))
        if (seen.insert(name).second && input.code.defines(name))
          add_name(input.code, name, weight * kHop, weights, next);
    }
    wave = std::move(next);
  }
  return weights;
}

class LineWeights {
 public:
  explicit LineWeights(const CodeBase& code) : code_(code) {}

  void add(const std::string& path, int line, double weight) {
    const CodeFile* file = code_.file(path);
    if (file == nullptr || !file->editable || line < 1 || line > file->n_lines() || file->is_test_line(line)) return;
    lines[path][line] += weight;
  }
  void add_around(const std::string& path, int line, double weight) {
    const CodeFile* file = code_.file(path);
    if (file == nullptr) return;
    line = std::clamp(line, 0, file->n_lines() + 3);  // a message may name any number; the sums below do not overflow
    add(path, line, weight);
    for (int off : {1, 2})
      for (int sign : {-1, 1}) add(path, line + sign * off, weight * (off == 1 ? .3 : .12));
    if (const tools::Symbol* function = CodeBase::function_at(*file, line)) add_function(*file, *function, weight * .5);
  }
  void add_function(const CodeFile& file, const tools::Symbol& function, double weight) {
    const int begin = file.line_of(function.range.begin), end = file.line_of(function.range.end);
    // Longer functions hold more mistakes, but each of their lines fewer.
    const double each = weight / std::pow(static_cast<double>(end - begin + 4), .75);
    for (int line = begin; line <= end; ++line) add(file.path, line, each);
  }

  std::map<std::string, std::map<int, double>> lines;

 private:
  const CodeBase& code_;
};

// A loop that does not end: each of its lines may be what should end it. What it calls, and what led to it, less.
void add_hang(const TracedFailure& failure, LineWeights& weights) {
  for (const auto& [path, line] : failure.loop)
    weights.add_around(path, line, kLoop / std::sqrt(static_cast<double>(failure.loop.size())));
  for (const auto& [path, line] : failure.called)
    weights.add(path, line, kCalledByLoop / std::sqrt(static_cast<double>(failure.called.size())));
}

int add_places(const LocaliseInput& input, LineWeights& weights) {
  double error = 1;
  int n = 0;
  for (const Place& place : input.reading.places) {
    const CodeFile* file = input.code.file(place.path);
    if (file == nullptr || !file->editable || file->is_test_line(place.line)) continue;
    ++n;
    switch (place.kind) {
      case PlaceKind::kError:
        weights.add_around(place.path, place.line, error);
        error = std::max(.1, error * .6);
        break;
      case PlaceKind::kWarning:
        weights.add_around(place.path, place.line, .25);
        break;
      case PlaceKind::kNote:
        weights.add(place.path, place.line, .3);
        break;
      case PlaceKind::kFrame:
        weights.add_around(place.path, place.line, std::pow(.55, place.frames_below));
        break;
      case PlaceKind::kAssertion:
        weights.add_around(place.path, place.line, .5);
        break;
    }
  }
  for (const TracedFailure& failure : input.coverage.failures) {
    add_hang(failure, weights);
    double weight = 1;
    for (auto frame = failure.frames.rbegin(); frame != failure.frames.rend(); ++frame, weight *= .55)
      weights.add_around(frame->first, frame->second, weight * .5);
  }
  return n;
}

// What the traces say of a line: of one without code of its own within a function, what they say of the statement
// above, which may go on in it.
const LineCount* count_of(const LocaliseInput& input, const CodeFile& file, const std::map<int, LineCount>& counts,
                          int line) {
  const auto found = counts.find(line);
  if (found != counts.end()) return &found->second;
  const tools::Symbol* function = CodeBase::function_at(file, line);
  if (function == nullptr || !input.coverage.all_code.contains(file.path)) return nullptr;
  const auto after = counts.lower_bound(line);
  if (after == counts.begin()) return nullptr;
  const auto before = std::prev(after);
  return line - before->first <= kStatementLines && CodeBase::function_at(file, before->first) == function
             ? &before->second
             : nullptr;
}

// Every line's weight times what the tests' traces say of it; lines that only the traces know come in as well.
void weigh_by_coverage(const LocaliseInput& input, const FunctionWeights& functions, LineWeights& weights) {
  double largest_function = 0;
  for (const auto& [symbol, entry] : functions) largest_function = std::max(largest_function, entry.second);
  for (const auto& [path, counts] : input.coverage.lines) {
    const CodeFile* file = input.code.file(path);
    if (file == nullptr || !file->editable) continue;
    for (const auto& [line, count] : counts) {
      const double score = input.coverage.ochiai(path, line);
      if (score <= 0) continue;
      const tools::Symbol* function = CodeBase::function_at(*file, line);
      double named = 0;
      if (const auto known = functions.find(function); known != functions.end() && largest_function > 0)
        named = known->second.second / largest_function;
      weights.add(path, line, .25 * score * score * (.4 + named));
    }
    auto found = weights.lines.find(path);
    if (found == weights.lines.end()) continue;
    for (auto& [line, weight] : found->second) {
      const LineCount* count = count_of(input, *file, counts, line);
      if (count != nullptr && count->failed > 0)
        weight *= .3 + input.coverage.ochiai(*count);
      else if (count != nullptr ? count->loaded && count->passed == 0 : input.coverage.all_code.contains(path))
        weight *= kOutsideOfTests;
      else
        weight *= kNotRun;
    }
  }
}

// A function's head stands for what it lacks: a guard, a parameter's default.
void weigh_heads(const LocaliseInput& input, LineWeights& weights) {
  for (auto& [path, lines] : weights.lines) {
    const CodeFile* file = input.code.file(path);
    for (const tools::Symbol& symbol : file->symbols) {
      if (symbol.kind != tools::SymbolKind::kFunction && symbol.kind != tools::SymbolKind::kMethod) continue;
      const int begin = file->line_of(symbol.range.begin), end = file->line_of(symbol.range.end);
      double largest = 0;
      for (auto it = lines.upper_bound(begin); it != lines.end() && it->first <= end; ++it)
        largest = std::max(largest, it->second);
      if (largest > 0) lines[begin] = std::max(lines[begin], .6 * largest);
    }
  }
}

// Files that hold suspect lines first, then those beside them, then all others.
void add_elsewhere(const CodeBase& code, LineWeights& weights) {
  size_t n = 0;
  double top = 0, all = 0;
  std::set<std::string_view> folders;
  std::set<tools::Language> languages;
  for (const auto& [path, lines] : weights.lines) {
    n += lines.size();
    for (const auto& [line, weight] : lines) {
      top = std::max(top, weight);
      all += weight;
    }
    const std::string_view whole = path;
    folders.insert(whole.substr(0, whole.rfind('/') + 1));
    if (const CodeFile* file = code.file(path)) languages.insert(file->tree.language());
  }
  std::vector<std::pair<int, const CodeFile*>> files;
  for (const auto& [path, file] : code.files()) {
    if (!file.editable || !languages.contains(file.tree.language())) continue;
    const std::string_view whole = path;
    const bool beside = folders.contains(whole.substr(0, whole.rfind('/') + 1));
    files.emplace_back(weights.lines.contains(path) ? 0 : beside ? 1 : 2, &file);
  }
  std::stable_sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::pair<const CodeFile*, int>> others;
  for (const auto& [distance, file] : files) {
    const auto known = weights.lines.find(file->path);
    for (int line = 1; line <= file->n_lines() && n < kFewLines; ++line) {
      if (known != weights.lines.end() && known->second.contains(line)) continue;
      others.emplace_back(file, line);
      ++n;
    }
  }
  const double each = std::min(kElsewhere * top, kElsewhereInAll * all / static_cast<double>(others.size() + 1));
  for (const auto& [file, line] : others) weights.add(file->path, line, each);
}

bool in_focus(const std::string& path, const std::vector<std::string>& focus) {
  return std::any_of(focus.begin(), focus.end(), [&](const std::string& named) {
    return path == named || path.starts_with(named + "/") || named == ".";
  });
}

}  // namespace

double Suspects::weight(const std::string& path, int line) const {
  const auto file = lines.find(path);
  if (file == lines.end()) return 0;
  const auto found = file->second.find(line);
  return found == file->second.end() ? 0 : found->second;
}

Suspects localise(const LocaliseInput& input) {
  Suspects suspects;
  LineWeights weights(input.code);
  const int n_places = add_places(input, weights);
  if (n_places > 0) suspects.evidence.push_back(base::cat(n_places, " places in the check's output"));
  const std::vector<TestRegion> regions = failing_regions(input.code, input.reading, input.coverage);
  const FunctionWeights functions = functions_of_tests(input, regions, suspects);
  double largest = 0;
  for (const auto& [symbol, entry] : functions) largest = std::max(largest, entry.second);
  for (const auto& [symbol, entry] : functions)
    if (largest > 0 && !is_class(*symbol)) weights.add_function(*entry.first, *symbol, .8 * entry.second / largest);
  if (!functions.empty())
    suspects.evidence.push_back(
        base::cat(functions.size(), " definitions named by the failing tests or what they call"));
  // Where no failing test was seen, as its time was up before, what passing tests run is no reason to look elsewhere.
  if (!input.coverage.empty() && input.coverage.n_failed > 0) {
    weigh_by_coverage(input, functions, weights);
    suspects.evidence.push_back(base::cat("lines run by ", input.coverage.n_failed, " failing and ",
                                          input.coverage.n_passed, " passing tests"));
  }
  std::set<std::string_view> hung;
  int n_hung = 0;
  for (const TracedFailure& failure : input.coverage.failures) {
    n_hung += failure.hung ? 1 : 0;
    if (failure.hung && !failure.test.empty()) hung.insert(failure.test);
  }
  if (n_hung > 0)
    suspects.evidence.push_back(base::cat(n_hung, " places where tests did not end", hung.empty() ? "" : ": ",
                                          hung.empty() ? "" : *hung.begin(), hung.size() > 1 ? " and others" : ""));
  if (weights.lines.empty()) {  // nothing is known: everything is equally suspect
    for (const auto& [path, file] : input.code.files())
      if (file.editable)
        for (int line = 1; line <= file.n_lines(); ++line) weights.add(path, line, .1);
  } else if (input.coverage.empty() && !input.reading.build_failed) {
    add_elsewhere(input.code, weights);
  }
  const std::set<std::string> changed(input.changed.begin(), input.changed.end());
  const bool few_changed = !changed.empty() && changed.size() <= 20;
  int n_changed = 0;
  for (auto& [path, lines] : weights.lines) {
    double factor = 1;
    if (few_changed && changed.contains(path)) {
      factor *= 2;
      ++n_changed;
    }
    if (!input.focus.empty()) factor *= in_focus(path, input.focus) ? 5 : .2;
    for (auto& [line, weight] : lines) weight *= factor;
  }
  if (n_changed > 0) suspects.evidence.push_back(base::cat(n_changed, " suspect files changed since the last commit"));
  weigh_heads(input, weights);
  double top = 0;
  for (const auto& [path, lines] : weights.lines)
    for (const auto& [line, weight] : lines) top = std::max(top, weight);
  for (auto& [path, lines] : weights.lines)
    for (auto& [line, weight] : lines)
      if (top > 0) weight /= top;
  suspects.lines = std::move(weights.lines);
  return suspects;
}

}  // namespace agent
