// SPDX-License-Identifier: Apache-2.0
#include "tools/edit.h"

#include <algorithm>
#include <set>

#include "base/strings.h"
#include "tools/git_library.h"

namespace tools {
namespace {

bool is_hash(std::string_view text) {
  return text.size() == GIT_OID_HEXSZ &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

base::Status check_replacements(const FileEdit& file) {
  const Replacement* last = nullptr;
  for (const Replacement& r : file.replacements) {
    if (r.begin > r.end) return base::invalid(base::cat(file.path, ": a replacement ends before it begins"));
    // Two insertions at one place would have no order.
    if (last != nullptr && (r.begin < last->end || (r.begin == last->begin && r.end == last->end)))
      return base::invalid(base::cat(file.path, ": two replacements meet at byte ", r.begin));
    last = &r;
  }
  return base::ok();
}

base::Status check_shape(const FileEdit& file) {
  const auto wrong = [&](std::string_view why) { return base::invalid(base::cat(file.path, ": ", why)); };
  if (file.action != FileAction::kMove && !file.new_path.empty()) return wrong("only a move has a new path");
  if (file.action == FileAction::kCreate) {
    if (!file.base.empty()) return wrong("a new file has no base");
    const bool whole =
        file.replacements.size() == 1 && file.replacements[0].begin == 0 && file.replacements[0].end == 0;
    return whole ? base::ok() : base::Status(wrong("a new file has one replacement, at its start"));
  }
  if (!is_hash(file.base)) return wrong("the base is not a content hash");
  if (file.action == FileAction::kDelete && !file.replacements.empty())
    return wrong("a deleted file has no replacements");
  return check_replacements(file);
}

base::Status check_path(const std::string& path) {
  auto normal = safe_path(path);
  if (!normal) return std::move(normal).error();
  if (*normal != path) return base::invalid(base::cat("the path `", path, "` is not in normal form: ", *normal));
  return base::ok();
}

// No path may be named twice, and none may be a folder of another that comes to be.
base::Status check_together(const Edit& edit) {
  std::set<std::string> named, made;
  for (const FileEdit& file : edit.files) {
    if (!named.insert(file.path).second) return base::invalid(base::cat(file.path, " is edited twice"));
    if (file.action == FileAction::kMove && !named.insert(file.new_path).second)
      return base::invalid(base::cat(file.new_path, " is edited twice"));
    if (file.action != FileAction::kDelete) made.insert(file.action == FileAction::kMove ? file.new_path : file.path);
  }
  for (const std::string& path : made) {
    for (size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1))
      if (made.count(path.substr(0, slash)) != 0)
        return base::invalid(base::cat(path.substr(0, slash), " would be a file and a folder at once"));
  }
  return base::ok();
}

}  // namespace

ContentHash content_hash(std::string_view bytes) {
  use_git_library();
  git_oid id;
  git_odb_hash(&id, bytes.data(), bytes.size(), GIT_OBJECT_BLOB);
  return hex(id);
}

base::Status check_edit(const Edit& edit) {
  for (const FileEdit& file : edit.files) {
    if (base::Status bad = check_path(file.path); !bad) return bad;
    if (file.action == FileAction::kMove)
      if (base::Status bad = check_path(file.new_path); !bad) return bad;
    if (base::Status bad = check_shape(file); !bad) return bad;
  }
  return check_together(edit);
}

base::Result<std::string> new_text(const FileEdit& file, std::string_view old_text) {
  if (file.action == FileAction::kDelete) return base::invalid(base::cat(file.path, " is deleted and has no new text"));
  if (file.action != FileAction::kCreate && content_hash(old_text) != file.base)
    return base::invalid(
        base::cat(file.path, " has changed since the edit was made; make the edit again from the file as it is now"));
  if (base::Status bad = check_replacements(file); !bad) return std::move(bad).error();
  size_t removed = 0, added = 0;
  for (const Replacement& r : file.replacements) {
    if (r.end > old_text.size())
      return base::invalid(base::cat(file.path, ": a replacement ends at byte ", r.end, " of ", old_text.size()));
    removed += r.end - r.begin;
    added += r.text.size();
  }
  std::string text;
  text.reserve(old_text.size() - removed + added);
  size_t at = 0;
  for (const Replacement& r : file.replacements) {
    text.append(old_text.substr(at, r.begin - at)).append(r.text);
    at = r.end;
  }
  text.append(old_text.substr(at));
  return text;
}

}  // namespace tools
