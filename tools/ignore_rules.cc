// SPDX-License-Identifier: Apache-2.0
#include "tools/ignore_rules.h"

#include <algorithm>

#include "base/strings.h"

namespace tools {
namespace {

// The set that starts at pattern[0] == '[': whether `c` is in it, and where it ends; no end: the bracket is a plain
// letter.
struct SetMatch {
  bool inside;
  size_t length;
};

bool in_class(std::string_view name, unsigned char c) {
  const bool digit = c >= '0' && c <= '9', lower = c >= 'a' && c <= 'z', upper = c >= 'A' && c <= 'Z';
  if (name == "digit") return digit;
  if (name == "lower") return lower;
  if (name == "upper") return upper;
  if (name == "alpha") return lower || upper;
  if (name == "alnum") return lower || upper || digit;
  if (name == "space") return c == ' ' || (c >= '\t' && c <= '\r');
  if (name == "punct") return c > ' ' && c < 0x7f && !lower && !upper && !digit;
  if (name == "xdigit") return digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  return false;
}

SetMatch match_set(std::string_view pattern, unsigned char c) {
  size_t at = 1;
  const bool negated = at < pattern.size() && (pattern[at] == '!' || pattern[at] == '^');
  if (negated) ++at;
  bool inside = false;
  for (bool first = true;; first = false) {
    if (at >= pattern.size()) return {false, 0};
    if (pattern[at] == ']' && !first) break;
    if (pattern.substr(at, 2) == "[:") {
      const size_t end = pattern.find(":]", at + 2);
      if (end != std::string_view::npos) {
        inside |= in_class(pattern.substr(at + 2, end - at - 2), c);
        at = end + 2;
        continue;
      }
    }
    if (pattern[at] == '\\' && at + 1 < pattern.size()) ++at;
    const auto low = static_cast<unsigned char>(pattern[at++]);
    auto high = low;
    if (at + 1 < pattern.size() && pattern[at] == '-' && pattern[at + 1] != ']') {
      ++at;
      if (pattern[at] == '\\' && at + 1 < pattern.size()) ++at;
      high = static_cast<unsigned char>(pattern[at++]);
    }
    inside |= low <= c && c <= high;
  }
  return {inside != negated, at + 1};
}

// Pattern and text without "**": one '*' is remembered and widened on a mismatch, so time is at most product of the
// lengths.
bool match_part(std::string_view pattern, std::string_view text) {
  size_t p = 0, t = 0, star = std::string_view::npos, star_text = 0;
  while (t < text.size()) {
    bool step = false;
    size_t width = 1;
    if (p < pattern.size()) {
      if (pattern[p] == '*') {
        star = p++;
        star_text = t;
        continue;
      }
      if (pattern[p] == '?') {
        step = true;
      } else if (pattern[p] == '[') {
        const SetMatch set = match_set(pattern.substr(p), static_cast<unsigned char>(text[t]));
        step = set.length > 0 && set.inside;
        width = std::max<size_t>(set.length, 1);
      } else if (pattern[p] == '\\' && p + 1 < pattern.size()) {
        step = pattern[p + 1] == text[t];
        width = 2;
      } else {
        step = pattern[p] == text[t];
      }
    }
    if (step) {
      p += width;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::vector<std::string_view> split_parts(std::string_view path) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t slash = path.find('/');
    parts.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return parts;
    path.remove_prefix(slash + 1);
  }
}

}  // namespace

bool wildcard_match(std::string_view pattern, std::string_view text) {
  const std::vector<std::string_view> patterns = split_parts(pattern), parts = split_parts(text);
  // reach[t]: the pattern so far matches the first t parts.
  std::vector<char> reach(parts.size() + 1, 0);
  reach[0] = 1;
  for (size_t p = 0; p < patterns.size(); ++p) {
    std::vector<char> next(parts.size() + 1, 0);
    if (patterns[p] == "**") {
      // At the end "**" wants something below; elsewhere it may stand for no part at all.
      const bool last = p + 1 == patterns.size();
      char any = 0;
      for (size_t t = 0; t <= parts.size(); ++t) {
        next[t] = last ? any : static_cast<char>(any | reach[t]);
        any |= reach[t];
      }
    } else {
      for (size_t t = 0; t < parts.size(); ++t) next[t + 1] = reach[t] && match_part(patterns[p], parts[t]);
    }
    reach = std::move(next);
  }
  return reach.back() != 0;
}

void IgnoreRules::add(std::string_view lines, std::string folder, std::string above) {
  if (lines.substr(0, 3) == "\xef\xbb\xbf") lines.remove_prefix(3);
  for (std::string_view line : base::split_lines(lines)) {
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    while (!line.empty() && line.back() == ' ' && (line.size() < 2 || line[line.size() - 2] != '\\'))
      line.remove_suffix(1);
    if (line.empty() || line.front() == '#') continue;
    const bool kept = line.front() == '!';
    if (kept) line.remove_prefix(1);
    const bool folders_only = !line.empty() && line.back() == '/';
    if (folders_only) line.remove_suffix(1);
    const bool anywhere = line.find('/') == std::string_view::npos;
    if (!line.empty() && line.front() == '/') line.remove_prefix(1);
    if (line.empty()) continue;
    rules_.push_back({std::string(line), folder, above, kept, folders_only, anywhere});
  }
}

IgnoreRules::Verdict IgnoreRules::match(std::string_view path, bool is_folder) const {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  for (auto rule = rules_.rbegin(); rule != rules_.rend(); ++rule) {
    if (rule->folders_only && !is_folder) continue;
    if (path.substr(0, rule->folder.size()) != rule->folder) continue;
    const bool hit = rule->anywhere        ? match_part(rule->pattern, name)
                     : rule->above.empty() ? wildcard_match(rule->pattern, path.substr(rule->folder.size()))
                                           : wildcard_match(rule->pattern, rule->above + std::string(path));
    if (hit) return rule->kept ? Verdict::kKept : Verdict::kIgnored;
  }
  return Verdict::kNone;
}

}  // namespace tools
