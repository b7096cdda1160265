// SPDX-License-Identifier: Apache-2.0
// engine/families/deepseek_v4/write_gguf.h: the family's weights and configuration as a GGUF file of llama.cpp's keys
// and names, architecture "deepseek4", or "deepseek41" (read_gguf_v41.h: llama.cpp's of its two spellings); blocks for drafts behind the layers, as docs/drafts.md says.
//
// Owns     Nothing: the rows are made from `weights`, which must outlive the content.
// Errors   kInvalidArgument for what GGUF's keys cannot say.
#pragma once
#include "base/result.h"
#include "engine/families/deepseek_v4/deepseek_v4.h"
#include "engine/formats/gguf_writer.h"

namespace engine {

base::Result<GgufContent> deepseek_v4_to_gguf(const DeepseekV4Config& config, const DeepseekV4Weights& weights);

}  // namespace engine
