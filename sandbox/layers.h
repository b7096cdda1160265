// SPDX-License-Identifier: Apache-2.0
// sandbox/layers.h: reads and changes a workspace's view from the outside, between runs, while nothing is mounted.
//
// Layers   The view is an upper folder over a lower one, by the kernel's overlayfs rules ("Overlay Filesystem" in its
//          documentation): a character device 0:0 in the upper folder hides the lower name (whiteout), a folder with
//          user.overlay.opaque = "y" hides all lower names in it. In a copied workspace there is no lower folder.
// Paths    Relative to the root, no "..", and no step of them may be a symlink.
// Errors   kInvalidArgument for such a path, kDenied for a symlink on the way, kNotFound, kIo.
#pragma once
#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace sandbox {

class Layers {
 public:
  // `incoming_fd` is a folder on the upper folder's file system where new files are put together. `lower` may be empty.
  static base::Result<Layers> open(const std::filesystem::path& upper, const std::filesystem::path& lower,
                                   const std::filesystem::path& incoming);

  base::Status write_file(const std::filesystem::path& relative, std::string_view bytes, std::optional<unsigned> mode);
  base::Status remove_file(const std::filesystem::path& relative);
  base::Result<std::string> read_file(const std::filesystem::path& relative, uint64_t max_bytes) const;

  // Puts an empty file or folder of ours over a name, and keeps it out of changed_paths().
  base::Status hide(const std::filesystem::path& relative, bool is_folder);

  // Names in the upper folder that differ from the lower one (or, without a lower folder, from the remembered state) and
  // were not put there by write_file() or remove_file(). Folders themselves are not listed.
  base::Result<std::vector<std::filesystem::path>> changed_paths() const;
  // Without a lower folder: what the upper folder holds now counts as unchanged.
  base::Status remember_state();

 private:
  struct Place;      // a name in the view: its parents in both layers
  struct FileMark {  // tells one state of a file from any later one
    ino_t inode;
    off_t size;
    timespec changed;
    bool operator==(const FileMark& other) const {
      return inode == other.inode && size == other.size && changed.tv_sec == other.changed.tv_sec &&
             changed.tv_nsec == other.changed.tv_nsec;
    }
  };
  static FileMark mark_of(const struct stat& info) { return {info.st_ino, info.st_size, info.st_ctim}; }

  Layers() = default;
  base::Result<Place> find(const std::filesystem::path& relative, bool make_parents) const;
  void walk_upper(int upper_fd, int lower_fd, const std::string& prefix, std::set<std::string>& changed) const;
  void list_lower(int lower_fd, const std::string& prefix, std::set<std::string>& out) const;

  base::UniqueFd upper_, lower_, incoming_;
  std::map<std::string, int64_t> last_second_;            // newest whole second given to a path so far
  std::map<std::string, std::optional<FileMark>> own_;    // as we left it; nothing: removed by us
  std::map<std::string, FileMark> remembered_;            // of a copied workspace
  std::set<std::string> hidden_;
};

}  // namespace sandbox
