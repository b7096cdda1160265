// SPDX-License-Identifier: Apache-2.0
#include "tools/work_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "base/file.h"
#include "base/strings.h"
#include "tools/beneath.h"
#include "tools/git_library.h"
#include "tools/ignore_rules.h"

namespace tools {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxIgnoreFileBytes = 1u << 20;
constexpr int kMaxFolderDepth = 256;

using Folder = base::CHandle<DIR, ::closedir>;

// "sub/dir/" for a work tree that lies inside a repository's; empty at its root. Nothing where there is no repository.
std::optional<std::string> prefix_in(git_repository* repository, const fs::path& root) {
  if (repository == nullptr) return std::nullopt;
  std::error_code ignored;
  const fs::path top = fs::canonical(git_repository_workdir(repository), ignored);
  const fs::path inside = root.lexically_relative(top);
  if (inside.empty() || *inside.begin() == "..") return std::nullopt;
  return inside == "." ? std::string() : inside.generic_string() + "/";
}

// Which files git tracks: those are listed although a pattern ignores them.
class Tracked {
 public:
  Tracked(git_repository* repository, std::string prefix) : prefix_(std::move(prefix)) {
    git_index* index = nullptr;
    if (repository != nullptr && git_repository_index(&index, repository) == 0) index_.reset(index);
  }
  bool file(const std::string& path) const {
    return index_ && git_index_get_bypath(index_.get(), (prefix_ + path).c_str(), 0) != nullptr;
  }
  bool below(const std::string& folder) const {
    size_t at = 0;
    return index_ && git_index_find_prefix(&at, index_.get(), (prefix_ + folder + "/").c_str()) == 0;
  }

 private:
  std::string prefix_;
  GitIndex index_;
};

class Lister {
 public:
  Lister(const fs::path& root, std::stop_token stop)
      : root_(root),
        stop_(std::move(stop)),
        repository_(open_repository(root.string())),
        prefix_(prefix_in(repository_.get(), root)),
        tracked_(prefix_ ? repository_.get() : nullptr, prefix_.value_or("")) {}

  base::Result<std::vector<FileEntry>> run() {
    auto fd = open_folder(root_);
    if (!fd) return std::move(fd).error();
    add_rules_from_above();
    if (base::Status bad = walk(std::move(*fd), "", false, 0); !bad) return std::move(bad).error();
    std::sort(files_.begin(), files_.end(), [](const FileEntry& a, const FileEntry& b) { return a.path < b.path; });
    return std::move(files_);
  }

 private:
  void add_file(const fs::path& file, std::string folder, std::string above) {
    const auto lines = base::read_file(file, kMaxIgnoreFileBytes);
    if (lines) rules_.add(*lines, std::move(folder), std::move(above));
  }

  // Weakest first: info/exclude, then the .gitignore files from the repository's root down to this folder's parent.
  void add_rules_from_above() {
    if (!prefix_) return;
    add_file(fs::path(git_repository_commondir(repository_.get())) / "info/exclude", "", *prefix_);
    fs::path folder(git_repository_workdir(repository_.get()));
    for (std::string below = *prefix_; !below.empty();) {
      add_file(folder / ".gitignore", "", below);
      const size_t slash = below.find('/');
      folder /= below.substr(0, slash);
      below.erase(0, slash + 1);
    }
  }

  // `ignored`: a pattern names this folder, and only tracked files below it count.
  base::Status walk(base::UniqueFd fd, const std::string& folder, bool ignored, int depth) {
    if (stop_.stop_requested()) return base::cancelled();
    if (depth > kMaxFolderDepth) return base::ok();
    const size_t n_rules = rules_.size();
    if (const auto lines = read_beneath(fd.get(), ".gitignore", kMaxIgnoreFileBytes)) rules_.add(lines->bytes, folder);
    const Folder open(::fdopendir(fd.get()));
    if (!open) return base::system_error(errno, base::cat("read the folder ", folder));
    fd.release();  // closedir closes it
    while (const dirent* entry = ::readdir(open.get()))
      if (base::Status bad = visit(::dirfd(open.get()), folder, entry->d_name, ignored, depth); !bad) return bad;
    rules_.shrink(n_rules);
    return base::ok();
  }

  base::Status visit(int fd, const std::string& folder, const std::string& name, bool ignored, int depth) {
    if (name == "." || name == ".." || name == ".git") return base::ok();
    struct stat info {};
    if (::fstatat(fd, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return base::ok();  // gone meanwhile
    const std::string path = folder + name;
    const bool is_folder = S_ISDIR(info.st_mode);
    if (!is_folder && !S_ISREG(info.st_mode)) return base::ok();
    if (!ignored) ignored = rules_.match(path, is_folder) == IgnoreRules::Verdict::kIgnored;
    if (!is_folder) {
      if (!ignored || tracked_.file(path))
        files_.push_back({path, static_cast<uint64_t>(info.st_size), info.st_mode & 0777u});
      return base::ok();
    }
    if (ignored && !tracked_.below(path)) return base::ok();
    base::UniqueFd next(::openat(fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next) return base::ok();  // unreadable, or replaced by a link meanwhile
    if (::fstatat(next.get(), ".git", &info, AT_SYMLINK_NOFOLLOW) == 0) return base::ok();  // a repository of its own
    return walk(std::move(next), path + "/", ignored, depth + 1);
  }

  const fs::path root_;
  const std::stop_token stop_;
  const GitRepository repository_;
  const std::optional<std::string> prefix_;
  const Tracked tracked_;
  IgnoreRules rules_;
  std::vector<FileEntry> files_;
};

}  // namespace

base::Result<WorkTree> WorkTree::open(const fs::path& root) {
  std::error_code error;
  const fs::path real = fs::canonical(root, error);
  if (error) return base::system_error(error.value(), base::cat("open the work tree ", root.string()));
  if (!fs::is_directory(real, error)) return base::invalid(base::cat(root.string(), " is not a folder"));
  return WorkTree(real);
}

base::Result<std::string> WorkTree::read(std::string_view path) const {
  auto file = read_with_mode(path);
  if (!file) return std::move(file).error();
  return std::move(file->bytes);
}

base::Result<WorkTree::FileWithMode> WorkTree::read_with_mode(std::string_view path) const {
  auto normal = safe_path(path);
  if (!normal) return std::move(normal).error();
  auto root = open_folder(root_);
  if (!root) return std::move(root).error();
  auto file = read_beneath(root->get(), *normal, kMaxFileBytes);
  if (!file) return std::move(file).error();
  return FileWithMode{std::move(file->bytes), file->info.st_mode & 0777u};
}

base::Result<std::vector<FileEntry>> WorkTree::list(std::stop_token stop) const {
  return Lister(root_, std::move(stop)).run();
}

std::vector<std::string> WorkTree::changed_files() const {
  const GitRepository repository = open_repository(root_.string());
  const auto prefix = prefix_in(repository.get(), root_);
  if (!prefix) return {};
  git_status_options options;
  git_status_options_init(&options, GIT_STATUS_OPTIONS_VERSION);
  options.show = GIT_STATUS_SHOW_INDEX_AND_WORKDIR;
  options.flags = GIT_STATUS_OPT_INCLUDE_UNTRACKED | GIT_STATUS_OPT_RECURSE_UNTRACKED_DIRS |
                  GIT_STATUS_OPT_EXCLUDE_SUBMODULES | GIT_STATUS_OPT_DISABLE_PATHSPEC_MATCH;
  git_status_list* list = nullptr;
  if (git_status_list_new(&list, repository.get(), &options) != 0) return {};
  const GitStatusList status(list);
  struct Changed {
    std::string path;
    timespec time;
  };
  std::vector<Changed> changed;
  for (size_t i = 0; i < git_status_list_entrycount(list); ++i) {
    const git_status_entry* entry = git_status_byindex(list, i);
    const git_diff_delta* delta = entry->index_to_workdir != nullptr ? entry->index_to_workdir : entry->head_to_index;
    const std::string path = delta->new_file.path;
    if (path.compare(0, prefix->size(), *prefix) != 0 || path.back() == '/')
      continue;           // elsewhere, or a nested repository
    struct stat info {};  // a deleted file sorts last
    ::lstat((root_ / path.substr(prefix->size())).c_str(), &info);
    changed.push_back({path.substr(prefix->size()), info.st_mtim});
  }
  std::stable_sort(changed.begin(), changed.end(), [](const Changed& a, const Changed& b) {
    return std::pair(a.time.tv_sec, a.time.tv_nsec) > std::pair(b.time.tv_sec, b.time.tv_nsec);
  });
  std::vector<std::string> paths;
  for (Changed& c : changed) paths.push_back(std::move(c.path));
  return paths;
}

}  // namespace tools
