// SPDX-License-Identifier: Apache-2.0
// lsp/uri.h: file URIs and paths. Source: RFC 8089, RFC 3986.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace lsp {

// The absolute path of a `file:` URI on this machine; nothing for other schemes ("untitled:"), other hosts, a NUL
// inside.
std::optional<std::filesystem::path> path_of_uri(std::string_view uri);
std::string uri_of_path(const std::filesystem::path& absolute);

}  // namespace lsp
