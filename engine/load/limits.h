// SPDX-License-Identifier: Apache-2.0
// engine/load/limits.h: bounds that every configuration must keep, whatever family and file it came from.
#pragma once

namespace engine {

// Products of any three of these stay below 2^63, sums of products of two below 2^62.
inline constexpr int kMaxLayers = 1024;
inline constexpr int kMaxWidth = 1 << 18;  // hidden, intermediate and low-rank widths
inline constexpr int kMaxHeads = 1 << 10;
inline constexpr int kMaxHeadDim = 1 << 12;
inline constexpr int kMaxVocab = 1 << 22;
inline constexpr int kMaxContext = 1 << 26;
inline constexpr int kMaxExperts = 1 << 10;
inline constexpr int kMaxSharedExperts = 1 << 6;

}  // namespace engine
