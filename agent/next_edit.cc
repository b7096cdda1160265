// SPDX-License-Identifier: Apache-2.0
#include "agent/next_edit.h"

#include <algorithm>
#include <memory>
#include <tuple>

#include "agent/next_edit/edit_sites.h"
#include "base/strings.h"
#include "base/utf8.h"

namespace agent {
namespace {

using CodeTextPtr = std::shared_ptr<const CodeText>;

// Places this much less sure than the surest come after the others, wherever they stand.
constexpr double kClearlyLess = 0.25;

// Code is not nested so deeply; what is would make each step up the tree long.
constexpr int kMostDepth = 500;

// The text with one edit taken back; nothing where the edit does not say what is there.
base::Result<CodeTextPtr> text_before(const tools::SyntaxTree& now, const RecentEdit& edit, std::stop_token stop) {
  const std::string& text = now.text();
  if (edit.begin > text.size() || text.compare(edit.begin, edit.new_text.size(), edit.new_text) != 0)
    return CodeTextPtr();
  std::string old = text;
  old.replace(edit.begin, edit.new_text.size(), edit.old_text);
  const tools::TextChange change{edit.begin, edit.begin + edit.new_text.size(), edit.begin + edit.old_text.size()};
  auto tree = now.reparse(std::move(old), {&change, 1}, stop);
  if (!tree) return std::move(tree).error();
  return CodeTextPtr(std::make_shared<const CodeText>(*tree));
}

std::string shortened(std::string_view text) {
  constexpr size_t kMost = 40;
  const std::string_view line = base::trim(text.substr(0, text.find('\n')));
  return line.size() <= kMost ? std::string(line) : base::to_valid_utf8(line.substr(0, kMost - 3)) + "...";
}

std::string reason(const EditShape& shape) {
  const CodeText& before = *shape.before;
  const auto old_text = [&] {
    const CodeText::Run run = shape.core.before;
    return run.first < run.last
               ? before.nodes.text({before.at(run.first).range.begin, before.at(run.last - 1).range.end})
               : std::string_view();
  };
  switch (shape.kind) {
    case ShapeKind::kInsert:
      return base::cat("`", shortened(shape.new_text()), "` was put in");
    case ShapeKind::kWrap:
      return base::cat("`", shortened(old_text()), "` was wrapped in `", shortened(shape.pre + "..." + shape.post),
                       "`");
    case ShapeKind::kReplace:
    case ShapeKind::kRewrite:
      break;
  }
  if (shape.new_text().empty()) return base::cat("`", shortened(old_text()), "` was taken out");
  return base::cat("`", shortened(old_text()), "` became `", shortened(shape.new_text()), "`");
}

// The same change the other way round: the user is not of one mind, and neither are we.
bool contradicts(const EditShape& a, const EditShape& b) {
  return a.kind == ShapeKind::kReplace && b.kind == ShapeKind::kReplace &&
         same_tokens(*a.before, a.core.before, *b.after, b.core.after) &&
         same_tokens(*a.after, a.core.after, *b.before, b.core.before);
}

// The newest edit's shape, and those of earlier edits that agree with it; empty where there is nothing to go by.
base::Result<std::vector<EditShape>> examples_of(const NextEditRequest& request, const CodeTextPtr& now,
                                                 std::stop_token stop) {
  std::vector<EditShape> examples;
  for (size_t i = request.edits.size(); i-- > 0;) {
    const auto before = text_before(request.tree, request.edits[i], stop);
    if (!before) return before.error();
    const bool newest = i + 1 == request.edits.size();
    if (!*before) {
      if (newest) return examples;
      continue;
    }
    if (newest) {
      const auto gate = tools::parse_gate("", (*before)->nodes.tree(), request.tree.text(), stop);
      if (!gate) return gate.error();
      if (!gate->passed) return examples;  // under way
    }
    const auto shapes = edit_shapes(request.edits[i], *before, now);
    if (newest && shapes.empty()) return examples;
    for (const EditShape& shape : shapes) {
      if (!examples.empty() && contradicts(examples.front(), shape)) return std::vector<EditShape>();
      if (examples.empty() || agree(examples.front(), shape)) examples.push_back(shape);
    }
  }
  return examples;
}

std::string with_edits(const std::string& text, std::vector<const EditSite*> sites) {
  std::sort(sites.begin(), sites.end(),
            [](const EditSite* a, const EditSite* b) { return a->range.begin < b->range.begin; });
  std::string changed;
  size_t at = 0;
  for (const EditSite* site : sites) {
    changed.append(text, at, site->range.begin - at).append(site->text);
    at = site->range.end;
  }
  return changed.append(text, at);
}

// Without those that would bring a syntax error. All at once where that passes; else one by one.
base::Result<std::vector<EditSite>> gated(const tools::SyntaxTree& tree, std::vector<EditSite> sites,
                                          std::stop_token stop) {
  std::vector<const EditSite*> all;
  for (const EditSite& site : sites) all.push_back(&site);
  const auto together = tools::parse_gate("", tree, with_edits(tree.text(), all), stop);
  if (!together) return together.error();
  if (together->passed) return sites;
  constexpr size_t kMostTried = 40;
  std::vector<EditSite> passed;
  for (size_t i = 0; i < sites.size() && i < kMostTried; ++i) {
    const auto alone = tools::parse_gate("", tree, with_edits(tree.text(), {&sites[i]}), stop);
    if (!alone) return alone.error();
    if (alone->passed) passed.push_back(std::move(sites[i]));
  }
  return passed;
}

}  // namespace

base::Result<std::vector<NextEdit>> next_edits(const NextEditRequest& request, std::stop_token stop) {
  std::vector<NextEdit> offers;
  if (request.edits.empty() || request.tree.text().size() > kMostNextEditBytes) return offers;
  const auto now = std::make_shared<const CodeText>(request.tree);
  if (now->depth > kMostDepth) return offers;
  const auto examples = examples_of(request, now, stop);
  if (!examples) return examples.error();
  if (examples->empty()) return offers;
  auto sites = find_edit_sites(*examples, *now, language_traits(request.tree.language()), stop);
  if (stop.stop_requested()) return base::cancelled();
  std::erase_if(sites, [&](const EditSite& site) {
    // Text that another edit just made is not to be made again.
    const bool fresh = std::any_of(request.edits.begin(), request.edits.end(), [&](const RecentEdit& edit) {
      return site.range.begin < edit.begin + edit.new_text.size() && edit.begin < site.range.end;
    });
    return fresh || site.evidence.probability() < request.min_probability;
  });
  if (sites.size() > request.most) sites.resize(request.most);  // the surest come first
  if (sites.empty()) return offers;
  auto safe = gated(request.tree, std::move(sites), stop);
  if (!safe) return std::move(safe).error();
  if (safe->empty()) return offers;
  const double bar = safe->front().evidence.probability() - kClearlyLess;
  const auto place = [&](const EditSite& site) {
    return std::make_tuple(site.evidence.probability() < bar, site.range.end <= request.cursor, site.range.begin);
  };
  std::sort(safe->begin(), safe->end(), [&](const EditSite& a, const EditSite& b) { return place(a) < place(b); });
  const std::string why = reason(examples->front());
  for (const EditSite& site : *safe) {
    offers.push_back({site.range, site.text, site.evidence.probability(), why, {}});
    for (size_t i = 0; i < kSigns; ++i)
      if (site.evidence.values[i] != 0)
        offers.back().evidence.emplace_back(sign_name(static_cast<Sign>(i)), site.evidence.values[i]);
  }
  return offers;
}

}  // namespace agent
