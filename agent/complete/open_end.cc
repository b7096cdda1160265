// SPDX-License-Identifier: Apache-2.0
#include "agent/complete/open_end.h"

#include <algorithm>
#include <cmath>

#include "base/utf8.h"

namespace agent {
namespace {

constexpr size_t kLongestPiece = 64;

enum class Kind { kLetter, kDigit, kBlank, kSign };

Kind kind_of(char c) {
  const auto u = static_cast<unsigned char>(c);
  if (u >= 0x80 || (u | 32u) - 'a' < 26u) return Kind::kLetter;
  if (u >= '0' && u <= '9') return Kind::kDigit;
  return c == ' ' || (u >= '\t' && u <= '\r') ? Kind::kBlank : Kind::kSign;
}

}  // namespace

size_t open_end_bytes(std::string_view prefix) {
  if (prefix.empty()) return 0;
  const Kind kind = kind_of(prefix.back());
  size_t n = 1;
  while (n < prefix.size() && n <= kLongestPiece && kind_of(prefix[prefix.size() - 1 - n]) == kind) ++n;
  if (n > kLongestPiece || !base::is_utf8(prefix.substr(prefix.size() - n))) return 0;
  if (kind != Kind::kBlank && n < prefix.size() && prefix[prefix.size() - 1 - n] == ' ') ++n;
  return n;
}

TokenBytes::TokenBytes(const engine::Engine& model) {
  bytes_.reserve(static_cast<size_t>(model.info().n_vocab));
  for (engine::Token token = 0; token < model.info().n_vocab; ++token)
    bytes_.push_back(model.ends_generation(token) ? std::string() : model.detokenize({&token, 1}));
}

void TokenBytes::keep_start(std::string_view start, std::span<const engine::Token> so_far,
                            std::span<float> logits) const {
  for (const engine::Token token : so_far) {
    if (start.empty()) break;
    start.remove_prefix(std::min(start.size(), of(token).size()));
  }
  if (start.empty()) return;
  for (size_t i = 0; i < std::min(logits.size(), bytes_.size()); ++i) {
    const std::string_view bytes = bytes_[i];
    if (bytes.empty() || !(bytes.starts_with(start) || start.starts_with(bytes))) logits[i] = -INFINITY;
  }
  std::fill(logits.begin() + static_cast<std::ptrdiff_t>(std::min(logits.size(), bytes_.size())), logits.end(),
            -INFINITY);
}

}  // namespace agent
