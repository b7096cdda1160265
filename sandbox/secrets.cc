// SPDX-License-Identifier: Apache-2.0
#include "sandbox/secrets.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include "base/c_handle.h"
#include "base/file.h"
#include "base/strings.h"
#include "base/unique_fd.h"

namespace sandbox {
namespace {

namespace fs = std::filesystem;
using base::UniqueFd;
using Directory = base::CHandle<DIR, closedir>;

constexpr int kMaxDepth = 128;             // of the search; a path has at most 4096 bytes anyway
constexpr size_t kKeyHeaderBytes = 4096;   // a PEM header stands near the start

constexpr std::array<std::string_view, 24> kSecretFiles = {
    "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "id_ecdsa_sk", "id_ed25519_sk", ".netrc", "_netrc",
    ".git-credentials", ".pypirc", ".pgpass", ".my.cnf", ".vault-token", ".htpasswd", ".dockercfg", ".s3cfg", ".boto",
    ".bash_history", ".zsh_history", ".python_history", ".node_repl_history", ".envrc", ".terraformrc", ".databrickscfg"};
constexpr std::array<std::string_view, 8> kSecretEndings = {".ppk",  ".p12",      ".pfx",   ".jks",
                                                            ".kdbx", ".keystore", ".tfvars", ".keytab"};
constexpr std::array<std::string_view, 8> kSecretFolders = {".ssh",  ".aws",    ".gnupg", ".azure",
                                                            ".kube", ".gcloud", ".oci",   ".password-store"};
constexpr std::array<std::string_view, 5> kEnvExamples = {"example", "sample", "template", "dist", "defaults"};

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

template <size_t N>
bool contains(const std::array<std::string_view, N>& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

bool tells_private_key(std::string_view head) { return head.find("PRIVATE KEY-----") != std::string_view::npos; }

bool holds_private_key(int folder_fd, const char* name) {
  UniqueFd fd(::openat(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  char head[kKeyHeaderBytes];
  const ssize_t n = fd ? ::read(fd.get(), head, sizeof head) : -1;
  return n > 0 && tells_private_key({head, static_cast<size_t>(n)});
}

// A link named like a secret is hidden together with what it leads to, if that lies below the root.
void add_link_target(const fs::path& root, const fs::path& link, std::vector<Secret>& out) {
  std::error_code code;
  const fs::path target = fs::canonical(link, code);
  if (code) return;
  const fs::path relative = target.lexically_relative(root);
  if (relative.empty() || relative == "." || *relative.begin() == "..") return;
  out.push_back({relative, fs::is_directory(target, code)});
}

void search(const fs::path& root, int folder_fd, const std::string& prefix, int depth, std::vector<Secret>& out) {
  Directory directory(::fdopendir(::fcntl(folder_fd, F_DUPFD_CLOEXEC, 3)));
  if (!directory || depth > kMaxDepth) return;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    unsigned char type = entry->d_type;
    if (struct stat info {}; type == DT_UNKNOWN && ::fstatat(folder_fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0)
      type = S_ISDIR(info.st_mode) ? DT_DIR : S_ISLNK(info.st_mode) ? DT_LNK : DT_REG;

    if (type == DT_DIR) {
      if (is_secret_folder_name(name)) {
        out.push_back({prefix + entry->d_name, true});
      } else if (!(name == "objects" && ends_with(prefix, ".git/"))) {  // content by hash: no names to judge
        UniqueFd sub(::openat(folder_fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (sub) search(root, sub.get(), base::cat(prefix, name, "/"), depth + 1, out);
      }
    } else if (is_secret_file_name(name) || (type == DT_LNK && is_secret_folder_name(name))) {
      out.push_back({prefix + entry->d_name, false});
      if (type == DT_LNK) add_link_target(root, root / prefix / name, out);
    } else if (type == DT_REG && may_hold_private_key(name) && holds_private_key(folder_fd, entry->d_name)) {
      out.push_back({prefix + entry->d_name, false});
    }
  }
}

}  // namespace

bool is_secret_file_name(std::string_view name) {
  const std::string lower = lower_case(name);
  if (lower == ".env") return true;
  if (lower.rfind(".env.", 0) == 0) return !contains(kEnvExamples, std::string_view(lower).substr(lower.rfind('.') + 1));
  if (contains(kSecretFiles, lower)) return true;
  return std::any_of(kSecretEndings.begin(), kSecretEndings.end(), [&](auto end) { return ends_with(lower, end); });
}

bool is_secret_folder_name(std::string_view name) { return contains(kSecretFolders, lower_case(name)); }

bool may_hold_private_key(std::string_view name) {
  const std::string lower = lower_case(name);
  return ends_with(lower, ".pem") || ends_with(lower, ".key");
}

bool is_secret(std::string_view relative, std::string_view content) {
  for (size_t slash; (slash = relative.find('/')) != std::string_view::npos; relative.remove_prefix(slash + 1))
    if (is_secret_folder_name(relative.substr(0, slash))) return true;
  return is_secret_file_name(relative) ||
         (may_hold_private_key(relative) && tells_private_key(content.substr(0, kKeyHeaderBytes)));
}

base::Result<std::vector<Secret>> find_secrets(const fs::path& root) {
  UniqueFd fd(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return base::system_error(errno, base::cat("open ", root.string()));
  std::vector<Secret> found;
  search(root, fd.get(), "", 0, found);

  // Parents first, each once, and nothing below a folder that is hidden as a whole.
  std::sort(found.begin(), found.end(), [](const Secret& a, const Secret& b) {
    return a.relative != b.relative ? a.relative < b.relative : a.is_folder > b.is_folder;
  });
  std::vector<Secret> kept;
  for (Secret& secret : found) {
    const bool covered = std::any_of(kept.begin(), kept.end(), [&](const Secret& above) {
      const fs::path rest = secret.relative.lexically_relative(above.relative);
      return rest == "." || (above.is_folder && !rest.empty() && *rest.begin() != "..");
    });
    if (!covered) kept.push_back(std::move(secret));
  }
  return kept;
}

const std::vector<fs::path>& system_secrets() {
  static const std::vector<fs::path> kPaths = {
      "/etc/shadow",  "/etc/shadow-",     "/etc/gshadow", "/etc/gshadow-",       "/etc/sudoers",   "/etc/sudoers.d",
      "/etc/ssh",     "/etc/ssl/private", "/etc/ppp",     "/etc/krb5.keytab",    "/etc/wireguard", "/etc/openvpn",
      "/etc/ipsec.d", "/etc/letsencrypt", "/etc/docker",  "/etc/security/opasswd", "/etc/kubernetes",
      "/etc/NetworkManager/system-connections", "/etc/apt/auth.conf", "/etc/apt/auth.conf.d", "/etc/rancher"};
  return kPaths;
}

}  // namespace sandbox
