// SPDX-License-Identifier: Apache-2.0
#include "engine/memory_plan.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string>

#include "base/memory.h"
#include "base/strings.h"
#include "engine/model_fingerprint.h"
#include "engine/word_hash.h"

namespace engine {
namespace {

// Below this a second copy costs less than the larger pages are worth that a process's own memory may have.
constexpr uint64_t kWorthSharing = uint64_t{256} << 20;

// Of everything that packed weights depend on: the model and its files as they are, the program and how it packs. Nothing where
// the program's own file is not to be had, or the model has none.
std::optional<std::string> panel_key(const ModelPackage& package, std::string_view kernels, CacheType cache) {
  const auto program = base::file_identity("/proc/self/exe");
  if (!program || package.files.empty()) return std::nullopt;
  WordHash hash;
  const auto add = [&](const base::FileIdentity& file) {
    for (const uint64_t word : {file.device, file.inode, file.n_bytes, static_cast<uint64_t>(file.modified_ns), static_cast<uint64_t>(file.changed_ns)})
      hash.add(word);
  };
  add(*program);
  for (const base::MappedFile& file : package.files) add(file.identity());
  hash.add(model_fingerprint(package));
  hash.add(std::as_bytes(std::span(kernels)));
  hash.add(static_cast<uint64_t>(cache));
  return "weights-" + std::to_string(hash.value());
}

}  // namespace

PanelPlan panel_plan(const ModelPackage& package, const FastKernels& kernels, CacheType cache) {
  const uint64_t n_bytes = package.family->packed_bytes();
  PanelPlan plan(n_bytes < base::available_memory() / 4 * 3);
  if (n_bytes < kWorthSharing) return plan;
  if (const auto key = panel_key(package, kernels.name, cache)) {
    plan.shared = base::SharedBlockPlace{*key, base::shared_block_folder()};
    plan.pack = plan.pack || base::SharedBlock::exists(*plan.shared);
  }
  return plan;
}

base::Status check_memory(const ModelPackage& package, const PanelPlan* plan, uint64_t limit) {
  // Tables of which a token reads a few rows may stay on the disk: what products read counts.
  const uint64_t weights = std::min(package.info.weight_bytes, package.family->packed_bytes());
  const uint64_t most = limit > 0 ? limit : base::available_memory();
  if (most == 0 || weights <= most) return base::ok();
  if (plan && plan->shared && base::SharedBlock::exists(*plan->shared)) return base::ok();
  return base::Error{base::ErrorCode::kExhausted,
                     base::cat("The model ", package.info.name, " does not fit: each token reads weights of ", base::in_units(weights), ", and ", base::in_units(most),
                               limit > 0 ? " may be taken." : " of memory are available.",
                               " Fewer bits take less (graft model quantize); with --beyond-memory what is missing comes from the disk again for each token.")};
}

base::Status check_session_memory(int n_ctx, uint64_t bytes, uint64_t available) {
  if (available == 0 || bytes <= available) return base::ok();
  return base::Error{base::ErrorCode::kExhausted, base::cat("There is not enough memory for a session of ", n_ctx, " tokens, which takes ", base::in_units(bytes),
                                                            "; ", base::in_units(available), " are available.")};
}

}  // namespace engine
