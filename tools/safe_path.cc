// SPDX-License-Identifier: Apache-2.0
// Which paths an edit may name. The tree may later be checked out on a file system that folds letter case or drops
// characters, so names that another system would take for .git are refused here as git refuses them (core.protectHFS,
// core.protectNTFS).
#include <algorithm>

#include "base/strings.h"
#include "base/utf8.h"
#include "tools/edit.h"

namespace tools {
namespace {

constexpr size_t kMaxPathBytes = 4095;  // PATH_MAX less the final NUL
constexpr size_t kMaxPartBytes = 255;   // NAME_MAX

// HFS+ ignores these in names (git's next_hfs_char).
bool hfs_ignores(uint32_t c) {
  return (c >= 0x200c && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) || (c >= 0x206a && c <= 0x206f) || c == 0xfeff;
}

// The name as a careless file system reads it.
std::string folded(std::string_view part) {
  std::string out;
  for (size_t i = 0; i < part.size();) {
    const base::CodePoint c = base::decode_utf8(part.substr(i));
    if (c.value < 0x80)
      out += static_cast<char>(c.value >= 'A' && c.value <= 'Z' ? c.value + 32 : c.value);
    else if (!hfs_ignores(c.value))
      out.append(part.substr(i, static_cast<size_t>(c.n_bytes)));
    i += static_cast<size_t>(c.n_bytes);
  }
  out = out.substr(0, out.find(':'));  // NTFS streams: ".git::$INDEX_ALLOCATION"
  while (!out.empty() && (out.back() == '.' || out.back() == ' ')) out.pop_back();
  return out;
}

bool is_git_folder(std::string_view part) {
  const std::string name = folded(part);
  return name == ".git" || name == "git~1";  // "git~1": the short name of .git on NTFS
}

std::string shown(std::string_view path) {
  std::string out;
  for (const char c : base::to_valid_utf8(path.substr(0, 200)))
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return out;
}

}  // namespace

base::Result<std::string> safe_path(std::string_view path) {
  const auto refuse = [&](std::string_view why) {
    return base::Error{base::ErrorCode::kDenied, base::cat("the path `", shown(path), "` ", why)};
  };
  if (path.empty()) return base::Error{base::ErrorCode::kDenied, "the path is empty"};
  if (path.size() > kMaxPathBytes) return refuse("is too long");
  if (path.front() == '/') return refuse("is absolute; name it relative to the work tree");
  if (path.back() == '/') return refuse("names a folder, not a file");
  if (path == "~" || path.substr(0, 2) == "~/")
    return refuse("starts in a home folder; name it relative to the work tree");
  if (std::any_of(path.begin(), path.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }))
    return refuse("holds a control character");
  if (path.find('\\') != std::string_view::npos) return refuse("holds a backslash; write `/` between folders");
  std::string normal;
  while (!path.empty()) {
    const size_t slash = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, slash);
    path.remove_prefix(std::min(slash + 1, path.size()));
    if (part.empty() || part == ".") continue;
    if (part == "..") return base::Error{base::ErrorCode::kDenied, "the path leads out of its folder by `..`"};
    if (part.size() > kMaxPartBytes) return refuse("has a part that is too long");
    if (is_git_folder(part)) return base::Error{base::ErrorCode::kDenied, "the path leads into a .git folder"};
    if (!normal.empty()) normal += '/';
    normal += part;
  }
  if (normal.empty()) return base::Error{base::ErrorCode::kDenied, "the path names no file"};
  return normal;
}

}  // namespace tools
