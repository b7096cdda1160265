// SPDX-License-Identifier: Apache-2.0
// The header lines are ours, the hunks libgit2's: its one-file diff knows neither modes nor renames.
#include "tools/file_patch.h"

#include <algorithm>
#include <cstring>

#include "base/strings.h"
#include "tools/edit.h"
#include "tools/git_library.h"

namespace tools {
namespace {

constexpr size_t kShortIdHex = 10;
constexpr size_t kBinaryLookBytes = 8000;  // git's buffer_is_binary

bool is_binary(std::string_view bytes) {
  return !bytes.empty() && std::memchr(bytes.data(), 0, std::min(bytes.size(), kBinaryLookBytes)) != nullptr;
}

const char* mode_of(const PatchSide& side) {
  return side.executable ? "100755" : "100644";
}

// As git prints names: in C quotes where a quote is in them (other odd characters are refused by safe_path).
std::string quoted(const std::string& name) {
  if (name.find('"') == std::string::npos) return name;
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"') out += '\\';
    out += c;
  }
  return out + "\"";
}

// In the "---" and "+++" lines a name with a blank ends in a tab, so that readers see where it ends.
std::string name_line(std::string_view mark, const std::string& name) {
  return base::cat(mark, " ", quoted(name), name.find(' ') == std::string::npos ? "\n" : "\t\n");
}

int append_line(const git_diff_delta*, const git_diff_hunk*, const git_diff_line* line, void* out) noexcept {
  auto& text = *static_cast<std::string*>(out);
  const bool content = line->origin == GIT_DIFF_LINE_CONTEXT || line->origin == GIT_DIFF_LINE_ADDITION ||
                       line->origin == GIT_DIFF_LINE_DELETION;
  if (line->origin == GIT_DIFF_LINE_FILE_HDR) return 0;
  if (content) text += line->origin;
  text.append(line->content, line->content_len);
  return 0;
}

base::Result<std::string> hunks(std::string_view before, std::string_view after, bool binary) {
  use_git_library();
  git_diff_options options;
  git_diff_options_init(&options, GIT_DIFF_OPTIONS_VERSION);
  options.context_lines = 3;
  options.flags =
      GIT_DIFF_INDENT_HEURISTIC | (binary ? GIT_DIFF_FORCE_BINARY | GIT_DIFF_SHOW_BINARY : GIT_DIFF_FORCE_TEXT);
  git_patch* made = nullptr;
  if (git_patch_from_buffers(&made, before.data(), before.size(), nullptr, after.data(), after.size(), nullptr,
                             &options) != 0)
    return git_failure("compare two files");
  const GitPatch patch(made);
  std::string text;
  if (git_patch_print(made, append_line, &text) != 0) return git_failure("print a patch");
  return text;
}

int similarity_percent(std::string_view before, std::string_view after) {
  if (before == after) return 100;
  const size_t shorter = std::min(before.size(), after.size()), longer = std::max(before.size(), after.size());
  size_t head = 0, tail = 0;
  while (head < shorter && before[head] == after[head]) ++head;
  while (tail < shorter - head && before[before.size() - 1 - tail] == after[after.size() - 1 - tail]) ++tail;
  return static_cast<int>(std::min<size_t>(99, 100 * (head + tail) / longer));
}

}  // namespace

base::Result<std::string> file_patch(const std::optional<PatchSide>& before, const std::optional<PatchSide>& after) {
  const PatchSide nothing{};
  const PatchSide& a = before ? *before : *after;
  const PatchSide& b = after ? *after : *before;
  const std::string_view old_bytes = before ? before->bytes : nothing.bytes,
                         new_bytes = after ? after->bytes : nothing.bytes;
  const bool renamed = a.path != b.path, mode_changed = before && after && a.executable != b.executable;
  const bool same_bytes = old_bytes == new_bytes && before && after;
  if (same_bytes && !renamed && !mode_changed) return std::string();

  std::string out = base::cat("diff --git ", quoted("a/" + a.path), " ", quoted("b/" + b.path), "\n");
  if (mode_changed) out += base::cat("old mode ", mode_of(a), "\nnew mode ", mode_of(b), "\n");
  if (!before) out += base::cat("new file mode ", mode_of(b), "\n");
  if (!after) out += base::cat("deleted file mode ", mode_of(a), "\n");
  if (renamed)
    out += base::cat("similarity index ", similarity_percent(old_bytes, new_bytes), "%\nrename from ", quoted(a.path),
                     "\nrename to ", quoted(b.path), "\n");
  if (same_bytes) return out;

  const bool binary = is_binary(old_bytes) || is_binary(new_bytes);
  const auto id = [&](const std::optional<PatchSide>& side) {
    const std::string full = side ? content_hash(side->bytes) : std::string(GIT_OID_HEXSZ, '0');
    return binary ? full : full.substr(0, kShortIdHex);  // `git apply` takes a binary patch only with full ids
  };
  out += base::cat("index ", id(before), "..", id(after),
                   before && after && !mode_changed ? base::cat(" ", mode_of(b)) : "", "\n");
  auto body = hunks(old_bytes, new_bytes, binary);
  if (!body) return std::move(body).error();
  if (!body->empty() && !binary) {
    out += before ? name_line("---", "a/" + a.path) : "--- /dev/null\n";
    out += after ? name_line("+++", "b/" + b.path) : "+++ /dev/null\n";
  }
  return out + *body;
}

}  // namespace tools
