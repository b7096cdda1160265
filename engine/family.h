// SPDX-License-Identifier: Apache-2.0
// engine/family.h: a model of any family, read and checked, ready to be run. One folder of engine/families each.
//
// Adding one: a folder with its configuration and weights, its readers, a reference pass written against the operators of
// engine/kernels, a fast pass over engine/fast, and a line in engine/families/families.cc. Nothing else names a family.
//
// Owns     Nothing of the weights: a Family's views point into mapped files that must outlive it and its Models.
// Threads  Constant after it was made.
// Errors   kCorrupt naming key or tensor and its byte; kInvalidArgument for what Graft does not compute. Nothing is guessed
//          for a key that changes results.
#pragma once
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "base/result.h"
#include "engine/accelerator.h"
#include "engine/engine.h"
#include "engine/fast/panel_plan.h"
#include "engine/formats/gguf.h"
#include "engine/formats/gguf_writer.h"
#include "engine/formats/tensor_table.h"
#include "engine/kernels/fast_kernels.h"
#include "engine/lora/linear_modules.h"
#include "engine/model.h"
#include "engine/thread_pool.h"

namespace engine {

class Tokenizer;

class Family {
 public:
  virtual ~Family() = default;

  // Fills in the family's name, its sizes and its weights' bytes.
  virtual void describe(ModelInfo& info) const = 0;

  // Plain operators: defines every result.
  virtual std::unique_ptr<Model> make_reference() const = 0;
  // The fast paths; weights laid out anew take packed_bytes(). `pool` is borrowed.
  virtual std::unique_ptr<Model> make_fast(const FastKernels& kernels, ThreadPool& pool, const PanelPlan& panels,
                                           CacheType cache = CacheType::kAuto) const = 0;
  virtual uint64_t packed_bytes() const = 0;
  // The layers that adapters may change, which both passes then heed in ForwardRequest::adapter; none: they heed none.
  virtual std::vector<LinearModule> linear_modules() const { return {}; }
  // What a GGUF file of the model holds, by llama.cpp's keys, names and layouts; kInvalidArgument where GGUF cannot say what
  // the model computes. Rows are made while they are written.
  virtual base::Result<GgufContent> to_gguf() const {
    return base::invalid("models of this family cannot be written as GGUF");
  }
  // On a device beside the CPU; errors as engine/accelerator.h says.
  virtual base::Result<std::unique_ptr<Model>> make_accelerated(Accelerator& accelerator, const UploadOptions& options) const = 0;
};

// By "model_type" of config.json, and by general.architecture of a GGUF file. `config` and `tokenizer` are used during
// the call only; the latter may be null where there is none.
base::Result<std::unique_ptr<const Family>> family_from_hf(const nlohmann::json& config, const TensorTable& tensors,
                                                           const Tokenizer* tokenizer = nullptr);
base::Result<std::unique_ptr<const Family>> family_from_gguf(const GgufFile& gguf);

}  // namespace engine
