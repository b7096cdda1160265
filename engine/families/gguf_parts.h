// SPDX-License-Identifier: Apache-2.0
// engine/families/gguf_parts.h: what GGUF files of all families hold under the same names.
//
// Source   llama.cpp's tensor names
#pragma once
#include <string>

#include "engine/feed_forward_views.h"
#include "engine/formats/gguf_writer.h"
#include "engine/kernels/rope.h"

namespace engine {

// Nothing where there is no scaling.
void put_yarn(const YarnScaling& yarn, GgufContent& out);
// Embedding, last norm and head; a head tied to the embedding is left out.
void add_ends(const TensorView& embedding, const TensorView& norm, const TensorView& head, GgufContent& out);
// All but the norm, whose name differs. `prefix`: "blk.N.".
void add_feed_forward(const FeedForwardViews& ff, const std::string& prefix, GgufContent& out);

}  // namespace engine
