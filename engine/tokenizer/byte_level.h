// SPDX-License-Identifier: Apache-2.0
// engine/tokenizer/byte_level.h: the printable alphabet in which byte-level vocabularies are written.
//
// Source   GPT-2: bytes 33..126, 161..172 and 174..255 stand for themselves; the other 68, in order, for U+0100 and on.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace engine {

// The code point that stands for each byte.
const std::array<uint32_t, 256>& byte_level_alphabet();

// The bytes that a vocabulary entry stands for; nothing where a character is not of the alphabet.
std::optional<std::string> from_byte_level(std::string_view entry);

}  // namespace engine
