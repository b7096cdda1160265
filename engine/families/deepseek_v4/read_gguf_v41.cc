// SPDX-License-Identifier: Apache-2.0
#include "engine/families/deepseek_v4/read_gguf_v41.h"

#include <algorithm>

#include "base/strings.h"
#include "engine/families/deepseek_v4/read_config.h"
#include "engine/load/limits.h"

namespace engine {
namespace {

constexpr int64_t kMaxEngramNumbers = 1 << 14;  // more than check_config() lets the layers have

// The first of `keys` that is there; else the first, whose absence is then the fault.
std::string present(GgufKeys& k, std::initializer_list<const char*> keys) {
  for (const char* key : keys)
    if (k.has(key)) return key;
  return *keys.begin();
}

std::vector<int> rising_layers(GgufKeys& k, const std::string& key, int n_layers) {
  std::vector<int> ids = k.all_integers(key, n_layers);
  const bool rising = std::adjacent_find(ids.begin(), ids.end(), [](int a, int b) { return a >= b; }) == ids.end();
  if (!rising || (!ids.empty() && ids.back() >= n_layers)) k.fail(key, base::cat("must be rising layers in 0..", n_layers - 1));
  return ids;
}

// The layers that hold the tensor, where no key names them.
std::vector<int> layers_by(GgufKeys& k, const GgufFile& gguf, const std::string& key, std::string_view tensor, int n_layers) {
  if (k.has(key)) return rising_layers(k, key, n_layers);
  std::vector<int> ids;
  for (int l = 0; l < n_layers; ++l)
    if (gguf.tensors.contains(base::cat("blk.", l, ".", tensor))) ids.push_back(l);
  return ids;
}

}  // namespace

std::string read_gguf_sharing(GgufKeys& k, const GgufFile& gguf, DeepseekV4Config& c) {
  const std::vector<int> ratios = k.integers("attention.compress_ratios", c.n_layers),
                         sources = layers_by(k, gguf, "attention.kv_source_layer_ids", "attn_compressor_kv.weight", c.n_layers),
                         choosers = layers_by(k, gguf, "attention.index_source_layer_ids", "indexer.attn_q_b.weight", c.n_layers);
  if (k.error()) return {};
  for (const int source : sources)
    if (ratios[static_cast<size_t>(source)] == 0)
      k.fail("attention.compress_ratios", base::cat("says that layer ", source, " has no entries, which it makes"));
  set_sharing(ratios, sources, choosers, c);
  if (k.has("attention.candidate_source_layer_id")) {
    c.candidate_layer = k.integer("attention.candidate_source_layer_id");
    c.candidate_blocks = k.integer(present(k, {"attention.candidate_topk_blocks", "attention.candidate_top_k_blocks"}));
    c.candidate_block_size = k.integer("attention.candidate_block_size");
    return {};
  }
  if (choosers.size() <= sources.size()) return {};  // no layer chooses among entries that another one could have sifted
  return "the file does not say among which entries later layers choose (attention.candidate_source_layer_id): all are looked at, "
         "where the released model leaves some out beyond 16,384 tokens";
}

GgufEngram read_gguf_engram(GgufKeys& k, DeepseekV4Config& c) {
  GgufEngram found;
  if (!k.has("engram.layer_ids")) return found;
  EngramConfig& e = c.engram;
  e.layers = rising_layers(k, "engram.layer_ids", c.n_layers);
  e.ngram = k.integer("engram.max_ngram_size");
  e.n_heads = k.integer(present(k, {"engram.head_count", "engram.n_heads"}));
  e.head_dim = k.integer(present(k, {"engram.key_length", "engram.head_dim"}));
  e.bucket = 1;  // the file has the primes themselves
  found.multipliers = k.long_integers("engram.multipliers", kMaxEngramNumbers);
  found.primes = k.long_integers("engram.primes", kMaxEngramNumbers);
  for (const int64_t id : k.long_integers("engram.token_map", kMaxVocab)) {
    if (id < 0 || id >= c.n_vocab) {
      k.fail("engram.token_map", base::cat("holds ", id, ", must lie in 0..", c.n_vocab - 1));
      break;
    }
    found.folded.push_back(static_cast<int32_t>(id));
    e.n_ids = std::max(e.n_ids, static_cast<int>(id) + 1);
  }
  if (found.folded.empty()) k.fail("engram.token_map", "names no token");
  if (k.error()) return found;
  if (k.has("engram.pad_id")) {
    found.padding = k.integer("engram.pad_id");
  } else {
    e.pad_token = k.integer("engram.pad_token_id");
    if (e.pad_token >= static_cast<int>(found.folded.size()))
      k.fail("engram.pad_token_id", "is no token of engram.token_map");
    else
      found.padding = found.folded[static_cast<size_t>(e.pad_token)];
  }
  found.offsets = k.long_integers("engram.offsets", kMaxEngramNumbers);
  return found;
}

}  // namespace engine
