// SPDX-License-Identifier: Apache-2.0
#include "agent/fix/literal_repairs.h"

#include <optional>

#include "agent/code/language_traits.h"
#include "agent/code/syntax_nodes.h"
#include "agent/fix/literal_evidence.h"
#include "agent/fix/ranking.h"
#include "base/strings.h"

namespace agent {
namespace {

constexpr double kFewSpeak = .6;     // so much weight takes the whole share
constexpr size_t kMaxLiteral = 200;  // bytes

// A literal's content, without prefix and quotes; nothing of raw strings with marks of their own.
std::optional<tools::Range> content_of(std::string_view text) {
  size_t open = 0;
  while (open < text.size() && text[open] != '"' && text[open] != '\'' && text[open] != '`') {
    const char ch = text[open];
    if (ch == 'R' || ch == 'r' || ch == '#') return std::nullopt;
    ++open;
  }
  if (open >= text.size()) return std::nullopt;
  const std::string three(3, text[open]);
  const size_t n_quotes =
      text.substr(open).starts_with(three) && text.size() >= open + 6 && text.ends_with(three) ? 3 : 1;
  if (text.size() < open + 2 * n_quotes || text.back() != text[open]) return std::nullopt;
  return tools::Range{open + n_quotes, text.size() - n_quotes};
}

bool is_text(std::string_view type, const LanguageTraits& traits) {
  return is_one_of(type, traits.strings) || is_one_of(type, traits.characters) || type == "template_string" ||
         type == "raw_string_literal";
}

bool is_number(std::string_view type, const LanguageTraits& traits) {
  return is_one_of(type, traits.integers) || type == "number_literal" || type == "number" || type == "float" ||
         type == "float_literal" || type == "decimal_floating_point_literal";
}

Rewrites rewrites_of(const SyntaxNodes& nodes, int node, bool text, const LiteralEvidence& evidence) {
  Rewrites found;
  if (!text) {
    rewrite_number(nodes.text(node), evidence, found);
    return found;
  }
  const std::optional<tools::Range> content = content_of(nodes.text(node));
  if (!content) return found;
  TextLiteral literal{nodes.text(node), *content, {}};
  const size_t begin = nodes[node].range.begin;
  for (const int part : nodes.children(node))
    if (nodes[part].type == "interpolation" || nodes[part].type == "template_substitution")
      literal.filled_in.push_back({nodes[part].range.begin - begin, nodes[part].range.end - begin});
  rewrite_text(literal, evidence, found);
  rewrite_format(literal, evidence, found);
  return found;
}

}  // namespace

std::vector<Candidate> literal_repairs(const CodeBase& code, const Suspects& suspects,
                                       const std::vector<ComparedValues>& compared) {
  std::vector<Candidate> candidates;
  const LiteralEvidence evidence(compared);
  if (evidence.texts.empty()) return candidates;
  for (const auto& [path, lines] : suspects.lines) {
    const CodeFile* file = code.file(path);
    const LanguageTraits* traits = file == nullptr ? nullptr : language_traits(file->tree.language());
    if (traits == nullptr || !file->editable) continue;
    const SyntaxNodes nodes(file->tree);
    for (int i = 0; i < nodes.size(); ++i) {
      const std::string_view type = nodes[i].type;
      const bool text = is_text(type, *traits);
      if ((!text && !is_number(type, *traits)) || !nodes[i].named || nodes.text(i).size() > kMaxLiteral) continue;
      const int line = file->line_of(nodes[i].range.begin), above = nodes.parent(i);
      const double suspicion = suspects.weight(path, line);
      if (suspicion <= 0 || (text && above >= 0 && nodes[above].type == "expression_statement"))
        continue;  // documentation
      for (const auto& [other, weight] : rewrites_of(nodes, i, text, evidence)) {
        Candidate candidate;
        candidate.path = path;
        candidate.line = line;
        candidate.kind = text ? MutationKind::kString : MutationKind::kConstant;
        candidate.proposer = "literal by what the test expects";
        candidate.description = base::cat("`", nodes.text(i), "` becomes `", other, "`");
        candidate.score = suspicion * weight;
        candidate.replacements.push_back({nodes[i].range.begin, nodes[i].range.end, other});
        candidates.push_back(std::move(candidate));
      }
    }
  }
  share_out(candidates, kMostLiteralRepairs, kLiteralShare, kFewSpeak);
  return candidates;
}

}  // namespace agent
