// SPDX-License-Identifier: Apache-2.0
// engine/load/stored_scales.h: joins the matrices of an FP8 or FP4 checkpoint with the scales that stand beside them.
//
//   X.weight F8_E4M3 [out, in]     with X.weight_scale_inv or X.scale: F32, F16, BF16 or F8_E8M0
//                                  [out / rows, in / columns], rounded up, blocks as
//                                  quantization_config.weight_block_size says (in a table of Engram, DeepSeek-V4.1: of
//                                  one row each); that may stand in text_config
//   X.weight I8 or U8 [out, in/2]  with X.scale F8_E8M0 [out, in / 32]: two E2M1 values to a byte, which becomes
//                                  FP4 [out, in]
//
// Activations stay as they are: the checkpoints' own programs round them to 8 bits as well.
//
// Errors   kCorrupt naming the tensor and its byte: no scales, scales of another shape or type. kInvalidArgument for a
//          quantization_config that Graft does not read.
// Source   DeepSeek-V3's and V4's checkpoints; Hugging Face transformers, quantizers "fp8" (Qwen3-FP8) and "mxfp4".
#pragma once
#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "engine/formats/tensor_table.h"
#include "engine/load/config_members.h"

namespace engine {

// Refuses in `m` what is neither "fp8" with weight_block_size nor "mxfp4".
void check_quantization(ConfigMembers& m, const nlohmann::json& config);

// Gives the views of `tensors` their scales; the tensors of scales that were used are taken out of the table.
base::Status join_stored_scales(const nlohmann::json& config, TensorTable& tensors);

}  // namespace engine
