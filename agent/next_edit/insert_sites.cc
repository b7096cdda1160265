// SPDX-License-Identifier: Apache-2.0
// Tokens that were put between two others, and nodes that were wrapped: where the same has not been done yet.
#include <algorithm>
#include <optional>

#include "agent/next_edit/edit_sites.h"

namespace agent {
namespace {

using Run = CodeText::Run;

// What an insertion's example brings to a gap, and the white space that goes with it.
struct Inserted {
  std::string lead, tokens, trail;
  std::string_view gap;  // that was there before
};

Inserted inserted_by(const EditShape& example) {
  const CodeText& after = *example.after;
  Inserted inserted;
  inserted.lead = after.nodes.text(after.gap(example.core.after.first));
  inserted.tokens = example.new_text();
  inserted.trail = after.nodes.text(after.gap(example.core.after.last));
  inserted.gap = example.before->nodes.text(example.before->gap(example.core.before.first));
  return inserted;
}

std::string text_for_gap(const Inserted& inserted, std::string_view gap) {
  const std::string here(gap);
  if (inserted.trail == inserted.gap) return inserted.lead + inserted.tokens + here;
  if (inserted.lead == inserted.gap) return here + inserted.tokens + inserted.trail;
  return inserted.lead + inserted.tokens + inserted.trail;
}

// The tokens in front of token i, or from it on, are those inserted already.
bool is_there(const CodeText& now, int i, const std::vector<std::string>& words) {
  const int n = static_cast<int>(words.size());
  bool front = i >= n, behind = i + n <= now.size();
  for (int k = 0; k < n; ++k) {
    front = front && now.token(i - n + k) == words[static_cast<size_t>(k)];
    behind = behind && now.token(i + k) == words[static_cast<size_t>(k)];
  }
  return front || behind;
}

std::vector<std::string> tokens_of(const CodeText& text, Run run) {
  std::vector<std::string> tokens;
  for (int i = run.first; i < run.last; ++i) tokens.emplace_back(text.token(i));
  return tokens;
}

// --- An element that joined a list in brackets ---

struct ListSlot {
  int list = -1;                  // node of the example's text before
  int n_before = 0, n_after = 0;  // elements on both sides
  bool comma_first = false;       // `, x` behind an element; else `x,` in front of one, or `x` alone
};

int n_elements_before(const CodeText& text, int list, size_t byte) {
  int n = 0;
  for (int child : text.nodes.named_children(list)) n += text.nodes[child].range.end <= byte ? 1 : 0;
  return n;
}

std::optional<ListSlot> list_slot(const EditShape& example) {
  const CodeText& before = *example.before;
  const int next = example.core.before.first;
  if (next <= 0 || next >= before.size()) return std::nullopt;
  ListSlot slot;
  slot.list = before.common_node(before.at(next - 1).node, before.at(next).node);
  if (slot.list < 0 || !is_bracketed(before, slot.list)) return std::nullopt;
  const std::string_view first = example.after->token(example.core.after.first),
                         last = example.after->token(example.core.after.last - 1);
  const int all = static_cast<int>(before.nodes.named_children(slot.list).size());
  slot.n_before = n_elements_before(before, slot.list, before.at(next - 1).range.end);
  slot.n_after = all - slot.n_before;
  slot.comma_first = first == ",";
  // Between elements there is a comma; what is put in without one changes an element, not the list.
  if (!slot.comma_first && last != "," && all > 0) return std::nullopt;
  // `a, x, b`: the comma in front of the slot is the list's own.
  if (slot.comma_first && before.token(next - 1) == ",") return std::nullopt;
  return slot;
}

bool one_line(std::string_view text) {
  return text.find('\n') == std::string_view::npos;
}

// The element at the slot's place of another list, or nothing where that list has no such place or the element already.
std::optional<EditSite> element_site(const EditShape& example, const ListSlot& slot, const CodeText& now, int list) {
  const std::vector<int> elements = now.nodes.named_children(list);
  const int n = static_cast<int>(elements.size()), n_example = slot.n_before + slot.n_after;
  if ((n_example == 0) != (n == 0)) return std::nullopt;
  const int k = slot.n_after == 0 ? n : slot.n_before;  // elements in front
  if (k > n || (slot.n_after > 0 && k == n)) return std::nullopt;
  const Inserted inserted = inserted_by(example);
  const auto words = tokens_of(*example.after, example.core.after);
  int gap = 0;  // in front of this token
  if (slot.comma_first)
    gap = now.tokens_in(now.nodes[elements[static_cast<size_t>(k) - 1]].range).last;
  else if (n == 0)
    gap = now.token_after(now.nodes[list].range.begin) + 1;
  else
    gap = now.token_after(now.nodes[elements[static_cast<size_t>(k)]].range.begin);
  if (gap <= 0 || gap >= now.size() || is_there(now, gap, words)) return std::nullopt;
  // The new element itself, by name or as it is, is there already somewhere in the list.
  const auto bare = [](const std::vector<std::string>& all) {
    return std::vector<std::string>(all.begin() + (all.front() == "," ? 1 : 0),
                                    all.end() - (all.back() == "," ? 1 : 0));
  };
  const auto element = bare(words);
  if (element.empty()) return std::nullopt;
  for (int child : elements)
    if (tokens_of(now, now.tokens_in(now.nodes[child].range)) == element) return std::nullopt;

  EditSite site;
  site.range = now.gap(gap);
  const std::string_view here = now.nodes.text(site.range);
  const std::string_view element_gap =
      slot.comma_first && n > 0 ? now.nodes.text(now.gap(now.token_after(now.nodes[elements.back()].range.begin)))
                                : std::string_view();
  if (slot.comma_first && !one_line(element_gap) && one_line(inserted.tokens)) {
    // One element a line there: the new one gets its own.
    const size_t at = inserted.tokens.find_first_not_of(", \t");
    if (at == std::string::npos) return std::nullopt;
    site.text = "," + std::string(element_gap) + inserted.tokens.substr(at) + std::string(here);
  } else {
    site.text = text_for_gap(inserted, here);
  }
  return site;
}

void find_element_sites(const std::vector<EditShape>& examples, const ListSlot& slot, const CodeText& now,
                        std::vector<EditSite>& found) {
  const EditShape& newest = examples.front();
  std::vector<EditContext> contexts;
  std::vector<int> parents;  // in the text now: rows of one list are siblings
  for (const EditShape& example : examples) {
    contexts.push_back(edit_context(*example.before, example.core.before));
    int list = now.at(example.core.after.first).node;
    while (list >= 0 && !is_bracketed(now, list)) list = now.nodes.parent(list);
    // The inserted element may be a list itself.
    while (list > 0 && now.nodes[list].range.begin >= now.at(example.core.after.first).range.begin)
      list = now.nodes.parent(list);
    parents.push_back(list < 0 ? -1 : now.nodes.parent(list));
  }
  const tools::Node& example_list = newest.before->nodes[slot.list];
  for (int i = 0; i < now.nodes.size(); ++i) {
    if (now.nodes[i].type != example_list.type || now.nodes[i].field != example_list.field || !is_bracketed(now, i))
      continue;
    const std::string_view name = name_before(now, i);
    const bool named = std::any_of(contexts.begin(), contexts.end(),
                                   [&](const EditContext& c) { return !name.empty() && c.callee == name; });
    const bool sibling = name.empty() && name_before(*newest.before, slot.list).empty() && now.nodes.parent(i) > 0 &&
                         std::find(parents.begin(), parents.end(), now.nodes.parent(i)) != parents.end();
    if (!named && !sibling) continue;
    const auto same_anchor = [&](const EditContext& c) { return c.callee == name; };
    if (named && !std::any_of(contexts.begin(), contexts.end(), same_anchor)) continue;
    auto site = element_site(newest, slot, now, i);
    if (!site) continue;
    const int gap = now.token_after(site->range.end);
    site->evidence = best_evidence(contexts, edit_context(now, {gap, gap}));
    site->evidence[Sign::kInsertInList] = 1;
    site->evidence[Sign::kSibling] = sibling ? 1 : 0;
    site->evidence[Sign::kSameLength] =
        static_cast<int>(now.nodes.named_children(i).size()) == slot.n_before + slot.n_after ? 1 : 0;
    found.push_back(std::move(*site));
  }
}

// The name of the function that a call calls: in front of its argument list, which ends the node.
std::string_view head_of(const CodeText& text, int node) {
  const auto& children = text.nodes.children(node);
  if (children.empty() || !is_bracketed(text, children.back())) return {};
  return name_before(text, children.back());
}

bool stands_before(const CodeText& now, int token, const std::vector<std::string_view>& words) {
  const int n = static_cast<int>(words.size());
  for (int k = 0; k < n; ++k)
    if (now.token(token - n + k) != words[static_cast<size_t>(k)]) return false;
  return true;
}

}  // namespace

void find_insert_sites(const std::vector<EditShape>& examples, const CodeText& now, std::vector<EditSite>& found) {
  const EditShape& newest = examples.front();
  const CodeText& before = *newest.before;
  if (const auto slot = list_slot(newest)) return find_element_sites(examples, *slot, now, found);
  const int next = newest.core.before.first;
  const Inserted inserted = inserted_by(newest);
  // At a line's start or end, what was put in belongs to the token of its own line.
  const bool alone_right = next == 0 || !one_line(inserted.lead),
             alone_left = next == before.size() || !one_line(inserted.trail);
  if (alone_left && alone_right) return;
  const auto same = [&](int there, int here) {
    const CodeToken &a = before.at(there), &b = now.at(here);
    return a.word && before.token(there) == now.token(here) && a.zone == b.zone &&
           before.nodes[a.node].type == now.nodes[b.node].type;
  };
  const int around =
      alone_left || alone_right ? -1 : before.common_node(before.at(next - 1).node, before.at(next).node);
  if (around == 0) return;
  const Zone zone = before.at(alone_left ? next - 1 : next).zone;
  std::vector<EditContext> contexts;
  for (const EditShape& example : examples) contexts.push_back(edit_context(*example.before, example.core.before));
  const auto words = tokens_of(*newest.after, newest.core.after);
  for (int i = 0; i <= now.size(); ++i) {
    // A name on one side makes a place more than punctuation.
    const bool left_same = !alone_right && i > 0 && same(next - 1, i - 1),
               right_same = !alone_left && i < now.size() && same(next, i);
    if ((!left_same && !right_same) || is_there(now, i, words)) continue;
    const tools::Range gap = now.gap(i);
    EditSite site;
    if (alone_right) {
      site.range = {gap.end, gap.end};
      site.text = inserted.tokens + inserted.trail;
    } else if (alone_left) {
      site.range = {gap.begin, gap.begin};
      site.text = inserted.lead + inserted.tokens;
    } else {
      if (i == 0 || i == now.size() || now.at(i - 1).zone != before.at(next - 1).zone || now.at(i).zone != zone)
        continue;
      const int node = now.common_node(now.at(i - 1).node, now.at(i).node);
      if (node < 0 || now.nodes[node].type != before.nodes[around].type || !one_line(now.nodes.text(gap))) continue;
      site.range = gap;
      site.text = text_for_gap(inserted, now.nodes.text(gap));
    }
    site.evidence = best_evidence(contexts, edit_context(now, {i, i}));
    site.evidence[Sign::kInsertBetween] = 1;
    site.evidence[zone == Zone::kComment ? Sign::kComment : Sign::kString] = zone == Zone::kCode ? 0 : 1;
    found.push_back(std::move(site));
  }
}

void find_wrap_sites(const std::vector<EditShape>& examples, const CodeText& now, std::vector<EditSite>& found) {
  const EditShape& newest = examples.front();
  const CodeText& before = *newest.before;
  const Run core = newest.core.before;
  const int wrapped = before.node_of(core.first, core.last);
  if (wrapped < 0) return;
  std::vector<EditContext> contexts;
  for (const EditShape& example : examples) contexts.push_back(edit_context(*example.before, example.core.before));
  const std::string_view head = head_of(before, wrapped);
  const auto pre = words_and_marks(newest.pre);
  const int list = before.nodes.parent(wrapped);
  const bool in_list = list >= 0 && is_bracketed(before, list) && !name_before(before, list).empty();
  for (int i = 1; i < now.nodes.size(); ++i) {
    const tools::Node& node = now.nodes[i];
    if (!node.named || node.range.begin == node.range.end) continue;
    if (now.nodes.parent(i) > 0 && now.nodes[now.nodes.parent(i)].range == node.range)
      continue;  // the outermost of equals
    const Run run = now.tokens_in(node.range);
    if (run.first >= run.last || now.at(run.first).zone != before.at(core.first).zone) continue;
    const bool same_text = same_tokens(now, run, before, core);
    const bool same_head = !head.empty() && node.type == before.nodes[wrapped].type && head_of(now, i) == head;
    const int above = now.nodes.parent(i);
    const bool element = in_list && above >= 0 && now.nodes[above].type == before.nodes[list].type &&
                         is_bracketed(now, above) && !name_before(now, above).empty();
    if (!same_text && !same_head && !element) continue;
    if (stands_before(now, run.first, pre)) continue;
    const EditContext context = edit_context(now, run);
    const bool same_place = element && std::any_of(contexts.begin(), contexts.end(), [&](const EditContext& c) {
                              return c.callee == context.callee && c.argument == context.argument;
                            });
    if (!same_text && !same_head && !same_place) continue;
    // Wrapped in the same way, with other white space.
    const std::string_view text = now.nodes.text(node.range);
    if (!pre.empty() && text.size() > newest.pre.size() && text.substr(0, newest.pre.size()) == newest.pre &&
        text.substr(text.size() - std::min(text.size(), newest.post.size())) == newest.post)
      continue;
    EditSite site{node.range, newest.pre + std::string(text) + newest.post, {}};
    site.evidence = best_evidence(contexts, context);
    site.evidence[Sign::kWrap] = 1;
    site.evidence[Sign::kTextSame] = same_text ? 1 : 0;
    site.evidence[Sign::kHeadSame] = same_head ? 1 : 0;
    site.evidence[Sign::kHeadOther] = !head.empty() && !same_head ? 1 : 0;
    found.push_back(std::move(site));
  }
}

}  // namespace agent
