// SPDX-License-Identifier: Apache-2.0
#include "lsp/uri.h"

#include "base/strings.h"

#include <cctype>

namespace lsp {
namespace {

constexpr std::string_view kScheme = "file://";

std::string decode_percent(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? base::hex_digit(text[i + 1]) : -1;
    const int low = high >= 0 ? base::hex_digit(text[i + 2]) : -1;
    if (low >= 0) {
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

}  // namespace

std::optional<std::filesystem::path> path_of_uri(std::string_view uri) {
  if (!uri.starts_with(kScheme)) return std::nullopt;
  uri.remove_prefix(kScheme.size());
  if (uri.starts_with("localhost/")) uri.remove_prefix(9);
  if (!uri.starts_with('/')) return std::nullopt;
  std::string path = decode_percent(uri.substr(0, uri.find_first_of("?#")));
  if (path.find('\0') != std::string::npos) return std::nullopt;
  return std::filesystem::path(std::move(path)).lexically_normal();
}

std::string uri_of_path(const std::filesystem::path& absolute) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out(kScheme);
  for (const char c : absolute.string()) {
    const auto byte = static_cast<unsigned char>(c);
    // RFC 3986, 2.3: unreserved, and the separators of a path.
    if (std::isalnum(byte) != 0 || std::string_view("-._~/").find(c) != std::string_view::npos) {
      out.push_back(c);
    } else {
      out.push_back('%');
      out.push_back(kHex[byte >> 4]);
      out.push_back(kHex[byte & 15]);
    }
  }
  return out;
}

}  // namespace lsp
