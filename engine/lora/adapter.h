// SPDX-License-Identifier: Apache-2.0
// engine/lora/adapter.h: an adapter as sessions hold it. Front door: engine/engine.h.
#pragma once
#include <string>
#include <utility>

#include "engine/engine.h"
#include "engine/lora/peft.h"

namespace engine {

class LoraAdapter final : public Adapter {
 public:
  // `model`: what tells the model whose matrices the adapter's keys are; compared, never followed.
  LoraAdapter(PeftAdapter loaded, std::string name, const void* model)
      : loaded_(std::move(loaded)),
        info_{std::move(name), loaded_.n_modules, loaded_.max_rank, loaded_.size_bytes},
        model_(model) {}

  const AdapterInfo& info() const override { return info_; }
  const AdapterWeights& weights() const { return loaded_.weights; }
  uint64_t fingerprint() const { return loaded_.fingerprint; }
  const void* model() const { return model_; }

 private:
  const PeftAdapter loaded_;
  const AdapterInfo info_;
  const void* model_;
};

}  // namespace engine
