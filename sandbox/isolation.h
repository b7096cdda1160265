// SPDX-License-Identifier: Apache-2.0
// sandbox/isolation.h: what probe_isolation() found, with the parts that only this folder needs.
#pragma once
#include <string>
#include <string_view>

#include "sandbox/sandbox.h"

namespace sandbox {

struct Machine {
  Isolation isolation;
  std::string bubblewrap;  // path of the program
};
const Machine& machine();

// Settings of the system that can forbid namespaces to ordinary users; each "" where the file is absent.
struct NamespaceSettings {
  std::string unprivileged_userns_clone;            // /proc/sys/kernel/, Debian
  std::string apparmor_restrict_unprivileged_userns;  // /proc/sys/kernel/, Ubuntu
  std::string max_user_namespaces;                  // /proc/sys/user/
  bool in_container = false;
};
// The one line that most likely makes isolation work.
std::string choose_fix(bool bubblewrap_found, const NamespaceSettings& settings, std::string_view what_bubblewrap_said);

}  // namespace sandbox
