// SPDX-License-Identifier: Apache-2.0
// sandbox/secrets.h: which names hold secrets, and hiding them in a workspace's view.
//
// Rules    By name, at any depth, letter case ignored: `.env` and `.env.*` (not .env.example, .sample, .template, .dist),
//          private keys of OpenSSH and PuTTY, key stores, token files of known tools, and their folders (.ssh, .aws, .gnupg,
//          ...). By name and content: *.pem and *.key that hold a private key.
#pragma once
#include <filesystem>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sandbox {

bool is_secret_file_name(std::string_view name);
bool is_secret_folder_name(std::string_view name);
bool may_hold_private_key(std::string_view name);  // decided by content

// Whether the file at `relative`, with this content, is hidden in a workspace's view by the rules above.
bool is_secret(std::string_view relative, std::string_view content);

struct Secret {
  std::filesystem::path relative;
  bool is_folder = false;
};
// All secrets below `root`, without following links out of it; a link with a secret's name counts with its target.
base::Result<std::vector<Secret>> find_secrets(const std::filesystem::path& root);

// Files and folders of the system that only root may read: hidden where this process is root.
const std::vector<std::filesystem::path>& system_secrets();

}  // namespace sandbox
