// SPDX-License-Identifier: Apache-2.0
#include "lsp/position.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace lsp {
namespace {

using base::Json;

std::optional<uint32_t> read_uinteger(const Json& object, const char* key) {
  const int64_t value = base::json_int(object, key, -1);
  if (value < 0 || value > INT32_MAX) return std::nullopt;
  return static_cast<uint32_t>(value);
}

}  // namespace

std::string_view encoding_name(PositionEncoding encoding) {
  switch (encoding) {
    case PositionEncoding::kUtf8:
      return "utf-8";
    case PositionEncoding::kUtf32:
      return "utf-32";
    case PositionEncoding::kUtf16:
      break;
  }
  return "utf-16";
}

size_t offset_of(const Text& text, Position position, PositionEncoding encoding) {
  switch (encoding) {
    case PositionEncoding::kUtf8:
      return text.lines.offset(text.bytes, position.line, base::ByteColumn{position.character});
    case PositionEncoding::kUtf32:
      return text.lines.offset(text.bytes, position.line, base::Utf32Column{position.character});
    case PositionEncoding::kUtf16:
      break;
  }
  return text.lines.offset(text.bytes, position.line, base::Utf16Column{position.character});
}

Position position_of(const Text& text, size_t offset, PositionEncoding encoding) {
  const auto line = static_cast<uint32_t>(text.lines.line_of(offset));
  switch (encoding) {
    case PositionEncoding::kUtf8:
      return {line, text.lines.byte_column(offset).value};
    case PositionEncoding::kUtf32:
      return {line, text.lines.utf32_column(text.bytes, offset).value};
    case PositionEncoding::kUtf16:
      break;
  }
  return {line, text.lines.utf16_column(text.bytes, offset).value};
}

std::optional<Position> read_position(const Json& json) {
  const auto line = read_uinteger(json, "line"), character = read_uinteger(json, "character");
  if (!line || !character) return std::nullopt;
  return Position{*line, *character};
}

std::optional<ByteRange> read_range(const Json& json, const Text& text, PositionEncoding encoding) {
  if (!json.is_object() || !json.contains("start") || !json.contains("end")) return std::nullopt;
  const auto start = read_position(json["start"]), end = read_position(json["end"]);
  if (!start || !end) return std::nullopt;
  ByteRange range{offset_of(text, *start, encoding), offset_of(text, *end, encoding)};
  if (range.begin > range.end) std::swap(range.begin, range.end);
  return range;
}

Json write_position(Position position) {
  return {{"line", position.line}, {"character", position.character}};
}

Json write_range(const Text& text, size_t begin, size_t end, PositionEncoding encoding) {
  return {{"start", write_position(position_of(text, begin, encoding))},
          {"end", write_position(position_of(text, end, encoding))}};
}

}  // namespace lsp
