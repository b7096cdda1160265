// SPDX-License-Identifier: Apache-2.0
// engine/kernels/attention_rows.h: where a row of AttentionRowsOf lies. For the fast paths, each with flags of its own.
#pragma once
#include "engine/kernels/attention.h"

namespace engine {
namespace {

template <typename T>
const T* key_row(const AttentionRowsOf<T>& a, int row) {
  if (a.list) return reinterpret_cast<const T*>(a.list[row]);
  const int64_t in_block = row % kAttentionBlock;
  return a.blocks
             ? reinterpret_cast<const T*>(a.blocks[row / kAttentionBlock]) + a.block_offset + in_block * a.key_stride
             : a.keys + row * a.key_stride;
}

template <typename T>
const T* value_row(const AttentionRowsOf<T>& a, int row) {
  if (a.list) return key_row(a, row) + (a.values - a.keys);
  const int64_t in_block = row % kAttentionBlock;
  return a.blocks ? reinterpret_cast<const T*>(a.blocks[row / kAttentionBlock]) + a.block_offset + (a.values - a.keys) +
                        in_block * a.value_stride
                  : a.values + row * a.value_stride;
}

}  // namespace
}  // namespace engine
