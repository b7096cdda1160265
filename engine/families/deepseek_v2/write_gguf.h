// SPDX-License-Identifier: Apache-2.0
// engine/families/deepseek_v2/write_gguf.h: the family's weights and configuration as a GGUF file of llama.cpp's names
// and layouts; V3.2's indexer under those of its architecture "deepseek32" (src/models/deepseek32.cpp at 014e63c).
//
// Owns     Nothing: the rows are made from `weights`, which must outlive the content.
// Errors   kInvalidArgument for what GGUF's keys cannot say.
#pragma once
#include "base/result.h"
#include "engine/families/deepseek_v2/deepseek_v2.h"
#include "engine/formats/gguf_writer.h"

namespace engine {

base::Result<GgufContent> deepseek_v2_to_gguf(const DeepseekV2Config& config, const DeepseekV2Weights& weights);

}  // namespace engine
