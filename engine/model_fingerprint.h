// SPDX-License-Identifier: Apache-2.0
// engine/model_fingerprint.h: tells one model from another without reading all of it.
#pragma once
#include <cstdint>

#include "engine/model_package.h"

namespace engine {

// Of the configuration, of names, types, shapes and places of all tensors, and of a few bytes of up to 4,096 of them:
// fine-tunes and quantisations of one model differ. Reads some pages of each file.
uint64_t model_fingerprint(const ModelPackage& package);

}  // namespace engine
