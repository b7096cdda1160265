// SPDX-License-Identifier: Apache-2.0
#include "agent/code/bracket_layout.h"

#include <algorithm>

namespace agent {
namespace {

constexpr size_t kMostLost = 40;

struct Line {
  int number;
  size_t indent;
  std::string_view first, last;  // tokens
};

struct Open {
  size_t token;
  int line;
};

bool is_label(std::string_view text, const Line& line) {
  return line.last == ":" || line.first == "#" || line.first == "case" || line.first == "default" || text.empty();
}

class Layout {
 public:
  Layout(const CodeFile& file, std::span<const LexedToken> tokens) : file_(file), tokens_(tokens) {}

  BracketLayout run() {
    read_lines();
    match();
    closers_by_indentation();
    openers_by_indentation();
    std::sort(found_.lines.begin(), found_.lines.end());
    found_.lines.erase(std::unique(found_.lines.begin(), found_.lines.end()), found_.lines.end());
    return std::move(found_);
  }

 private:
  std::string_view written(const LexedToken& token) const {
    return std::string_view(file_.text()).substr(token.range.begin, token.range.end - token.range.begin);
  }

  void read_lines() {
    for (size_t i = 0; i < tokens_.size(); ++i) {
      if (tokens_[i].kind == LexedKind::kLineEnd) continue;
      const bool starts = i == 0 || tokens_[i - 1].kind == LexedKind::kLineEnd;
      if (starts) {
        const int number = file_.line_of(tokens_[i].range.begin);
        lines_.push_back({number, tokens_[i].range.begin - file_.line_range(number).begin, written(tokens_[i]), {}});
      }
      lines_.back().last = written(tokens_[i]);
    }
  }

  void match() {
    std::vector<Open> stack;
    for (size_t i = 0; i < tokens_.size(); ++i) {
      if (tokens_[i].kind != LexedKind::kMark) continue;
      const std::string_view mark = written(tokens_[i]);
      constexpr std::string_view kOpeners = "([{";
      if (opens(mark)) {
        ++found_.open[kOpeners.find(mark[0])];
        stack.push_back({i, file_.line_of(tokens_[i].range.begin)});
      } else if (closes(mark)) {
        --found_.open[kOpeners.find(partner_of(mark[0]))];
        const int line = file_.line_of(tokens_[i].range.begin);
        if (!stack.empty() && written(tokens_[stack.back().token])[0] == partner_of(mark[0])) {
          stack.pop_back();
          continue;
        }
        // The nearer of the two is more often the wrong one; both lines are worth a look.
        if (found_.lines.size() < kMostLost) {
          found_.lines.push_back(line);
          if (!stack.empty()) found_.lines.push_back(stack.back().line);
        }
        const auto fits = std::find_if(stack.rbegin(), stack.rend(), [&](const Open& open) {
          return written(tokens_[open.token])[0] == partner_of(mark[0]);
        });
        if (fits != stack.rend()) stack.erase(std::prev(fits.base()), stack.end());
      }
    }
    for (const Open& open : stack)
      if (found_.lines.size() < kMostLost) found_.lines.push_back(open.line);
  }

  // Each line that ends with an opener, against the first line behind it that is indented no further.
  void closers_by_indentation() {
    std::vector<size_t> waiting;  // lines that end with an opener, outermost first
    for (size_t i = 0; i < lines_.size(); ++i) {
      if (lines_[i].first == "#") continue;
      while (!waiting.empty() && lines_[i].indent <= lines_[waiting.back()].indent) {
        const Line& opener = lines_[waiting.back()];
        waiting.pop_back();
        const char closer = partner_of(opener.last[0]);
        if (lines_[i].first[0] == closer || is_label(file_.text(), lines_[i])) continue;
        // `{` on a line of its own below a heading is no line that ends a block.
        if (lines_[i].first == "{" || found_.lost_closers.size() >= kMostLost) continue;
        found_.lost_closers.push_back({lines_[i].number, opener.indent, std::string(1, closer), opener.number});
      }
      if (opens(lines_[i].last)) waiting.push_back(i);
    }
    for (size_t open : waiting)
      if (found_.lost_closers.size() < kMostLost)
        found_.lost_closers.push_back({file_.n_lines(), lines_[open].indent,
                                       std::string(1, partner_of(lines_[open].last[0])), lines_[open].number});
  }

  // A line that begins with a closer, against the nearest line above that is indented no further: that one opens.
  void openers_by_indentation() {
    std::vector<size_t> above;  // candidates, rising indentation
    for (size_t i = 0; i < lines_.size(); ++i) {
      if (lines_[i].first == "#") continue;
      while (!above.empty() && lines_[above.back()].indent > lines_[i].indent) above.pop_back();
      if (closes(lines_[i].first) && !above.empty() && found_.lines.size() < kMostLost) {
        const Line& opener = lines_[above.back()];
        const bool opened = opens(opener.last) || opens(opener.first);
        if (!opened && opener.indent == lines_[i].indent) found_.lines.push_back(opener.number);
      }
      if (!above.empty() && lines_[above.back()].indent == lines_[i].indent) above.pop_back();
      above.push_back(i);
    }
  }

  const CodeFile& file_;
  const std::span<const LexedToken> tokens_;
  std::vector<Line> lines_;
  BracketLayout found_;
};

}  // namespace

BracketLayout bracket_layout(const CodeFile& file, std::span<const LexedToken> tokens) {
  return Layout(file, tokens).run();
}

}  // namespace agent
