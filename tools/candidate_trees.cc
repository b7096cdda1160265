// SPDX-License-Identifier: Apache-2.0
// A candidate is kept as its replacements over the base, and its texts are made when asked for: thousands of candidates
// of a large file cost what they change. Its id is the id of a real git tree, written to libgit2's in-memory store, of
// what it changes: "files/<path>" for what is new or different, "removed/<path>" for what is gone.
#include <map>
#include <optional>

#include "base/strings.h"
#include "tools/file_patch.h"
#include "tools/git_library.h"
#include "tools/work_tree.h"

namespace tools {
namespace {

// A repository that lives in memory only: no folder, no configuration, no lock.
class MemoryStore {
 public:
  base::Status open() {
    use_git_library();
    git_odb* odb = nullptr;
    if (git_odb_new(&odb) != 0) return git_failure("make an object store");
    odb_.reset(odb);
    git_odb_backend* memory = nullptr;
    if (git_mempack_new(&memory) != 0) return git_failure("make an object store");
    if (git_odb_add_backend(odb, memory, 1) != 0) {
      memory->free(memory);
      return git_failure("make an object store");
    }
    git_repository* repository = nullptr;
    if (git_repository_wrap_odb(&repository, odb) != 0) return git_failure("make a repository in memory");
    repository_.reset(repository);
    return base::ok();
  }

  struct Entry {
    std::string path;
    git_oid id;
    uint32_t mode;
  };
  base::Result<std::string> write_tree(const std::vector<Entry>& entries) {
    git_index* made = nullptr;
    if (git_index_new(&made) != 0) return git_failure("make an index in memory");
    const GitIndex index(made);
    for (const Entry& entry : entries) {
      git_index_entry item{};
      item.path = entry.path.c_str();
      item.id = entry.id;
      item.mode = entry.mode;
      if (git_index_add(made, &item) != 0) return git_failure(base::cat("add ", entry.path, " to a tree"));
    }
    git_oid id;
    if (git_index_write_tree_to(&id, made, repository_.get()) != 0) return git_failure("write a tree");
    return hex(id);
  }

 private:
  GitOdb odb_;
  GitRepository repository_;
};

struct BaseFile {
  bool exists = false;
  std::string bytes;
  ContentHash hash;
  bool executable = false;
};

struct Change {
  bool removed = false;
  bool executable = false;
  std::string from;  // the base file that the replacements refer to; empty for a new file
  std::vector<Replacement> replacements;
};
using Changes = std::map<std::string, Change, std::less<>>;

git_oid blob_id(std::string_view bytes) {
  git_oid id;
  git_odb_hash(&id, bytes.data(), bytes.size(), GIT_OBJECT_BLOB);
  return id;
}

class MemoryTrees final : public CandidateTrees {
 public:
  explicit MemoryTrees(const WorkTree& base) : base_tree_(base) {}
  base::Status open() { return store_.open(); }

  base::Result<std::string> add(const Edit& edit) override {
    if (base::Status bad = check_edit(edit); !bad) return std::move(bad).error();
    Changes changes;
    for (const FileEdit& file : edit.files)
      if (base::Status bad = add_file(file, changes); !bad) return std::move(bad).error();
    std::vector<MemoryStore::Entry> entries;
    for (auto change = changes.begin(); change != changes.end();) {
      const bool differs = add_entry(change->first, change->second, entries);
      change = differs ? std::next(change) : changes.erase(change);
    }
    auto id = store_.write_tree(entries);
    if (id) trees_.emplace(*id, std::move(changes));
    return id;
  }

  base::Result<std::string> read(std::string_view tree_id, std::string_view path) override {
    const Changes* changes = find(tree_id);
    if (changes == nullptr) return no_tree(tree_id);
    auto normal = safe_path(path);
    if (!normal) return std::move(normal).error();
    if (const auto change = changes->find(*normal); change != changes->end()) {
      if (change->second.removed)
        return base::Error{base::ErrorCode::kNotFound, base::cat(*normal, " is deleted in this candidate")};
      return text_of(change->second);
    }
    if (const auto known = files_.find(*normal); known != files_.end() && known->second.exists)
      return known->second.bytes;
    return base_tree_.read(*normal);
  }

  base::Result<std::string> patch(std::string_view tree_id) override {
    const Changes* changes = find(tree_id);
    if (changes == nullptr) return no_tree(tree_id);
    std::string out;
    for (const auto& [path, change] : *changes) {
      if (change.removed && moved_to(*changes, path)) continue;  // printed where it went
      std::optional<PatchSide> before, after;
      const std::string text = change.removed ? std::string() : text_of(change);
      if (!change.removed) after = PatchSide{path, text, change.executable};
      const std::string& source = change.from.empty() ? path : change.from;
      if (const BaseFile& old = files_.at(source); old.exists) before = PatchSide{source, old.bytes, old.executable};
      auto one = file_patch(before, after);
      if (!one) return one;
      out += *one;
    }
    return out;
  }

  std::vector<std::string> changed_paths(std::string_view tree_id) override {
    std::vector<std::string> paths;
    if (const Changes* changes = find(tree_id))
      for (const auto& [path, change] : *changes) paths.push_back(path);
    return paths;
  }

 private:
  static base::Error no_tree(std::string_view id) {
    return {base::ErrorCode::kNotFound, base::cat("there is no candidate tree ", id)};
  }
  const Changes* find(std::string_view id) const {
    const auto found = trees_.find(id);
    return found == trees_.end() ? nullptr : &found->second;
  }
  static bool moved_to(const Changes& changes, const std::string& from) {
    for (const auto& [path, change] : changes)
      if (change.from == from && path != from) return true;
    return false;
  }

  base::Result<const BaseFile*> load(const std::string& path) {
    if (const auto known = files_.find(path); known != files_.end()) return &known->second;
    BaseFile file;
    auto read = base_tree_.read_with_mode(path);
    if (read) {
      file = {true, std::move(read->bytes), {}, (read->mode & 0100) != 0};
      file.hash = content_hash(file.bytes);
    } else if (read.error().code != base::ErrorCode::kNotFound) {
      return std::move(read).error();
    }
    return &files_.emplace(path, std::move(file)).first->second;
  }

  base::Status add_file(const FileEdit& file, Changes& changes) {
    auto old = load(file.path);
    if (!old) return std::move(old).error();
    if (file.action == FileAction::kCreate) {
      if ((*old)->exists)
        return base::invalid(base::cat(file.path, " exists already; an edit that creates it is refused"));
      changes[file.path] = {false, file.executable.value_or(false), "", file.replacements};
      return base::ok();
    }
    if (!(*old)->exists) return base::invalid(base::cat(file.path, " does not exist (any more)"));
    if ((*old)->hash != file.base)
      return base::invalid(
          base::cat(file.path, " has changed since the edit was made; make the edit again from the file as it is now"));
    for (const Replacement& r : file.replacements)
      if (r.end > (*old)->bytes.size())
        return base::invalid(base::cat(file.path, ": a replacement lies past the end of the file"));
    if (file.action != FileAction::kModify) changes[file.path] = {true, false, "", {}};
    if (file.action == FileAction::kDelete) return base::ok();
    const std::string& target = file.action == FileAction::kMove ? file.new_path : file.path;
    if (file.action == FileAction::kMove) {
      auto there = load(target);
      if (!there) return std::move(there).error();
      if ((*there)->exists) return base::invalid(base::cat(target, " exists already; a move onto it is refused"));
    }
    changes[target] = {false, file.executable.value_or((*old)->executable), file.path, file.replacements};
    return base::ok();
  }

  // False where the file is as in the base.
  bool add_entry(const std::string& path, const Change& change, std::vector<MemoryStore::Entry>& entries) const {
    if (change.removed) {
      entries.push_back({"removed/" + path, blob_id(""), GIT_FILEMODE_BLOB});
      return true;
    }
    const std::string text = text_of(change);
    const git_oid id = blob_id(text);
    const BaseFile& old = files_.at(path);
    if (old.exists && old.hash == hex(id) && old.executable == change.executable) return false;
    entries.push_back({"files/" + path, id,
                       change.executable ? uint32_t{GIT_FILEMODE_BLOB_EXECUTABLE} : uint32_t{GIT_FILEMODE_BLOB}});
    return true;
  }

  std::string text_of(const Change& change) const {
    static const std::string kEmpty;
    const std::string& old = change.from.empty() ? kEmpty : files_.at(change.from).bytes;
    std::string text;
    size_t at = 0;
    for (const Replacement& r : change.replacements) {
      text.append(old, at, r.begin - at).append(r.text);
      at = r.end;
    }
    return text.append(old, at);
  }

  const WorkTree base_tree_;
  MemoryStore store_;
  std::map<std::string, BaseFile, std::less<>> files_;  // of the base, as first read
  std::map<std::string, Changes, std::less<>> trees_;
};

}  // namespace

base::Result<std::unique_ptr<CandidateTrees>> CandidateTrees::create(const WorkTree& base) {
  auto trees = std::make_unique<MemoryTrees>(base);
  if (base::Status bad = trees->open(); !bad) return std::move(bad).error();
  return std::unique_ptr<CandidateTrees>(std::move(trees));
}

}  // namespace tools
