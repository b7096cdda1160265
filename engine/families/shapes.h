// SPDX-License-Identifier: Apache-2.0
// engine/families/shapes.h: the true shapes of well-known models, for measuring speed without their weights.
//
// A family made here has views with sizes and no data: it may be described, and run by an accelerator that fills
// weights with arbitrary numbers (UploadOptions::synthetic), nothing else.
// Source   The models' config.json as published; a "slice" is the first layers of a model, its sizes unchanged.
#pragma once
#include <memory>
#include <string>

#include "base/result.h"
#include "engine/family.h"

namespace engine {

// kInvalidArgument names what there is.
base::Result<std::unique_ptr<const Family>> family_of_shape(const std::string& shape, const std::string& weight_type);

}  // namespace engine
