// SPDX-License-Identifier: Apache-2.0
// sandbox/seccomp_filter.h: the system-call filter of every run, as a program for bubblewrap's --seccomp.
//
// Rules    Allowed unless named: build tools use most calls. Refused are mounting and new namespaces (a user namespace would
//          give capabilities back), keys, BPF, io_uring (its operations pass no filter), userfaultfd, perf, kernel modules,
//          clocks, handles to files by number, typing into a terminal, and sockets other than UNIX, IP and netlink: VSOCK
//          and the like know no network namespace. Another machine mode (32-bit, x32) is refused whole.
#pragma once
#include <string>

#include "base/result.h"

namespace sandbox {

// The compiled filter (struct sock_filter[]), made once per process.
const base::Result<std::string>& seccomp_program();

}  // namespace sandbox
