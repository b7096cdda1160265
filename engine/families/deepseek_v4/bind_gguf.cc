// SPDX-License-Identifier: Apache-2.0
// Of GGUF files (bind_weights.h).
#include <algorithm>
#include <tuple>
#include <utility>

#include "base/strings.h"
#include "engine/families/deepseek_v4/bind_layers.h"
#include "engine/families/deepseek_v4/bind_weights.h"

namespace engine {
namespace {

// The left and the right half of a matrix's rows, which `owned` keeps. Empty where a block of values lies across the middle.
std::pair<TensorView, TensorView> halves_of(const TensorView& joined, std::shared_ptr<const std::vector<std::byte>>& owned) {
  const int64_t half = joined.n_in() / 2, rows = joined.n_rows(), bytes = joined.row_bytes() / 2;
  if (half % traits(joined.type).block_values != 0) return {};
  auto kept = std::make_shared<std::vector<std::byte>>(static_cast<size_t>(rows * joined.row_bytes()));
  for (int64_t side = 0; side < 2; ++side)
    for (int64_t r = 0; r < rows; ++r)
      std::copy_n(joined.data + r * joined.row_bytes() + side * bytes, bytes, kept->data() + (side * rows + r) * bytes);
  TensorView left = joined;
  left.shape[1] = half;
  left.data = kept->data();
  TensorView right = left;
  right.data += rows * bytes;
  owned = std::move(kept);
  return {left, right};
}

// llama.cpp has the two products that join as one matrix, and reads the model's own collapse of the streams and last norm where a file
// leaves out the block's; other programs' files have two matrices.
void bind_gguf_serial(V4Tensors& t, const DeepseekV4Config& c, const std::string& block, DeepseekV4Weights& weights) {
  const std::string p = block + "nextn.";
  const int64_t d = c.hidden_size;
  V4Draft& draft = weights.draft.emplace();
  draft.token_norm = t.b.norm(p + "enorm.weight", d);
  draft.state_norm = t.b.norm(p + "hnorm.weight", d);
  if (t.b.has(p + "eh_proj.weight")) {
    const TensorView joined = t.b.matrix(p + "eh_proj.weight", {d, 2 * d});
    if (joined) std::tie(draft.token_join, draft.state_join) = halves_of(joined, draft.halves);
    if (joined && !draft.token_join) t.b.refuse(p + "eh_proj.weight", "has blocks of values that lie across the middle of a row");
  } else {
    draft.token_join = t.b.matrix(p + "e_proj.weight", {d, d});
    draft.state_join = t.b.matrix(p + "h_proj.weight", {d, d});
  }
  draft.norm = t.b.has(p + "shared_head_norm.weight") ? t.b.norm(p + "shared_head_norm.weight", d) : weights.norm;
  draft.head_connection = weights.head_connection;
  if (t.b.has(p + "hc_head_fn.weight"))
    draft.head_connection =
        bind_connection(t, c, {p + "hc_head_fn.weight", p + "hc_head_base.weight", p + "hc_head_scale.weight"}, true);
  t.enter(block);
  bind_layer(t, c.with_draft_layers(1), c.n_layers, true, draft.layer);
  for (const char* copy : {"embed_tokens.weight", "shared_head_head.weight"}) t.b.ignore(p + copy);  // of the model's ends
}

void bind_gguf_draft(V4Tensors& t, const DeepseekV4Gguf& model, DeepseekV4Weights& weights) {
  const DeepseekV4Config& c = model.config;
  std::vector<std::string> blocks;
  for (int block = c.n_layers; block < model.n_blocks; ++block) blocks.push_back(base::cat("blk.", block, "."));
  if (blocks.empty()) return;
  if (c.spark.block > 0) {
    if (blocks.size() > kMaxStages) return t.b.refuse(blocks[kMaxStages] + "*", base::cat("are too many: DSpark has at most ", kMaxStages, " stages"));
    const std::string last = blocks.back() + "nextn.";
    return bind_spark(t, c,
                      {"fc.weight", "enc.output_norm.weight",
                       {last + "hc_head_fn.weight", last + "hc_head_base.weight", last + "hc_head_scale.weight"},
                       last + "shared_head_norm.weight", "markov_w1.weight", "markov_w2.weight", "conf_proj.weight"},
                      blocks, true, weights);
  }
  const std::string next = blocks.front() + "nextn.";
  const bool serial = !c.delayed && (t.b.has(next + "eh_proj.weight") || t.b.has(next + "e_proj.weight") || t.b.has(next + "h_proj.weight"));
  if (serial) bind_gguf_serial(t, c, blocks.front(), weights);
  for (size_t i = serial ? 1 : 0; i < blocks.size(); ++i) t.b.ignore_from(blocks[i]);
  for (const char* unread : {"fc.weight", "enc.output_norm.weight", "markov_w1.weight", "markov_w2.weight", "conf_proj.weight"})
    t.b.ignore(unread);  // of a DSpark that a note says something of
}

}  // namespace

base::Result<DeepseekV4Weights> deepseek_v4_weights_from_gguf(const DeepseekV4Gguf& model, const TensorTable& tensors) {
  const DeepseekV4Config& c = model.config;
  V4Tensors t(tensors, true);
  DeepseekV4Weights weights;
  weights.embedding = t.matrix("token_embd.weight", {c.n_vocab, c.hidden_size});
  weights.norm = t.norm("output_norm.weight", {c.hidden_size});
  weights.head = t.matrix("output.weight", {c.n_vocab, c.hidden_size});
  if (!c.delayed)
    weights.head_connection =
        bind_connection(t, c, {"output_hc_fn.weight", "output_hc_base.weight", "output_hc_scale.weight"}, true);
  bind_layers(t, c, true, weights);
  bind_gguf_draft(t, model, weights);
  if (c.delayed) {
    weights.hashes = model.hashes;
    bind_engrams(t, c, weights);
    for (int l = 0; l < model.n_blocks; ++l) t.b.ignore(base::cat("blk.", l, ".exp_probs_b_vl.bias"));  // of images
  }
  if (auto error = t.b.finish()) return *std::move(error);
  return weights;
}

}  // namespace engine
