// SPDX-License-Identifier: Apache-2.0
// Gold edits of random files, written in every format, must give the gold text byte for byte. The same edits, damaged
// in the ways in which models damage them, must give the gold text or be refused: never anything else.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <random>

#include "base/strings.h"
#include "tests/tools/memory_files.h"
#include "tools/edit_formats.h"
#include "tools/file_patch.h"

namespace {

using tools::EditFormat;
using Random = std::mt19937;

size_t below(Random& random, size_t n) {
  return std::uniform_int_distribution<size_t>(0, n - 1)(random);
}

struct Op {
  char kind;  // ' ', '-', '+'
  std::string text;
};
struct Part {
  size_t line;  // 0-based, of the first old line
  std::vector<Op> ops;
  size_t n_old() const {
    return static_cast<size_t>(std::count_if(ops.begin(), ops.end(), [](const Op& op) { return op.kind != '+'; }));
  }
};

// A file as lines without their ends, so that the gold text is made without any code under test.
struct Source {
  std::vector<std::string> lines;
  std::string end = "\n";
  bool bom = false, final_newline = true;

  std::string text() const {
    std::string out = bom ? "\xef\xbb\xbf" : "";
    for (size_t i = 0; i < lines.size(); ++i) out += lines[i] + (i + 1 < lines.size() || final_newline ? end : "");
    return out;
  }
};

std::string random_line(Random& random) {
  constexpr std::array kWords = {"return value",
                                 "if (ready) {",
                                 "}",
                                 "call(first, second);",
                                 "x = 1",
                                 "total += item",
                                 "# a comment on it",
                                 "// note",
                                 "for i in range(n):",
                                 "",
                                 "else:",
                                 "break",
                                 "log(\"caf\xe9\")",
                                 "name = 'text'"};
  std::string line = kWords[below(random, kWords.size())];
  if (!line.empty() && below(random, 2) == 0) line += base::cat(" ", below(random, 30));
  if (!line.empty()) line.insert(0, std::string(4 * below(random, 4), ' '));
  if (!line.empty() && below(random, 15) == 0) line += "  ";
  if (!line.empty() && below(random, 20) == 0) line.insert(0, "\t");
  return line;
}

Source random_source(Random& random) {
  Source source;
  for (size_t n = 3 + below(random, 60); n > 0; --n) source.lines.push_back(random_line(random));
  if (below(random, 3) == 0) source.end = "\r\n";
  source.bom = below(random, 8) == 0;
  source.final_newline = below(random, 5) != 0;
  if (!source.final_newline && source.lines.back().empty())
    source.lines.back() = "end";  // else the text has a newline after all
  return source;
}

std::vector<Part> random_parts(const Source& source, Random& random) {
  std::vector<Part> parts;
  size_t at = 0;
  for (size_t n = 1 + below(random, 3); n > 0; --n) {
    if (at + 1 >= source.lines.size()) break;
    Part part{at + below(random, source.lines.size() - at), {}};
    size_t line = part.line;
    const auto take = [&](char kind, size_t count) {
      for (; count > 0 && line < source.lines.size(); --count) part.ops.push_back({kind, source.lines[line++]});
    };
    take(' ', below(random, 4));
    take('-', below(random, 3));
    bool changed = !part.ops.empty() && part.ops.back().kind == '-';
    for (size_t added = below(random, 3) + (changed ? 0 : 1); added > 0; --added)
      part.ops.push_back({'+', "new " + random_line(random)}), changed = true;
    take(' ', below(random, 4));
    if (part.n_old() == 0) continue;  // nothing to stand beside
    at = line;
    parts.push_back(std::move(part));
  }
  return parts;
}

Source apply_gold(Source source, const std::vector<Part>& parts) {
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    std::vector<std::string> lines;
    for (const Op& op : part->ops)
      if (op.kind != '-') lines.push_back(op.text);
    const auto begin = source.lines.begin() + static_cast<ptrdiff_t>(part->line);
    source.lines.insert(source.lines.erase(begin, begin + static_cast<ptrdiff_t>(part->n_old())), lines.begin(),
                        lines.end());
  }
  return source;
}

std::string old_text_of(const Part& part, const std::string& end = "\n") {
  std::string text;
  for (const Op& op : part.ops)
    if (op.kind != '+') text += op.text + end;
  return text;
}

std::string write(EditFormat format, const std::vector<Part>& parts, const Source& gold,
                  const std::string& end = "\n") {
  std::string out;
  const auto marked = [&](const Part& part) {
    std::string text;
    for (const Op& op : part.ops) text += op.kind + op.text + end;
    return text;
  };
  switch (format) {
    case EditFormat::kSearchReplace:
      for (const Part& part : parts) {
        std::string replace;
        for (const Op& op : part.ops)
          if (op.kind != '-') replace += op.text + end;
        out += "src/f.x" + end + "<<<<<<< SEARCH" + end + old_text_of(part, end) + "=======" + end + replace +
               ">>>>>>> REPLACE" + end;
      }
      return out;
    case EditFormat::kUnified:
      out = "--- a/src/f.x" + end + "+++ b/src/f.x" + end;
      for (const Part& part : parts)
        out +=
            base::cat("@@ -", part.line + 1, ",", part.n_old(), " +", part.line + 1, ",",
                      part.ops.size() - static_cast<size_t>(std::count_if(part.ops.begin(), part.ops.end(),
                                                                          [](const Op& op) { return op.kind == '-'; })),
                      " @@", end, marked(part));
      return out;
    case EditFormat::kApplyPatch:
      out = "*** Begin Patch" + end + "*** Update File: src/f.x" + end;
      for (const Part& part : parts) out += "@@" + end + marked(part);
      return out + "*** End Patch" + end;
    case EditFormat::kWholeFile:
      out = "src/f.x" + end + "````" + end;
      for (const std::string& line : gold.lines) out += line + end;
      return out + "````" + end;
    case EditFormat::kLineOps:
      return {};
  }
  return out;
}

std::string visible(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '\r' ? "\\r" : c == '\n' ? "\\n\n" : c == '\xef' ? "BOM" : std::string(1, c);
  return out + "$";
}

std::optional<std::string> apply(EditFormat format, const std::string& edit, const std::string& text) {
  const test::MemoryFiles files(test::FileMap{{"src/f.x", text}});
  const auto located = tools::read_edit(format, edit, files);
  if (!located) return std::nullopt;
  return files.after(located->edit)["src/f.x"];
}

// How often the old lines of a part stand in the file, line ends aside.
size_t n_places(const Source& source, const Part& part) {
  std::vector<std::string> old;
  for (const Op& op : part.ops)
    if (op.kind != '+') old.push_back(op.text);
  size_t n = 0;
  for (size_t i = 0; i + old.size() <= source.lines.size(); ++i)
    n += std::equal(old.begin(), old.end(), source.lines.begin() + static_cast<ptrdiff_t>(i));
  return n;
}

// The same, blanks at both ends of lines aside.
size_t n_alike(Source source, Part part) {
  for (std::string& line : source.lines) line = base::trim(line);
  for (Op& op : part.ops) op.text = base::trim(op.text);
  return n_places(source, part);
}

constexpr EditFormat kAnchored[] = {EditFormat::kSearchReplace, EditFormat::kUnified, EditFormat::kApplyPatch};

}  // namespace

TEST_CASE(
    "edits: ten thousand gold edits in every format give the gold bytes or, where the place is not unique, a refusal") {
  Random random(2024);
  size_t n_applied = 0, n_refused = 0, n_refused_unique = 0, n_wrong = 0;
  std::string first_wrong, first_refused;
  for (int round = 0; round < 3000; ++round) {
    const Source source = random_source(random);
    const std::vector<Part> parts = random_parts(source, random);
    if (parts.empty()) continue;
    const Source gold = apply_gold(source, parts);
    const std::string text = source.text(), wanted = gold.text();
    if (text == wanted) continue;
    const bool unique =
        std::all_of(parts.begin(), parts.end(), [&](const Part& part) { return n_places(source, part) == 1; });
    const auto judge = [&](const std::optional<std::string>& result, bool must_apply, const std::string& edit) {
      if (!result) {
        ++n_refused;
        n_refused_unique += must_apply;
        if (must_apply && first_refused.empty())
          first_refused = "refused:\n" + visible(edit) + "\n--- file\n" + visible(text);
      } else if (*result == wanted) {
        ++n_applied;
      } else {
        ++n_wrong;
        if (first_wrong.empty())
          first_wrong = visible(edit) + "\n--- file\n" + visible(text) + "\n--- wanted\n" + visible(wanted) +
                        "\n--- got\n" + visible(*result);
      }
    };
    for (const EditFormat format : kAnchored) {
      const std::string edit = write(format, parts, gold);
      judge(apply(format, edit, text), unique, edit);
    }
    if (!gold.lines.empty()) {
      const std::string edit = write(EditFormat::kWholeFile, parts, gold);
      judge(apply(EditFormat::kWholeFile, edit, text), true, edit);
    }
    // A real git patch: its index line proves the file, so every place is sure.
    const std::string patch =
        *tools::file_patch(tools::PatchSide{"src/f.x", text}, tools::PatchSide{"src/f.x", wanted});
    judge(apply(EditFormat::kUnified, patch, text), true, patch);
  }
  CAPTURE(first_wrong);
  CHECK(n_wrong == 0);
  CAPTURE(first_refused);
  CHECK(n_refused_unique == 0);
  CHECK(n_applied > 10'000);
  MESSAGE("gold edits: " << n_applied << " applied byte for byte, " << n_refused << " refused as not unique, "
                         << n_wrong << " wrong");
}

TEST_CASE("edits: twenty thousand damaged edits are applied right or refused, never wrong") {
  enum Damage {
    kTrailingBlanks,
    kIndentation,
    kCrlfEdit,
    kShiftedNumbers,
    kTypo,
    kSmartQuotes,
    kDroppedLine,
    kDuplicate,
    kMovedFile,
    kTruncated,
    kOtherFile,
    kBlankLines,
    kN
  };
  constexpr std::array<const char*, kN> kNames = {
      "blanks at line ends", "indentation",  "CRLF in the edit", "line numbers",
      "typo in an anchor",   "quotes",       "line left out",    "anchor twice in the file",
      "file has moved on",   "edit cut off", "wrong file",       "blank lines added"};
  std::array<std::array<size_t, 3>, kN> counts{};  // right, refused, wrong
  std::array<size_t, kN> recoverable{}, recovered{};
  Random random(77);
  std::string first_wrong;
  size_t n_tried = 0;
  for (int round = 0; n_tried < 21'000; ++round) {
    Source source = random_source(random);
    std::vector<Part> parts = random_parts(source, random);
    if (parts.empty()) continue;
    const auto damage = static_cast<Damage>(below(random, kN));
    const EditFormat format = kAnchored[below(random, std::size(kAnchored))];
    std::vector<Part> sent = parts;
    std::string end = "\n";
    bool lossless = true;  // one right answer exists: the anchor, without the damage, stands once
    switch (damage) {
      case kTrailingBlanks:
        for (Part& part : sent)
          for (Op& op : part.ops)
            if (op.kind != '+') {
              if (below(random, 2))
                op.text += std::string(1 + below(random, 3), ' ');
              else
                op.text.erase(op.text.find_last_not_of(' ') + 1);
            }
        break;
      case kIndentation: {
        const size_t by = 1 + below(random, 4);
        // Beside blank lines alone nothing shows that the new lines are moved.
        const auto blank = [](const Part& part) { return base::trim(old_text_of(part)).empty(); };
        if (std::all_of(sent.begin(), sent.end(), blank)) continue;
        for (Part& part : sent) {
          const bool can_cut = std::all_of(part.ops.begin(), part.ops.end(), [&](const Op& op) {
            return op.text.empty() || op.text.find_first_not_of(' ') >= by;
          });
          for (Op& op : part.ops) {
            if (op.text.find_first_not_of(" \t") == std::string::npos) continue;
            if (can_cut && by % 2)
              op.text.erase(0, by);
            else
              op.text.insert(0, std::string(by, ' '));
          }
        }
        break;
      }
      case kCrlfEdit:
        end = "\r\n";
        break;
      case kShiftedNumbers:
        for (Part& part : sent) part.line += 1 + below(random, 20);
        break;
      case kTypo: {
        Op& op = sent[0].ops[below(random, sent[0].ops.size())];
        if (op.kind == '+') continue;
        op.text.insert(below(random, op.text.size() + 1), "~");
        lossless = false;
        break;
      }
      case kSmartQuotes: {
        bool any = false;
        for (Part& part : sent)
          for (Op& op : part.ops)
            for (size_t at; op.kind != '+' && (at = op.text.find_first_of("\"'")) != std::string::npos; any = true)
              op.text.replace(at, 1, "\xe2\x80\x9c");
        if (!any) continue;
        lossless = false;
        break;
      }
      case kDroppedLine: {
        auto& ops = sent[0].ops;
        const size_t at = below(random, ops.size());
        if (ops[at].kind != ' ') continue;
        if ((at > 0 && ops[at - 1].text == ops[at].text) || (at + 1 < ops.size() && ops[at + 1].text == ops[at].text))
          continue;
        // Beside an added line it says where that line goes: without it, the edit means another place.
        if ((at > 0 && ops[at - 1].kind == '+') || (at + 1 < ops.size() && ops[at + 1].kind == '+')) continue;
        ops.erase(ops.begin() + static_cast<ptrdiff_t>(at));
        if (sent[0].n_old() == 0) continue;
        lossless = at == 0 || at == ops.size();
        break;
      }
      case kDuplicate: {
        std::vector<std::string> copy;
        for (const Op& op : parts[0].ops)
          if (op.kind != '+') copy.push_back(op.text);
        const size_t last = parts.back().line + parts.back().n_old();
        const bool above = below(random, 2) == 0;
        source.lines.insert(above ? source.lines.begin() : source.lines.begin() + static_cast<ptrdiff_t>(last),
                            copy.begin(), copy.end());
        if (above)
          for (Part& part : parts) part.line += copy.size();
        lossless = false;
        break;
      }
      case kMovedFile: {
        std::vector<std::string> more;
        for (size_t n = 1 + below(random, 6); n > 0; --n) more.push_back(random_line(random));
        source.lines.insert(source.lines.begin(), more.begin(), more.end());
        for (Part& part : parts) part.line += more.size();
        break;
      }
      case kBlankLines:
        if (sent[0].ops[0].kind == '+') continue;
        sent[0].ops.insert(sent[0].ops.begin(), {' ', ""});
        lossless = false;
        break;
      case kTruncated:
      case kOtherFile:
        lossless = false;
        break;
      case kN:
        break;
    }
    Source gold = apply_gold(source, parts);
    if (gold.text() == source.text()) continue;
    std::string edit = write(format, sent, gold, end), text = source.text(), wanted = gold.text();
    if (damage == kTruncated) {
      // Cut inside the text of the last part: what stays of it may not be taken for the whole.
      if (format == EditFormat::kUnified) continue;  // a diff has no end mark: see the test below
      const size_t last_part = edit.rfind(format == EditFormat::kSearchReplace ? "SEARCH" : "@@") + 7;
      edit.resize(last_part + below(random, edit.size() - last_part - 1));
    }
    if (damage == kOtherFile) {
      const Source other = random_source(random);
      if (std::any_of(sent.begin(), sent.end(), [&](const Part& part) { return n_alike(other, part) > 0; })) continue;
      source = other, text = wanted = other.text();
    }
    // The damaged anchor may be the exact text of another place: then the edit means that place.
    const bool names_another = std::any_of(sent.begin(), sent.end(), [&](const Part& part) {
      const size_t h = static_cast<size_t>(&part - sent.data());
      return n_places(source, part) >= 1 && old_text_of(part) != old_text_of(parts[h]);
    });
    if (names_another && (damage != kDroppedLine || !lossless)) continue;
    ++n_tried;
    const auto result = apply(format, edit, text);
    const size_t outcome = !result ? 1 : *result == wanted ? 0 : 2;
    ++counts[damage][outcome];
    const bool has_answer = lossless && std::all_of(sent.begin(), sent.end(), [&](const Part& part) {
                              size_t bytes = 0;
                              for (const Op& op : part.ops)
                                if (op.kind != '+') bytes += base::trim(op.text).size();
                              const size_t h = static_cast<size_t>(&part - sent.data());
                              return bytes >= 12 && n_places(source, parts[h]) == 1;
                            });
    recoverable[damage] += has_answer;
    recovered[damage] += has_answer && outcome == 0;
    if (outcome == 2 && first_wrong.empty())
      first_wrong = std::string(kNames[damage]) + "\n" + visible(edit) + "\n--- file\n" + visible(text) +
                    "\n--- wanted\n" + visible(wanted) + "\n--- got\n" + visible(*result);
  }
  size_t n_wrong = 0, n_recoverable = 0, n_recovered = 0;
  for (size_t d = 0; d < kN; ++d) {
    MESSAGE(std::string(kNames[d]) << ": " << counts[d][0] << " right, " << counts[d][1] << " refused, " << counts[d][2]
                                   << " wrong; recovered " << recovered[d] << " of " << recoverable[d]);
    n_wrong += counts[d][2], n_recoverable += recoverable[d], n_recovered += recovered[d];
  }
  CAPTURE(first_wrong);
  CHECK(n_wrong == 0);
  CHECK(n_recovered * 100 >= n_recoverable * 95);
  CHECK(n_recoverable > 3000);
}
