// SPDX-License-Identifier: Apache-2.0
// engine/kernels/matmul.h: the reference, and the packing that all fast paths share.
#include "engine/kernels/matmul.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <vector>

#include "engine/formats/block_scales.h"
#include "engine/formats/dequantize.h"
#include "engine/formats/quant_blocks.h"
#include "engine/kernels/fast_kernels.h"

namespace engine {
namespace {

const std::byte* row_of(const TensorView& w, int64_t row) { return w.data + row * w.row_bytes(); }

// Tokens whose inputs (quants and scales) should stay in the second-level cache while panels stream past.
constexpr int64_t kInputCacheBytes = 192 * 1024;

}  // namespace

void matmul_cpu_reference(const TensorView& w, const float* x, int64_t n_tokens, float* y) {
  const int64_t n_in = w.n_in(), n_out = w.n_rows();
  std::vector<float> row(static_cast<size_t>(n_in));
  for (int64_t o = 0; o < n_out; ++o) {
    dequantize_row(w, o, row);
    for (int64_t t = 0; t < n_tokens; ++t) {
      float sum = 0.0f;
      for (int64_t i = 0; i < n_in; ++i) sum += row[static_cast<size_t>(i)] * x[t * n_in + i];
      y[t * n_out + o] = sum;
    }
  }
}

namespace {

// A panel of one of the types that are laid out anew.
void pack_blocks(const TensorView& w, int64_t index, uint8_t* out) {
  const PanelForm form = panel_form(w.type);
  const DTypeTraits type = traits(w.type);
  const int64_t first = index * kPanelRows, n_rows = std::min<int64_t>(kPanelRows, w.n_rows() - first);
  const int64_t n_parts = w.n_in() / kBlockValues, part_bytes = block_panel_bytes(form);
  const int parts_per_block = type.block_values / kBlockValues, n_scales = has_half_scales(w.type) ? 2 : 1;
  const int8_t* const values = form == PanelForm::kFp4Codes ? kFp4Values : form == PanelForm::kIq4Codes ? kIq4Values : nullptr;
  const bool nibbles = values || form == PanelForm::kNibblesOffset || form == PanelForm::kStepsNibbles;
  const bool steps = has_steps(w.type), offsets = has_offsets(w.type);
  if (n_rows < kPanelRows) std::memset(out, 0, static_cast<size_t>(panel_bytes(w.type, w.n_in())));
  QuantBlock block;
  for (int64_t r = 0; r < n_rows; ++r) {
    const std::byte* from = row_of(w, first + r);
    uint8_t* to = out;
    for (int64_t p = 0; p < n_parts; ++p, to += part_bytes) {
      decode_block(w.type, from + p / parts_per_block * type.block_bytes, static_cast<int>(p % parts_per_block), block);
      if (w.scales.data != nullptr) {
        const float beside = block_scale(w, first + r, p * kBlockValues);
        for (float& scale : block.scale) scale *= beside;
      }
      if (steps && p % parts_per_block == 0) {
        std::memcpy(to + r * 2, &block.unit, 2);
        if (offsets) std::memcpy(to + kPanelRows * 2 + r * 2, &block.least_unit, 2);
        to += unit_panel_bytes(form);
      }
      uint8_t* at = to;
      const auto put = [&](const void* value, int64_t n_bytes) {
        std::memcpy(at + r * n_bytes, value, static_cast<size_t>(n_bytes));
        at += kPanelRows * n_bytes;
      };
      for (int h = 0; h < n_scales; ++h) steps ? put(&block.step[h], 1) : put(&block.scale[h], 4);
      for (int h = 0; offsets && h < n_scales; ++h) steps ? put(&block.least[h], 1) : put(&block.offset[h], 4);
      if (values)
        for (int8_t& q : block.quants) q = static_cast<int8_t>(std::find(values, values + 16, q) - values);
      if (nibbles)
        for (int i = 0; i < 16; ++i)
          at[i / 4 * 64 + r * 4 + i % 4] = static_cast<uint8_t>(block.quants[i] | block.quants[i + 16] << 4);
      else
        for (int g = 0; g < 8; ++g) std::memcpy(at + g * 64 + r * 4, block.quants + g * 4, 4);
    }
  }
}

void pack_f8(const TensorView& w, int64_t index, uint8_t* out) {
  const int64_t first = index * kPanelRows, n_in = w.n_in(), n_rows = std::min<int64_t>(kPanelRows, w.n_rows() - first);
  if (n_rows < kPanelRows) std::memset(out, 0, static_cast<size_t>(panel_bytes(w.type, n_in)));
  for (int64_t r = 0; r < n_rows; ++r) {
    const std::byte* from = row_of(w, first + r);
    uint8_t* to = out;
    for (int64_t c = 0; c < n_in; c += kBlockValues) {
      const int64_t n = std::min<int64_t>(kBlockValues, n_in - c);
      float scale = block_scale(w, first + r, c);
      uint8_t* values = to + kPanelRows * 4;
      for (int64_t i = 0; i < n; ++i) {
        values[i * kPanelRows + r] = std::to_integer<uint8_t>(from[c + i]);
        // The kernels read the code of NaN as a number: the scale carries it instead.
        if ((values[i * kPanelRows + r] & 0x7F) == 0x7F) scale = std::numeric_limits<float>::quiet_NaN();
      }
      std::memcpy(to + r * 4, &scale, 4);
      to = values + n * kPanelRows;
    }
  }
}

// Columns [16 * index, 16 * index + 16) of a stored matrix, one row a step.
void pack_turned(const TensorView& w, int64_t index, uint8_t* out) {
  const DTypeTraits type = traits(w.type);
  const int64_t n_steps = w.n_rows(), column = index * kPanelRows, n = std::min<int64_t>(kPanelRows, w.n_in() - column);
  const PanelForm form = turned_form(w.type);
  if (n < kPanelRows) std::memset(out, 0, static_cast<size_t>(turned_panel_bytes(w.type, n_steps)));
  if (form == panel_form(w.type)) {
    for (int64_t i = 0; i < n_steps; ++i)
      std::memcpy(out + i * kPanelRows * type.block_bytes, row_of(w, i) + column * type.block_bytes, static_cast<size_t>(n * type.block_bytes));
    return;
  }
  float* const scales = reinterpret_cast<float*>(out);
  float* const offsets = scales + n_steps;
  uint8_t* values = reinterpret_cast<uint8_t*>(offsets + (form == PanelForm::kTurnedOffset ? n_steps : 0));
  for (int64_t i = 0; i < n_steps; ++i, values += kPanelRows) {
    float scale = w.scales.data != nullptr ? block_scale(w, i, column) : 1.0f;
    if (form == PanelForm::kTurnedF8) {
      std::memcpy(values, row_of(w, i) + column, static_cast<size_t>(n));
      // The kernels read the code of NaN as a number: the scale carries it instead.
      if (std::any_of(values, values + n, [](uint8_t code) { return (code & 0x7F) == 0x7F; })) scale = std::numeric_limits<float>::quiet_NaN();
    } else {
      QuantBlock block;
      const int half = static_cast<int>(column % kBlockValues / kHalfBlock);
      decode_block(w.type, row_of(w, i) + column / type.block_values * type.block_bytes,
                   static_cast<int>(column % type.block_values / kBlockValues), block);
      scale *= block.scale[half];
      if (form == PanelForm::kTurnedOffset) offsets[i] = block.offset[half];
      std::memcpy(values, block.quants + half * kHalfBlock, static_cast<size_t>(n));
    }
    scales[i] = scale;
  }
}

// A panel of rows.
void pack_rows(const TensorView& w, int64_t index, uint8_t* out) {
  if (panel_form(w.type) == PanelForm::kF8) return pack_f8(w, index, out);
  if (block_panel_bytes(panel_form(w.type)) > 0) return pack_blocks(w, index, out);
  const int64_t first = index * kPanelRows, n_in = w.n_in(), n_rows = std::min<int64_t>(kPanelRows, w.n_rows() - first);
  const DTypeTraits type = traits(w.type);
  if (n_rows < kPanelRows)
    std::memset(out, 0, static_cast<size_t>(kPanelRows * (n_in / type.block_values * type.block_bytes)));
  // Quantised blocks: the scale, then groups of four bytes. Float values: one group of the value's size, no scale.
  const int64_t scale_bytes = is_quantized(w.type) ? 2 : 0;
  const int64_t group_bytes = is_quantized(w.type) ? 4 : type.block_bytes;
  for (int64_t r = 0; r < n_rows; ++r) {
    const std::byte* from = row_of(w, first + r);
    uint8_t* to = out;
    for (int64_t b = 0; b < n_in / type.block_values; ++b) {
      if (scale_bytes) std::memcpy(to + r * 2, from, 2);
      from += scale_bytes;
      to += scale_bytes * kPanelRows;
      for (int64_t g = scale_bytes; g < type.block_bytes; g += group_bytes) {
        if (group_bytes == 4)  // constant sizes become single moves
          std::memcpy(to + r * 4, from, 4);
        else
          std::memcpy(to + r * 2, from, 2);
        from += group_bytes;
        to += group_bytes * kPanelRows;
      }
    }
  }
}

}  // namespace

void pack_panel(const PackedMatrix& w, int64_t index, uint8_t* out) {
  w.turned ? pack_turned(w.source, index, out) : pack_rows(w.source, index, out);
}

void matmul_panels(const FastKernels& kernels, const PackedMatrix& w, int64_t first_panel, int64_t last_panel,
                   const Activations& x, int64_t n_tokens, float* y, int64_t y_stride, uint8_t* scratch) {
  const auto multiply = kernels.matmul[static_cast<size_t>(w.form())];
  const int64_t panel_bytes = w.panel_bytes();
  const int64_t token_bytes = !w.takes_quants() ? w.n_in * 4 : kernels.wide ? w.n_in * 9 / 4 : w.n_in * 5 / 4;
  const int64_t step = std::max<int64_t>(12, kInputCacheBytes / std::max<int64_t>(1, token_bytes) / 12 * 12);
  const int64_t whole_panels = std::min(last_panel, w.n_out / kPanelRows);
  for (int64_t t = 0; t < n_tokens; t += step) {
    const int64_t n = std::min(step, n_tokens - t);
    if (w.panels && first_panel < whole_panels)
      multiply(w.panels + first_panel * panel_bytes, whole_panels - first_panel, w.n_in, x, t, n, y, y_stride);
    for (int64_t p = w.panels ? std::max(first_panel, whole_panels) : first_panel; p < last_panel; ++p) {
      const uint8_t* panel = w.panels + p * panel_bytes;
      if (!w.panels) {
        pack_panel(w, p, scratch);
        panel = scratch;
      }
      float* out = y + (p - first_panel) * kPanelRows;
      if (p < whole_panels) {
        multiply(panel, 1, w.n_in, x, t, n, out, y_stride);
        continue;
      }
      // A last panel with fewer rows: its padding may not be written to y.
      for (int64_t i = t; i < t + n; ++i) {
        float rows[kPanelRows];
        multiply(panel, 1, w.n_in, x, i, 1, rows, 0);
        std::copy_n(rows, w.n_out - p * kPanelRows, out + i * y_stride);
      }
    }
  }
}

}  // namespace engine
