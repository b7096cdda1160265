// SPDX-License-Identifier: Apache-2.0
#include "agent/test_writer/test_select.h"

#include <algorithm>
#include <map>

#include "tools/syntax.h"

namespace agent {
namespace {

// What a line costs its reader before its first character: two short calls are better than one that nobody can read.
constexpr double kLineCost = 25;

size_t new_kills(const std::vector<bool>& kills, const std::vector<bool>& dead) {
  size_t n = 0;
  for (size_t m = 0; m < kills.size(); ++m) n += kills[m] && !dead[m] ? 1 : 0;
  return n;
}

}  // namespace

std::vector<size_t> select_cases(const std::vector<std::vector<bool>>& kills, const std::vector<size_t>& costs) {
  if (kills.empty()) return {};
  const size_t n_mutants = kills.front().size();
  std::vector<bool> dead(n_mutants, false);
  std::vector<size_t> taken;
  for (;;) {  // greedy set cover
    size_t best = kills.size();
    double best_worth = 0;
    for (size_t c = 0; c < kills.size(); ++c) {
      const double worth = static_cast<double>(new_kills(kills[c], dead)) / (kLineCost + static_cast<double>(costs[c]));
      if (worth > best_worth) {
        best = c;
        best_worth = worth;
      }
    }
    if (best == kills.size()) break;
    taken.push_back(best);
    for (size_t m = 0; m < n_mutants; ++m)
      if (kills[best][m]) dead[m] = true;
  }
  // A case taken early may have become unneeded by the later ones.
  for (size_t i = 0; i < taken.size();) {
    std::vector<bool> by_others(n_mutants, false);
    for (size_t k = 0; k < taken.size(); ++k)
      for (size_t m = 0; k != i && m < n_mutants; ++m)
        if (kills[taken[k]][m]) by_others[m] = true;
    if (new_kills(kills[taken[i]], by_others) == 0)
      taken.erase(taken.begin() + static_cast<ptrdiff_t>(i));
    else
      ++i;
  }
  std::sort(taken.begin(), taken.end());
  return taken;
}

std::vector<Mutation> choose_mutants(const tools::SyntaxTree& tree, std::string_view path, tools::Range body,
                                     size_t at_most) {
  MutationOptions options;
  options.insertions = false;
  // Queues by kind and place: one from each in turn, the likeliest first.
  std::map<std::pair<size_t, int>, std::vector<Mutation>> queues;
  for (Mutation& mutation : enumerate_mutations(tree, body, options)) {
    const tools::Replacement& edit = mutation.replacement;
    if (edit.begin < body.begin || edit.end > body.end) continue;
    queues[{edit.begin, static_cast<int>(mutation.kind)}].push_back(std::move(mutation));
  }
  for (auto& [key, queue] : queues)
    std::stable_sort(queue.begin(), queue.end(), [](const auto& a, const auto& b) { return a.weight > b.weight; });

  std::vector<Mutation> chosen;
  const std::string& text = tree.text();
  for (size_t round = 0; chosen.size() < at_most; ++round) {
    // With more places than wanted, every n-th place.
    std::vector<const Mutation*> offered;
    for (const auto& [key, queue] : queues)
      if (round < queue.size()) offered.push_back(&queue[round]);
    if (offered.empty()) break;
    const size_t wanted = std::min(offered.size(), at_most - chosen.size());
    for (size_t i = 0; i < wanted; ++i) {
      const Mutation& mutation = *offered[i * offered.size() / wanted];
      std::string changed = text;
      changed.replace(mutation.replacement.begin, mutation.replacement.end - mutation.replacement.begin,
                      mutation.replacement.text);
      if (tools::parse_gate(path, text, changed).passed) chosen.push_back(mutation);
    }
    if (round > 8) break;  // the rest of a queue is unlikely edits of a place that was tried eight times
  }
  return chosen;
}

}  // namespace agent
