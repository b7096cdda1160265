// SPDX-License-Identifier: Apache-2.0
// engine/fast/shared_sections.h: one token's attention over a long cache, shared out among the workers by sections.
//
// Heads alone share badly: a head's worker reads all of the cache for it, and some models have fewer key heads than a machine
// has cores. Here each worker takes some sections (attention.h) of some groups of heads, all meet, and each joins the sections
// of its own heads; the result has the bits of one call, so it does not matter who chooses this way when.
//
// Shapes   H heads with results of `width` values; G groups of them share rows of the cache.
// Threads  begin() before the team starts; each() and join() by every worker, with a barrier between them.
#pragma once
#include <algorithm>
#include <vector>

#include "engine/kernels/attention.h"
#include "engine/kernels/fast_kernels.h"
#include "engine/thread_pool.h"

namespace engine {

class SharedSections {
 public:
  // Below this many rows a meeting more costs what it brings.
  static constexpr int64_t kFewestRows = 2 * kAttentionSection + 1;

  // Makes room for a token that sees `n_rows` rows; 0: for none.
  void begin(int64_t n_rows, int64_t n_heads, int64_t width);
  bool ready() const { return !sums_.empty(); }

  // Calls share(section, group) for this worker's part of all sections of rows [first_row, n_rows) and all groups. Dealt
  // out by rows, as the last section may be short; one worker's shares follow each other.
  template <typename Share>
  static void each(const Worker& worker, int64_t first_row, int64_t n_rows, int64_t n_groups, Share&& share) {
    const int64_t rows_of_all = n_groups * (n_rows - first_row);
    for (int64_t group = 0; group < n_groups; ++group)
      for (int64_t s = first_row / kAttentionSection; s * kAttentionSection < n_rows; ++s) {
        const int64_t begin = std::max(s * kAttentionSection, first_row), end = std::min((s + 1) * kAttentionSection, n_rows);
        const int64_t middle = group * (n_rows - first_row) + (begin + end) / 2 - first_row;
        if (middle * worker.count / rows_of_all == worker.index) share(static_cast<int>(s), group);
      }
  }

  // Where an attention call on `section` puts what it finds for the heads from `first_head` on.
  template <typename T>
  void place(AttentionRowsOf<T>& rows, int section, int64_t first_head) {
    const int64_t at = section * n_heads_ + first_head;
    rows.out = sums_.data() + at * width_;
    rows.section = section;
    rows.tops = tops_.data() + at;
    rows.totals = totals_.data() + at;
  }

  // Joins the sections of rows [first_row, n_rows) of `n_heads` heads into `out` [n_heads, width]; `sinks`: null, or of them.
  void join(const FastKernels& kernels, int64_t first_row, int64_t n_rows, int64_t first_head, int64_t n_heads,
            const float* sinks, float* out) const;

 private:
  int64_t n_heads_ = 0, width_ = 0;
  std::vector<float> sums_, tops_, totals_;  // [sections, H, width], [sections, H] twice
};

}  // namespace engine
