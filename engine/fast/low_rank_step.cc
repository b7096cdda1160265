// SPDX-License-Identifier: Apache-2.0
#include "engine/fast/low_rank_step.h"

#include <algorithm>

namespace engine {

void LowRankStep::begin(const ForwardRequest& request) {
  ++pass_;
  adapters_.clear();
  adapter_of_.clear();
  if (request.batch.empty()) {
    if (request.adapter) adapters_.push_back(request.adapter);
  } else {
    for (const BatchPlace& place : request.batch) {
      const auto found = std::find(adapters_.begin(), adapters_.end(), place.adapter);
      adapter_of_.push_back(place.adapter ? static_cast<int32_t>(found - adapters_.begin()) : -1);
      if (place.adapter && found == adapters_.end()) adapters_.push_back(place.adapter);
    }
  }
  if (adapters_.empty()) return;
  int64_t rank = 0;
  for (const AdapterWeights* adapter : adapters_) rank = std::max(rank, adapter->max_rank());
  for (Private& own : private_) {  // so that no worker takes memory
    own.rows.reserve(static_cast<size_t>(max_rows_));
    own.places.reserve(static_cast<size_t>(max_rows_));
    own.segments.reserve(adapters_.size());
    if (rank <= room_rank_) continue;
    // A x is written in whole panels.
    own.low = ActivationBuffer(max_rows_, round_up(rank, kPanelRows));
    own.tile = Buffer<float>(static_cast<size_t>(max_rows_ * kTilePanels * kPanelRows));
  }
  room_rank_ = std::max(room_rank_, rank);
}

// Rows of one adapter follow each other.
void LowRankStep::project(Private& own, const PackedMatrix& w, const Activations& x, int64_t n_rows,
                          const int32_t* token) const {
  own.key = w.key;
  own.input = x.values;
  own.pass = pass_;
  own.rows.clear();
  own.places.clear();
  own.segments.clear();
  for (size_t k = 0; k < adapters_.size(); ++k) {
    const LowRank* product = adapters_[k]->find(w.key);
    if (!product) continue;
    const auto first = static_cast<int64_t>(own.rows.size());
    for (int64_t i = 0; i < n_rows; ++i) {
      const int64_t t = token ? token[i] : x.row(i);
      if (!adapter_of_.empty() && adapter_of_[static_cast<size_t>(t)] != static_cast<int32_t>(k)) continue;
      own.rows.push_back(static_cast<int32_t>(i));
      own.places.push_back(static_cast<int32_t>(x.row(i)));
    }
    const int64_t n = static_cast<int64_t>(own.rows.size()) - first;
    if (n > 0) own.segments.push_back({product, first, n});
  }
  const auto multiply = kernels_.matmul[static_cast<size_t>(PanelForm::kF32)];
  for (const Segment& s : own.segments) {
    Activations some = x;
    some.row_ids = own.places.data() + s.first;
    multiply(s.product->a->panel(0), s.product->a->n_panels(), s.product->a->n_in(), some, 0, s.n, own.low.row(s.first),
             own.low.stride());
  }
}

void LowRankStep::add(int worker, const PackedMatrix& w, int64_t first_panel, int64_t last_panel, const Activations& x,
                      int64_t n_rows, const int32_t* token, float* y, int64_t y_stride) {
  Private& own = private_[static_cast<size_t>(worker)];
  if (own.key != w.key || own.input != x.values || own.pass != pass_) project(own, w, x, n_rows, token);
  const auto multiply = kernels_.matmul[static_cast<size_t>(PanelForm::kF32)];
  for (const Segment& s : own.segments)
    for (int64_t p = first_panel; p < last_panel; p += kTilePanels) {
      const int64_t end = std::min(p + kTilePanels, last_panel), stride = (end - p) * kPanelRows;
      const int64_t width = std::min(end * kPanelRows, w.n_out) - p * kPanelRows;
      multiply(s.product->b->panel(p), end - p, s.product->rank(), own.low.from(s.first), 0, s.n, own.tile.data(),
               stride);
      for (int64_t i = 0; i < s.n; ++i) {
        float* to = y + own.rows[static_cast<size_t>(s.first + i)] * y_stride + (p - first_panel) * kPanelRows;
        const float* from = own.tile.data() + i * stride;
        for (int64_t j = 0; j < width; ++j) to[j] += from[j];
      }
    }
}

}  // namespace engine
