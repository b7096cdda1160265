// SPDX-License-Identifier: Apache-2.0
// Runs inside the sandbox and tries one way out, named by the first argument, by direct system calls.
// Prints "ESCAPED" and exits 0 where the call works; else prints why not and exits 1.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <map>
#include <string>

namespace {

std::string argument;

bool worked(long result) { return result >= 0; }

bool connects(int family, const sockaddr* address, socklen_t size, int type = SOCK_STREAM) {
  const int fd = ::socket(family, type | SOCK_CLOEXEC, 0);
  return fd >= 0 && ::connect(fd, address, size) == 0 && (type != SOCK_DGRAM || ::send(fd, "x", 1, 0) == 1);
}

bool tcp(const char* host, int type = SOCK_STREAM) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(argument.c_str())));
  ::inet_pton(AF_INET, host, &address.sin_addr);
  return connects(AF_INET, reinterpret_cast<const sockaddr*>(&address), sizeof address, type);
}

bool tcp6() {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(static_cast<uint16_t>(std::atoi(argument.c_str())));
  address.sin6_addr = in6addr_loopback;
  return connects(AF_INET6, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

bool unix_socket(bool abstract) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const size_t skip = abstract ? 1 : 0;
  std::memcpy(address.sun_path + skip, argument.data(), argument.size());
  return connects(AF_UNIX, reinterpret_cast<const sockaddr*>(&address),
                  static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + skip + argument.size()));
}

// clone3 with a user namespace; struct clone_args starts with the flags.
bool clone3_user_namespace() {
  uint64_t arguments[11] = {CLONE_NEWUSER, 0, 0, 0, SIGCHLD};
  const long pid = ::syscall(SYS_clone3, arguments, sizeof arguments);
  if (pid == 0) ::_exit(0);
  return worked(pid);
}

bool clone_with(unsigned long flags) {
  const long pid = ::syscall(SYS_clone, flags | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (pid == 0) ::_exit(0);
  return worked(pid);
}

bool change_network() {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  struct {
    nlmsghdr header;
    ifinfomsg link;
  } request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = RTM_SETLINK;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  request.link.ifi_index = 1;
  request.link.ifi_change = 1;  // take lo down
  if (fd < 0 || ::send(fd, &request, sizeof request, 0) < 0) return false;
  char reply[512];
  if (::recv(fd, reply, sizeof reply, 0) < static_cast<ssize_t>(sizeof(nlmsghdr) + sizeof(nlmsgerr))) return false;
  nlmsgerr error{};
  std::memcpy(&error, reply + sizeof(nlmsghdr), sizeof error);
  errno = -error.error;
  return error.error == 0;
}

bool type_into_terminal() {
  char newline = '\n';
  for (const char* path : {"/dev/tty", "/dev/console", "/dev/stdin"}) {
    const int fd = ::open(path, O_RDWR | O_NOCTTY);
    if (fd >= 0 && ::ioctl(fd, TIOCSTI, &newline) == 0) return true;
  }
  // A terminal of our own is no way out; the call must still be refused, for one that is passed in.
  const int own = ::posix_openpt(O_RDWR);
  return ::ioctl(own, TIOCSTI, &newline) == 0 || errno != EPERM;
}

bool gain_root() { return ::setresuid(0, 0, 0) == 0 && ::mount("none", "/tmp", "tmpfs", 0, nullptr) == 0; }

bool any_capability() {
  for (int capability = 0; capability < 64; ++capability)
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) == 0) return true;
  return false;
}

bool open_by_number() {
  // Inode 2 is the root of an ext4 file system: the known way out of containers with CAP_DAC_READ_SEARCH.
  struct {
    file_handle header;
    unsigned char bytes[8];
  } handle{};
  handle.header.handle_bytes = 8;
  handle.header.handle_type = 1;
  handle.bytes[0] = 2;
  const int fd = ::open(".", O_RDONLY);
  return worked(::syscall(SYS_open_by_handle_at, fd, &handle, O_RDONLY));
}

bool leave_by_chroot() {
  const int fd = ::open("/", O_RDONLY);
  return ::chroot("/tmp") == 0 && ::fchdir(fd) == 0 && ::chdir("../../../..") == 0 && ::chroot(".") == 0;
}

bool own_descriptors_only() {
  for (int fd = 3; fd < 256; ++fd)
    if (::fcntl(fd, F_GETFD) >= 0) return false;
  return true;
}

const std::map<std::string, std::function<bool()>> kWays = {
    {"tcp", [] { return tcp("127.0.0.1"); }},
    {"tcp-outside", [] { return tcp("192.0.2.1"); }},
    {"udp", [] { return tcp("192.0.2.1", SOCK_DGRAM); }},
    {"tcp6", tcp6},
    {"icmp", [] { return worked(::socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)); }},
    {"unix", [] { return unix_socket(false); }},
    {"abstract", [] { return unix_socket(true); }},
    {"vsock", [] { return worked(::socket(AF_VSOCK, SOCK_STREAM, 0)); }},
    {"packet", [] { return worked(::socket(AF_PACKET, SOCK_RAW, 0)); }},
    {"alg", [] { return worked(::socket(AF_ALG, SOCK_SEQPACKET, 0)); }},
    {"bluetooth", [] { return worked(::socket(AF_BLUETOOTH, SOCK_RAW, 0)); }},
    {"change-network", change_network},
    {"user-namespace", [] { return worked(::unshare(CLONE_NEWUSER)); }},
    {"mount-namespace", [] { return worked(::unshare(CLONE_NEWNS)); }},
    {"all-namespaces", [] { return worked(::unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID)); }},
    {"time-namespace", [] { return worked(::unshare(0x80)); }},
    {"clone-user-namespace", [] { return clone_with(CLONE_NEWUSER); }},
    {"clone-pid-namespace", [] { return clone_with(CLONE_NEWPID); }},
    {"clone3-user-namespace", clone3_user_namespace},
    {"setns", [] { return worked(::setns(::open("/proc/1/ns/mnt", O_RDONLY), 0)); }},
    {"setns-user", [] { return worked(::setns(::open("/proc/1/ns/user", O_RDONLY), 0)); }},
    {"mount", [] { return worked(::mount("none", "/tmp", "tmpfs", 0, nullptr)); }},
    {"bind-mount", [] { return worked(::mount("/usr", "/tmp", nullptr, MS_BIND, nullptr)); }},
    {"remount-writable", [] { return worked(::mount(nullptr, "/usr", nullptr, MS_REMOUNT | MS_BIND, nullptr)); }},
    {"umount", [] { return worked(::umount2("/etc", MNT_DETACH)) || worked(::umount2(".", MNT_DETACH)); }},
    {"new-mount-call", [] { return worked(::syscall(SYS_fsopen, "tmpfs", 0)); }},
    {"open-tree", [] { return worked(::syscall(SYS_open_tree, AT_FDCWD, "/", 1)); }},
    {"pivot-root", [] { return worked(::syscall(SYS_pivot_root, "/tmp", "/tmp")); }},
    {"chroot", leave_by_chroot},
    {"mknod-disk", [] { return worked(::mknod("disk", S_IFBLK | 0600, makedev(254, 0))); }},
    {"mknod-mem", [] { return worked(::mknod("mem", S_IFCHR | 0600, makedev(1, 1))); }},
    {"mknod-null", [] { return worked(::mknod("/tmp/null", S_IFCHR | 0600, makedev(1, 3))); }},
    {"whiteout", [] { return worked(::mknod("whiteout", S_IFCHR | 0600, makedev(0, 0))); }},
    {"keyctl", [] { return worked(::syscall(SYS_keyctl, 0 /* KEYCTL_GET_KEYRING_ID */, -3 /* session */, 0)); }},
    {"add-key", [] { return worked(::syscall(SYS_add_key, "user", "graft", "x", 1, -3)); }},
    {"bpf", [] { return worked(::syscall(SYS_bpf, 0, nullptr, 0)) || errno != EPERM; }},
    {"perf", [] { return worked(::syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0)) || errno != EPERM; }},
    {"userfaultfd", [] { return worked(::syscall(SYS_userfaultfd, 1)); }},
    {"io-uring", [] { return worked(::syscall(SYS_io_uring_setup, 1, nullptr)) || errno != ENOSYS; }},
    {"open-by-handle", open_by_number},
    {"set-clock", [] { return worked(::syscall(SYS_clock_settime, CLOCK_REALTIME, nullptr)) || errno != EPERM; }},
    {"reboot", [] { return worked(::syscall(SYS_reboot, 0, 0, 0, nullptr)) || errno != EPERM; }},
    {"kernel-log", [] { char text[16]; return worked(::syscall(SYS_syslog, 3, text, 16)); }},
    {"x32", [] { return worked(::syscall(0x40000000 + 39)); }},
    {"terminal", type_into_terminal},
    {"root", gain_root},
    {"capability", any_capability},
    {"trace-init", [] { return worked(::ptrace(PTRACE_SEIZE, 1, nullptr, nullptr)); }},
    {"trace-outside", [] { return worked(::ptrace(PTRACE_SEIZE, std::atoi(argument.c_str()), nullptr, nullptr)); }},
    {"kill-outside", [] { return worked(::kill(std::atoi(argument.c_str()), 0)); }},
    {"descriptors", [] { return !own_descriptors_only(); }},
    {"raise-limits", [] { return worked(::nice(-5)) && errno == 0; }},
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || kWays.count(argv[1]) == 0) {
    std::printf("unknown way\n");
    return 2;
  }
  if (argc > 2) argument = argv[2];
  errno = 0;
  if (kWays.at(argv[1])()) {
    std::printf("ESCAPED\n");
    return 0;
  }
  std::printf("refused: %s\n", std::strerror(errno));
  return 1;
}
