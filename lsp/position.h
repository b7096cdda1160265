// SPDX-License-Identifier: Apache-2.0
// lsp/position.h: positions and ranges of the wire, in the encoding that was agreed on.
//
// Units    `line` is 0-based; `character` counts units of the agreed encoding.
// Errors   A position past the end of the text or of its line is moved back to that end (LSP 3.17, "Position").
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/json.h"
#include "base/line_index.h"
#include "tools/syntax.h"

namespace lsp {

enum class PositionEncoding { kUtf8, kUtf16, kUtf32 };
std::string_view encoding_name(PositionEncoding encoding);

struct Position {
  uint32_t line = 0, character = 0;
};
struct ByteRange {
  size_t begin = 0, end = 0;
};

// A text with its lines; constant once shared.
struct Text {
  explicit Text(std::string text) : bytes(std::move(text)), lines(bytes) {}
  std::string bytes;
  base::LineIndex lines;
};

size_t offset_of(const Text& text, Position position, PositionEncoding encoding);
Position position_of(const Text& text, size_t offset, PositionEncoding encoding);

// Nothing where the JSON is no position: a member missing, negative, fractional or above 2^31 - 1 (the protocol's
// uinteger).
std::optional<Position> read_position(const base::Json& json);
// A range whose end lies before its start is turned round.
std::optional<ByteRange> read_range(const base::Json& json, const Text& text, PositionEncoding encoding);
base::Json write_position(Position position);
base::Json write_range(const Text& text, size_t begin, size_t end, PositionEncoding encoding);

}  // namespace lsp
