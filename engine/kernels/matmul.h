// SPDX-License-Identifier: Apache-2.0
// engine/kernels/matmul.h: y = x . W^T, weights of any stored type.
//
// Shapes   W [n_out, n_in]; x [n_tokens, n_in] f32; y [n_tokens, n_out] f32; sums in f32.
// Layout   The fast paths read W as panels of 16 output rows (PackedMatrix), values of the 16 rows side by side, so that
//          one vector holds one step of many rows and no sum crosses lanes:
//            F32, F16, BF16   per input i: 16 values
//            Q8_0             per block of 32 inputs: 16 f16 scales, then 8 groups of [16 rows][4 values]
//            Q4_0             per block: 16 f16 scales, then 4 groups of [16 rows][4 bytes]; group g holds inputs 4g..4g+3
//                             in the low halves and 16+4g.. in the high ones
//            F8_E4M3          per 32 inputs (the last may have fewer): 16 f32 scales, then per input 16 values
//            Q2_K to Q6_K     per 256 inputs: 16 f16 units, as many of offsets where the type has some; then per block: 16 steps
//                             of 8 bits (twice, where halves of 32 values have their own), likewise of offsets, and the whole
//                             numbers of formats/quant_blocks.h: Q4_K's as Q4_0's halves, the others' as Q8_0's bytes
//            the others       per block: 16 f32 scales, as many offsets where the type has some, then the whole numbers: Q4_1's as
//                             Q4_0's halves, likewise the codes of MXFP4, FP4, IQ4_NL and IQ4_XS, the rest as Q8_0's bytes
//          A last panel with fewer rows is filled with zeros. F32 to Q4_0 take as many bytes as in the file, the others more:
//          F8_E4M3 an eighth.
//          A turned matrix is multiplied as W^T of what is stored, so that a step of the panel lies in one block of one stored
//          row. F32, F16, BF16: the panels above. The rest: n_in f32 scales, as many offsets where the type has some, then
//          per input 16 whole numbers, or codes of F8_E4M3. They are decoded in registers: 20 or 24 bytes in place of 64.
// Bounds   n_in is a whole number of the type's blocks, anything from 1 for floats. Blocks of F8_E4M3 that share a scale are a
//          multiple of 32 wide.
// Error    F32, F16, BF16, F8_E4M3 and turned matrices: only the order of rounding differs from the reference. Quantised: the fast paths round
//          activations to 8 or, with FastKernels::wide, to 16 bits per block of 32, so each y is off by at most
//          sum_i |w_i| * amax(block of i) / 254, or / 65,534, plus f32 rounding.
// Results  Every y is computed by the same steps whatever the number of tokens, panels or threads in a call.
#pragma once
#include <cstdint>

#include "engine/formats/quant_blocks.h"
#include "engine/tensor.h"

namespace engine {

inline constexpr int kPanelRows = 16;
inline constexpr int kBlockValues = 32;  // of Q8_0, Q4_0 and quantised activations
inline constexpr int kHalfBlock = 16;

constexpr int64_t round_up(int64_t n, int64_t multiple) { return (n + multiple - 1) / multiple * multiple; }

// How a type's panels are laid out, and by which of FastKernels::matmul they are multiplied.
enum class PanelForm { kF32, kF16, kBF16, kQ8_0, kQ4_0, kBytes, kBytesOffset, kNibblesOffset, kFp4Codes, kIq4Codes, kStepsNibbles, kStepsBytes, kHalfSteps, kHalfStepsOffset, kF8, kTurned, kTurnedOffset, kTurnedF8 };
inline constexpr int kPanelForms = static_cast<int>(PanelForm::kTurnedF8) + 1;
constexpr PanelForm panel_form(DType type) {
  switch (type) {
    case DType::kI64:
    case DType::kI32:  // no weights
    case DType::kF32: return PanelForm::kF32;
    case DType::kF16: return PanelForm::kF16;
    case DType::kBF16: return PanelForm::kBF16;
    case DType::kQ8_0: return PanelForm::kQ8_0;
    case DType::kQ4_0: return PanelForm::kQ4_0;
    case DType::kQ4_1: return PanelForm::kNibblesOffset;
    case DType::kQ5_1: return PanelForm::kBytesOffset;
    case DType::kQ4_K: return PanelForm::kStepsNibbles;
    case DType::kQ5_K: return PanelForm::kStepsBytes;
    case DType::kQ3_K:
    case DType::kQ6_K: return PanelForm::kHalfSteps;
    case DType::kQ2_K: return PanelForm::kHalfStepsOffset;
    case DType::kQ5_0:
    case DType::kIQ2_XXS:
    case DType::kIQ3_XXS: return PanelForm::kBytes;
    case DType::kIQ4_NL:
    case DType::kIQ4_XS: return PanelForm::kIq4Codes;
    case DType::kMXFP4:
    case DType::kFP4: return PanelForm::kFp4Codes;
    case DType::kF8_E4M3: return PanelForm::kF8;
    case DType::kF8_E8M0:
    case DType::kU8: break;  // never a matrix
  }
  return PanelForm::kF32;
}
// Bytes of 32 inputs of a panel whose blocks are laid out anew; 0 for the forms that keep the file's bytes.
constexpr int64_t block_panel_bytes(PanelForm form) {
  switch (form) {
    case PanelForm::kBytes: return kPanelRows * (4 + 32);
    case PanelForm::kBytesOffset: return kPanelRows * (8 + 32);
    case PanelForm::kNibblesOffset: return kPanelRows * (8 + 16);
    case PanelForm::kFp4Codes:
    case PanelForm::kIq4Codes: return kPanelRows * (4 + 16);
    case PanelForm::kStepsNibbles: return kPanelRows * (2 + 16);
    case PanelForm::kStepsBytes: return kPanelRows * (2 + 32);
    case PanelForm::kHalfSteps: return kPanelRows * (2 + 32);
    case PanelForm::kHalfStepsOffset: return kPanelRows * (4 + 32);
    default: return 0;
  }
}
// Bytes of units before every eight blocks.
constexpr int64_t unit_panel_bytes(PanelForm form) {
  switch (form) {
    case PanelForm::kStepsNibbles:
    case PanelForm::kStepsBytes:
    case PanelForm::kHalfStepsOffset: return kPanelRows * 4;
    case PanelForm::kHalfSteps: return kPanelRows * 2;
    default: return 0;
  }
}
constexpr int64_t panel_bytes(DType type, int64_t n_in) {
  if (panel_form(type) == PanelForm::kF8) return kPanelRows * (n_in + (n_in + kBlockValues - 1) / kBlockValues * 4);
  const int64_t anew = block_panel_bytes(panel_form(type));
  return anew > 0 ? n_in / kBlockValues * anew + n_in / 256 * unit_panel_bytes(panel_form(type))
                  : kPanelRows * (n_in / traits(type).block_values * traits(type).block_bytes);
}
// Bytes of all panels of a stored matrix, stacked ones included.
inline uint64_t packed_bytes(const TensorView& view) {
  return static_cast<uint64_t>((view.n_rows() + kPanelRows - 1) / kPanelRows * panel_bytes(view.type, view.n_in()));
}
constexpr bool is_quantized(DType type) { return traits(type).block_values > 1; }

// The same two for turned matrices.
constexpr PanelForm turned_form(DType type) {
  if (type == DType::kF8_E4M3) return PanelForm::kTurnedF8;
  return is_quantized(type) ? has_offsets(type) ? PanelForm::kTurnedOffset : PanelForm::kTurned : panel_form(type);
}
constexpr int64_t turned_panel_bytes(DType type, int64_t n_in) {
  const PanelForm form = turned_form(type);
  if (form == panel_form(type)) return panel_bytes(type, n_in);
  return n_in * (kPanelRows + (form == PanelForm::kTurnedOffset ? 8 : 4));
}

// Reference: each row decoded to f32, then one sum after the other.
void matmul_cpu_reference(const TensorView& w, const float* x, int64_t n_tokens, float* y);

// Input rows as the fast paths read them. `values` is needed for float weights; quants, scales and sums for quantised ones.
struct Activations {
  const float* values = nullptr;    // [n, stride]
  const int8_t* quants = nullptr;   // [n, stride], in [-127, 127]; in their place where the kernels are wide:
  const int16_t* wide_quants = nullptr;  // [n, stride], in [-32767, 32767], the middle two of every four exchanged
  const float* scales = nullptr;    // [n, stride / 32]
  const int32_t* sums = nullptr;    // [n, stride / 16], of each half block's quants
  const float* scaled_sums = nullptr;  // [n, stride / 16], scale times the quants' sum, of each block and of its second half
  int64_t stride = 0;               // a multiple of 32
  const int32_t* row_ids = nullptr; // the rows to read; null: 0, 1, 2, ...

  int64_t row(int64_t i) const { return row_ids ? row_ids[i] : i; }
  // The same rows from column `offset` (a multiple of 32) on.
  Activations columns(int64_t offset) const {
    Activations some = *this;
    if (values) some.values += offset;
    if (quants) some.quants += offset;
    if (wide_quants) some.wide_quants += offset;
    if (scales) some.scales += offset / kBlockValues;
    if (sums) some.sums += offset / kHalfBlock;
    if (scaled_sums) some.scaled_sums += offset / kHalfBlock;
    return some;
  }
  // The rows from `first` on, as rows 0, 1, 2, ...
  Activations rows_from(int64_t first) const { return columns(first * stride); }
};

struct PackedMatrix {
  DType type = DType::kF32;
  bool turned = false;              // `source` is W^T: [n_in, n_out]
  int64_t n_out = 0, n_in = 0;
  TensorView source;                // as stored; panels are made from it on the fly where `panels` is null
  const uint8_t* panels = nullptr;
  const void* key = nullptr;        // what adapters know it by (engine/lora/low_rank.h)

  explicit operator bool() const { return n_out > 0; }
  int64_t n_panels() const { return (n_out + kPanelRows - 1) / kPanelRows; }
  int64_t panel_bytes() const { return turned ? turned_panel_bytes(type, n_in) : engine::panel_bytes(type, n_in); }
  PanelForm form() const { return turned ? turned_form(type) : panel_form(type); }
  // Whether products read the quants of their activations, or the values.
  bool takes_quants() const { return is_quantized(type) && !turned; }
};

// Writes panel `index` to `out` (panel_bytes()).
void pack_panel(const PackedMatrix& w, int64_t index, uint8_t* out);

struct FastKernels;

// y[t, row - 16 * first_panel] for all t in [0, n_tokens) and the rows of panels [first_panel, last_panel).
// `scratch`: room for one panel, used where the matrix is not packed.
void matmul_panels(const FastKernels& kernels, const PackedMatrix& w, int64_t first_panel, int64_t last_panel,
                   const Activations& x, int64_t n_tokens, float* y, int64_t y_stride, uint8_t* scratch);

}  // namespace engine
