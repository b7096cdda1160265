// SPDX-License-Identifier: Apache-2.0
// Two places of a function that read alike but for one literal, which stand the wrong way round: `c == '('` counts down
// and `c == ')'` up, the answers of two branches, the indices of two parts.
#include <algorithm>
#include <map>

#include "agent/mutations/mutation_context.h"
#include "base/strings.h"

namespace agent {
namespace {

constexpr size_t kMostTwins = 3;   // of more places that read alike none stands out
constexpr size_t kMaxFrame = 120;  // bytes

bool is_literal(const MutationContext& c, int node) {
  const std::string_view type = c.nodes[node].type;
  return is_one_of(type, c.traits.strings) || is_one_of(type, c.traits.characters) ||
         is_one_of(type, c.traits.integers);
}

// What stands around the literal: the expression or statement that uses it; of an argument the call.
int frame_of(const MutationContext& c, int node) {
  int frame = c.nodes.parent(node);
  while (frame >= 0 &&
         (is_one_of(c.nodes[frame].type, c.traits.arguments) || c.nodes[frame].type == "parenthesized_expression"))
    frame = c.nodes.parent(frame);
  return frame;
}

}  // namespace

void mutate_twins(MutationContext& c, int function) {
  if (!is_one_of(c.nodes[function].type, c.traits.functions)) return;
  std::map<std::string, std::vector<int>> alike;  // by the frame without the literal
  for (int i = function + 1; i < c.nodes.size() && c.nodes[i].range.begin < c.nodes[function].range.end; ++i) {
    if (!is_literal(c, i)) continue;
    const int frame = frame_of(c, i);
    if (frame <= function || c.is_documentation(frame)) continue;
    const tools::Range around = c.nodes[frame].range, literal = c.nodes[i].range;
    if (around.end - around.begin > kMaxFrame || around.end - around.begin < literal.end - literal.begin + 2) continue;
    alike[base::cat(c.nodes[i].type, " ", c.nodes.text({around.begin, literal.begin}), "\n",
                    c.nodes.text({literal.end, around.end}))]
        .push_back(i);
  }
  for (const auto& [frame, places] : alike) {
    if (places.size() < 2 || places.size() > kMostTwins) continue;
    for (size_t i = 0; i < places.size(); ++i)
      for (size_t j = i + 1; j < places.size(); ++j) {
        const tools::Range first = c.nodes[places[i]].range, second = c.nodes[places[j]].range;
        const std::string_view a = c.nodes.text(first), b = c.nodes.text(second);
        if (a == b) continue;
        c.replace({first.begin, second.end}, base::cat(b, c.nodes.text({first.end, second.begin}), a),
                  MutationKind::kConstant, places.size() == 2 ? .5 : .2,
                  base::cat(code(a), " and ", code(b), " change places"));
      }
  }
}

}  // namespace agent
