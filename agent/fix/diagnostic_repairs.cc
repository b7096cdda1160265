// SPDX-License-Identifier: Apache-2.0
#include "agent/fix/diagnostic_repairs.h"

#include <algorithm>
#include <map>
#include <set>

#include "agent/code/lexed_tokens.h"
#include "agent/code/words.h"
#include "base/strings.h"

namespace agent {

std::string_view line_text(const CodeFile& file, int line) {
  const tools::Range range = file.line_range(line);
  return std::string_view(file.text()).substr(range.begin, range.end - range.begin);
}

namespace {

struct Quote {
  std::string_view open, close;
};
constexpr Quote kQuotes[] = {{"\xe2\x80\x98", "\xe2\x80\x99"}, {"'", "'"}, {"`", "'"}, {"`", "`"}, {"\"", "\""}};

// The first quoted text at or after `from`; `end` is where it ends, npos where there is none.
std::string next_quoted(std::string_view message, size_t from, size_t& begin, size_t& end) {
  begin = end = std::string_view::npos;
  const Quote* used = nullptr;
  for (const Quote& quote : kQuotes) {
    const size_t at = message.find(quote.open, from);
    if (at == std::string_view::npos || at >= begin) continue;
    const size_t close = message.find(quote.close, at + quote.open.size());
    if (close == std::string_view::npos) continue;
    begin = at;
    end = close + quote.close.size();
    used = &quote;
  }
  if (used == nullptr) return "";
  return std::string(message.substr(begin + used->open.size(), end - used->close.size() - begin - used->open.size()));
}

bool is_cpp(const CodeFile& file) {
  const tools::Language language = file.tree.language();
  return language == tools::Language::kC || language == tools::Language::kCpp || language == tools::Language::kCuda;
}

bool is_compiled(const CodeFile& file) {
  const tools::Language language = file.tree.language();
  return language == tools::Language::kGo || language == tools::Language::kRust || language == tools::Language::kJava;
}

bool is_import(std::string_view line) {
  return line.starts_with("#include") || line.starts_with("import ") || line.starts_with("from ");
}

}  // namespace

void RepairSink::offer(const CodeFile& file, tools::Replacement replacement, std::string proposer, double score,
                       std::string description) {
  Candidate candidate;
  candidate.path = file.path;
  candidate.line = file.line_of(replacement.begin);
  candidate.proposer = "diagnostic: " + std::move(proposer);
  candidate.description = std::move(description);
  candidate.score = score;
  candidate.replacements.push_back(std::move(replacement));
  found.push_back(std::move(candidate));
}

std::vector<std::string> quoted_texts(std::string_view message) {
  std::vector<std::string> all;
  for (size_t at = 0, begin = 0, end = 0; at < message.size(); at = end) {
    std::string text = next_quoted(message, at, begin, end);
    if (end == std::string_view::npos) break;
    all.push_back(std::move(text));
  }
  return all;
}

std::string quoted_after(std::string_view message, std::string_view words) {
  const size_t at = message.find(words);
  if (at == std::string_view::npos) return "";
  size_t begin = 0, end = 0;
  std::string text = next_quoted(message, at + words.size(), begin, end);
  // It must follow at once, or it belongs to something else.
  return begin == std::string_view::npos || begin - at - words.size() > 3 ? "" : text;
}

tools::Replacement import_line(const CodeFile& file, const std::string& line) {
  // Lines of the same shape sort together: <...> with <...>, "from" with "from".
  const std::string shape = line.substr(0, line.find_first_of("<\" ") + (line.starts_with("#include") ? 2 : 0));
  int last_import = 0, last_same = 0;
  for (int i = 1; i <= file.n_lines(); ++i) {
    const std::string_view text = line_text(file, i);
    if (!is_import(text)) continue;
    last_import = i;
    if (!text.starts_with(shape)) continue;
    if (text > line) {
      const size_t at = file.line_range(i).begin;
      return {at, at, line + "\n"};
    }
    last_same = i;
  }
  const int after = last_same != 0 ? last_same : last_import;
  if (after != 0) {
    const size_t at = file.line_range(after).end;
    return {at, at, "\n" + line};
  }
  // No imports yet: behind the heading comment, "#pragma once" and the module's documentation.
  int row = 1;
  bool in_text = false;
  for (; row <= file.n_lines(); ++row) {
    const std::string_view text = base::trim(line_text(file, row));
    const size_t marks = text.starts_with("\"\"\"") ? (text.find("\"\"\"", 3) == std::string_view::npos ? 1 : 2)
                                                    : (text.ends_with("\"\"\"") && in_text ? 1 : 0);
    if (marks == 1) in_text = !in_text;
    if (in_text || marks > 0 || text.empty() || text.starts_with("//") || text.starts_with("#")) continue;
    break;
  }
  const size_t at = file.line_range(row).begin;
  return {at, at, line + "\n"};
}

std::vector<std::string> near_names(const CodeBase& code, const CodeFile& file, std::string_view name, size_t at_most) {
  std::map<std::string, double> scores;
  auto consider = [&](std::string_view other, double bonus) {
    if (other == name || other.size() < 2) return;
    const int bound = name.size() <= 4 ? 1 : 2;
    const int distance = edit_distance(name, other, bound);
    const double near = name_similarity(name, other);
    if (distance > bound && near < .6) return;
    double& score = scores[std::string(other)];
    score = std::max(score, near + bonus + (distance <= bound ? .5 - .15 * distance : 0));
  };
  for (std::string_view other : identifiers(file.text())) consider(other, .1);
  for (const auto& [path, other_file] : code.files())
    if (other_file.editable)
      for (const tools::Symbol& symbol : other_file.symbols) consider(symbol.name, 0);
  std::vector<std::pair<double, std::string>> sorted;
  for (auto& [other, score] : scores) sorted.emplace_back(-score, other);
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::string> names;
  for (size_t i = 0; i < std::min(at_most, sorted.size()); ++i) names.push_back(sorted[i].second);
  return names;
}

std::vector<size_t> occurrences(const CodeFile& file, int line, std::string_view word) {
  std::vector<size_t> found;
  const tools::Range range = file.line_range(line);
  for (std::string_view name : identifiers(line_text(file, line)))
    if (name == word) found.push_back(static_cast<size_t>(name.data() - file.text().data()));
  (void)range;
  return found;
}

namespace {

// At most `enough`.
size_t count_word(const CodeBase& code, std::string_view word, size_t enough) {
  size_t n = 0;
  for (const auto& [path, file] : code.files()) {
    const std::string_view text = file.text();
    for (size_t at = text.find(word); at != std::string_view::npos && n < enough;
         at = text.find(word, at + word.size()))
      if ((at == 0 || !is_name_byte(text[at - 1])) &&
          (at + word.size() == text.size() || !is_name_byte(text[at + word.size()])))
        ++n;
  }
  return n;
}

// A definition that nothing speaks of by its name, while others ask for one like it, is itself the misspelt one.
void offer_definition(std::string_view name, const std::vector<std::string>& near, double score, RepairSink& sink) {
  for (const std::string& other : near) {
    const std::vector<Definition> found = sink.code.find(other);
    if (found.size() != 1 || count_word(sink.code, other, 2) != 1) continue;
    if (count_word(sink.code, name, 2) < 2) score *= .6;  // a single use may as well be wrong
    const tools::Range range = found[0].symbol->name_range;
    sink.offer(*found[0].file, {range.begin, range.end, std::string(name)}, "misspelt name", score,
               base::cat("`", other, "` becomes `", name, "`"));
    return;
  }
}

}  // namespace

void offer_near_names(const Complaint& complaint, std::string_view name, double score, RepairSink& sink) {
  if (name.empty()) return;
  const std::vector<std::string> near = near_names(sink.code, *complaint.file, name, 5);
  offer_definition(name, near, std::min(.95, 1.05 * score), sink);
  for (const std::string& other : near) {
    for (size_t at : occurrences(*complaint.file, complaint.line, name))
      sink.offer(*complaint.file, {at, at + name.size(), other}, "misspelt name", score,
                 base::cat("`", name, "` becomes `", other, "`"));
    score *= .6;
  }
}

std::vector<Candidate> diagnostic_repairs(const CodeBase& code, const CheckReading& reading, std::stop_token stop) {
  RepairSink sink{code, {}};
  std::set<std::tuple<std::string, int, std::string>> seen;
  double order = 1;  // the first message is the cause of many that follow
  auto complain = [&](const Complaint& complaint) {
    if (!seen.emplace(complaint.file->path, complaint.line, complaint.message).second || seen.size() > 60) return;
    const size_t before = sink.found.size();
    if (is_cpp(*complaint.file))
      repair_cpp(complaint, reading, sink);
    else if (is_compiled(*complaint.file))
      repair_compiled(complaint, sink);
    else
      repair_script(complaint, reading, sink);
    for (size_t i = before; i < sink.found.size(); ++i) sink.found[i].score *= order;
    if (sink.found.size() > before) order = std::max(.2, order * .8);
  };
  for (const Place& place : reading.places) {
    if (stop.stop_requested()) return {};
    const CodeFile* file = code.file(place.path);
    if (file == nullptr || !file->editable || place.line > file->n_lines()) continue;
    if (place.kind == PlaceKind::kError || place.kind == PlaceKind::kNote || place.kind == PlaceKind::kWarning)
      complain({file, place.line, place.column, place.message});
    // Scripts: the message stands apart from the place of the innermost frames.
    if (place.kind == PlaceKind::kFrame && place.frames_below <= 2)
      for (const std::string& message : reading.messages) complain({file, place.line, 0, message});
  }
  repair_syntax(reading, sink, stop);
  // Messages that name no place of ours: "coroutine 'f' was never awaited", an import that failed in a test.
  for (const std::string& message : reading.messages)
    for (const auto& [path, file] : code.files())
      if (file.editable && !is_cpp(file) && seen.size() < 60 &&
          (message.find("never awaited") != std::string::npos ||
           message.find("cannot import name") != std::string::npos))
        complain({&file, 0, 0, message});
  return std::move(sink.found);
}

}  // namespace agent
