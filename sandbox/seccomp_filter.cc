// SPDX-License-Identifier: Apache-2.0
#include "sandbox/seccomp_filter.h"

#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "base/c_handle.h"
#include "base/file.h"
#include "base/unique_fd.h"

namespace sandbox {
namespace {

using Filter = base::CHandle<void, seccomp_release>;

// By name, so that a libseccomp that does not know a call yet reports it instead of the compiler.
constexpr const char* kRefused[] = {
    "mount", "umount", "umount2", "pivot_root", "move_mount", "open_tree", "open_tree_attr", "fsopen", "fsconfig", "fsmount",
    "fspick", "mount_setattr", "chroot", "setns",
    "keyctl", "add_key", "request_key", "bpf", "userfaultfd", "perf_event_open", "fanotify_init", "open_by_handle_at",
    "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "reboot", "swapon", "swapoff", "acct",
    "quotactl", "quotactl_fd", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "syslog", "vhangup", "iopl",
    "ioperm", "lookup_dcookie", "nfsservctl", "sethostname", "setdomainname"};
// These exist in newer kernels only; callers fall back on "no such call".
constexpr const char* kAbsent[] = {"clone3", "io_uring_setup", "io_uring_enter", "io_uring_register"};

constexpr uint64_t kNamespaceFlags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
                                     CLONE_NEWUTS | CLONE_NEWCGROUP | 0x80 /* CLONE_NEWTIME */;
constexpr uint64_t kLow32 = 0xffffffff;  // ioctl requests and socket families are 32 bits; the rest is not compared
constexpr int kTiocLinux = 0x541C;

// Adds the rules; the first failure ends it.
int add_rules(scmp_filter_ctx filter) {
  int rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
  const auto refuse = [&](const char* name, int errno_value) {
    const int call = seccomp_syscall_resolve_name(name);
    if (rc == 0 && call != __NR_SCMP_ERROR) rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(static_cast<uint16_t>(errno_value)), call, 0);
  };
  const auto refuse_if = [&](const char* name, int errno_value, scmp_arg_cmp argument) {
    const int call = seccomp_syscall_resolve_name(name);
    if (rc == 0) rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(static_cast<uint16_t>(errno_value)), call, 1, argument);
  };
  for (const char* name : kRefused) refuse(name, EPERM);
  for (const char* name : kAbsent) refuse(name, ENOSYS);

  // One rule per flag: a masked comparison matches one value. clone's low byte is the exit signal, where NEWTIME lies.
  for (uint64_t flag = 1; flag <= kNamespaceFlags; flag <<= 1) {
    if ((kNamespaceFlags & flag) == 0) continue;
    if (flag != 0x80) refuse_if("clone", EPERM, SCMP_A0(SCMP_CMP_MASKED_EQ, flag, flag));
    refuse_if("unshare", EPERM, SCMP_A0(SCMP_CMP_MASKED_EQ, flag, flag));
  }
  refuse_if("ioctl", EPERM, SCMP_A1(SCMP_CMP_MASKED_EQ, kLow32, TIOCSTI));
  refuse_if("ioctl", EPERM, SCMP_A1(SCMP_CMP_MASKED_EQ, kLow32, kTiocLinux));

  // Families are numbered upwards without gaps that matter: refuse all but UNIX (1), INET (2), INET6 (10), NETLINK (16).
  for (const uint64_t family : {0, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15})
    refuse_if("socket", EAFNOSUPPORT, SCMP_A0(SCMP_CMP_EQ, family));
  refuse_if("socket", EAFNOSUPPORT, SCMP_A0(SCMP_CMP_GT, AF_NETLINK));
  return rc;
}

base::Result<std::string> compile() {
  const Filter filter(seccomp_init(SCMP_ACT_ALLOW));
  if (!filter) return base::Error{base::ErrorCode::kInternal, "libseccomp cannot make a filter"};
  if (const int rc = add_rules(filter.get()); rc != 0) return base::system_error(-rc, "make the system-call filter");
  base::UniqueFd file(::memfd_create("graft-seccomp", MFD_CLOEXEC));
  if (!file) return base::system_error(errno, "make the system-call filter");
  if (const int rc = seccomp_export_bpf(filter.get(), file.get()); rc != 0)
    return base::system_error(-rc, "export the system-call filter");
  const off_t size = ::lseek(file.get(), 0, SEEK_END);
  std::string program(static_cast<size_t>(size), '\0');
  if (::pread(file.get(), program.data(), program.size(), 0) != size) return base::system_error(errno, "read the system-call filter");
  return program;
}

}  // namespace

const base::Result<std::string>& seccomp_program() {
  static const base::Result<std::string> kProgram = compile();
  return kProgram;
}

}  // namespace sandbox
