// SPDX-License-Identifier: Apache-2.0
#include "engine/fast/shared_sections.h"

namespace engine {

void SharedSections::begin(int64_t n_rows, int64_t n_heads, int64_t width) {
  n_heads_ = n_heads;
  width_ = width;
  const auto n_tops = static_cast<size_t>((n_rows + kAttentionSection - 1) / kAttentionSection * n_heads);
  sums_.resize(n_tops * static_cast<size_t>(width));
  tops_.resize(n_tops);
  totals_.resize(n_tops);
}

void SharedSections::join(const FastKernels& kernels, int64_t first_row, int64_t n_rows, int64_t first_head, int64_t n_heads,
                          const float* sinks, float* out) const {
  const int64_t first = first_row / kAttentionSection, at = first * n_heads_ + first_head;
  AttentionSections sections;
  sections.n_sections = static_cast<int>((n_rows + kAttentionSection - 1) / kAttentionSection - first);
  sections.n_rows = static_cast<int>(n_heads);
  sections.value_width = width_;
  sections.sums = sums_.data() + at * width_;
  sections.sums_stride = n_heads_ * width_;
  sections.tops = tops_.data() + at;
  sections.totals = totals_.data() + at;
  sections.tops_stride = n_heads_;
  sections.sinks = sinks;
  sections.out = out;
  kernels.join_attention(sections);
}

}  // namespace engine
