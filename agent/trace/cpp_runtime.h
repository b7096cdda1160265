// SPDX-License-Identifier: Apache-2.0
// agent/trace/cpp_runtime.h: what programs in C and C++ note of themselves (cpp_tracer.h): which blocks of code ran.
//
// Each program that runs leaves a file, shared with its memory: it holds what ran however the program ends. What it
// starts belongs to it. Without a note of its exit code it has failed. A test of Unity's is told apart within the run.
#pragma once
#include <string_view>

namespace agent {

// graft_trace_run.c
inline constexpr std::string_view kRuntimeSource = R"C(#define _GNU_SOURCE
#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HIDDEN __attribute__((visibility("hidden")))
#define PLAIN __attribute__((weak, visibility("hidden"), noinline, no_sanitize("address", "undefined", "thread")))

#ifdef NOTHING  // for what links no C library
PLAIN void __sanitizer_cov_trace_pc(void) {}
#else

// The file that a run writes (graft_trace_lines.c reads it): what is in it survives any end of the process.
enum { MODULES = 64, ENTRIES = 1 << 20, SITES = 1 << 18, PROBES = 32 };
// Instead of a module's number: marks of a test in the run, and of a moment after which all that runs is noted again.
enum { TICK = 0xfffc, BEGIN = 0xfffd, PASSED = 0xfffe, FAILED = 0xffff };
struct run {
  _Atomic uint32_t n_entries, n_modules;
  _Atomic uint32_t test;        // which of the run's tests runs
  int32_t pid;
  int32_t ended, status;        // 0: not, or nobody knows how; 1: with this status; 2: as a part of another program
  int32_t driven;               // its tests have run one by one before: 1 all of them, 2 those that there was time for
  int32_t hangs;                // the check does not end: ticks are wanted
  char module[MODULES][64];     // hex of the build id, as the linker was told
  _Atomic uint64_t entry[ENTRIES];  // module << 48 | offset of the return address
};

extern const char __ehdr_start[] HIDDEN;
static struct run* run;
static _Atomic uint64_t seen[SITES];

static unsigned add_module(struct run* to, const char* header) {
  char name[64] = "";
  const ElfW(Ehdr)* elf = (const void*)header;
  const ElfW(Phdr)* part = (const void*)(header + elf->e_phoff);
  uint64_t first = UINT64_MAX;
  for (int i = 0; i < elf->e_phnum; ++i)
    if (part[i].p_type == PT_LOAD && part[i].p_vaddr < first) first = part[i].p_vaddr;
  for (int i = 0; i < elf->e_phnum; ++i) {
    if (part[i].p_type != PT_NOTE) continue;
    const char *at = header + (part[i].p_vaddr - first), *end = at + part[i].p_memsz;
    while (at + sizeof(ElfW(Nhdr)) <= end) {
      const ElfW(Nhdr)* note = (const void*)at;
      const unsigned char* id = (const unsigned char*)(at + sizeof *note + ((note->n_namesz + 3) & ~3u));
      if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4)
        for (unsigned k = 0; k < note->n_descsz && k < 31; ++k) snprintf(name + 2 * k, 3, "%02x", id[k]);
      at = (const char*)id + ((note->n_descsz + 3) & ~3u);
    }
  }
  for (unsigned i = 0; i < to->n_modules && i < MODULES; ++i)
    if (strcmp(to->module[i], name) == 0) return i;
  const unsigned number = atomic_fetch_add(&to->n_modules, 1);
  if (number < MODULES) strcpy(to->module[number], name);
  return number;
}

static void put(struct run* to, uint64_t entry) {
  const uint32_t at = atomic_fetch_add(&to->n_entries, 1);
  if (at < ENTRIES)
    atomic_store_explicit(&to->entry[at], entry, memory_order_relaxed);
  else
    atomic_store(&to->n_entries, ENTRIES);
}

static struct run* open_run(const char* path, int fresh) {
  const int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | (fresh ? O_CREAT | O_EXCL : 0), 0600);
  if (fd < 0) return NULL;
  void* at = MAP_FAILED;
  if (!fresh || ftruncate(fd, sizeof(struct run)) == 0)
    at = mmap(NULL, sizeof(struct run), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  return at == MAP_FAILED ? NULL : at;
}

static void new_name(char* path, size_t size, const char* kind) {
  uint64_t key = 0;  // differs from one exec to the next
  const void* random = (const void*)getauxval(AT_RANDOM);
  if (random != NULL) memcpy(&key, random, sizeof key);
  snprintf(path, size, "%s/%s-%d-%llx-%llx.run", OUT, kind, (int)getpid(), (unsigned long long)key,
           (unsigned long long)(uintptr_t)__ehdr_start);
}

static double now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}

// Where a check hangs: what a loop runs tells of the time that it passes, and ends a process that has had its part.
static void tick(struct run* to) {
  static _Atomic uint32_t n;
  static double last, end;
  if ((atomic_fetch_add_explicit(&n, 1, memory_order_relaxed) & 0x3fff) != 0) return;
  const double at = now();
  if (last == 0) last = at;
  if (at - last < .25) return;
  const char* until = getenv("GRAFT_TRACE_UNTIL");
  if (end == 0) end = until == NULL ? at + 1e9 : at + (strtod(until, NULL) - at) / 3;
  if (at > end) kill(getpid(), SIGKILL);
  last = at;
  atomic_fetch_add(&to->test, 1);
  put(to, (uint64_t)TICK << 48);
}

static void hit_here(unsigned module, uint64_t offset) {
  struct run* to = run;
  if (to == NULL || module >= MODULES) return;
  if (to->hangs) tick(to);
  const uint64_t entry = (uint64_t)module << 48 | offset;
  const uint64_t key = entry ^ (uint64_t)atomic_load_explicit(&to->test, memory_order_relaxed) << 32;
  uint64_t slot = (key * 0x9e3779b97f4a7c15u) >> 46;
  for (int probe = 0; probe < PROBES; ++probe, slot = (slot + 1) % SITES) {
    const uint64_t known = atomic_load_explicit(&seen[slot], memory_order_relaxed);
    if (known == key) return;
    if (known != 0) continue;
    atomic_store_explicit(&seen[slot], key, memory_order_relaxed);
    put(to, entry);
    return;
  }
}

#ifdef LIBRARY
// Of a program that is traced itself: its own run. Else each library has one.
extern void graft_trace_hit(unsigned, uint64_t) __attribute__((weak));
extern unsigned graft_trace_join(const char*) __attribute__((weak));
static void (*hit)(unsigned, uint64_t);
static unsigned module;

__attribute__((constructor(101))) static void begin(void) {
  if (graft_trace_join != NULL && graft_trace_hit != NULL) {
    module = graft_trace_join(__ehdr_start);
    hit = graft_trace_hit;
    return;
  }
  char path[4096];
  new_name(path, sizeof path, "part");
  run = open_run(path, 1);
  if (run == NULL) return;
  run->pid = getpid();
  module = add_module(run, __ehdr_start);
  hit = hit_here;
}

__attribute__((destructor(101))) static void end(void) {
  if (run != NULL && run->pid == getpid()) run->ended = 2;
}

PLAIN void __sanitizer_cov_trace_pc(void) {
  if (hit != NULL) hit(module, (uint64_t)((const char*)__builtin_return_address(0) - __ehdr_start));
}

#else
static int run_cases(void), hangs(void);

static void join_run(void) {
  static int joined;
  if (joined) return;
  joined = 1;
  char path[4096];
  const char* known = getenv("GRAFT_TRACE_RUN");
  if (known != NULL) {  // what a test starts runs for that test
    if (strcmp(known, "off") != 0) run = open_run(known, 0);
    return;
  }
  const int driven = getenv("GRAFT_TRACE_CASE") == NULL ? run_cases() : 0;
  new_name(path, sizeof path, "run");
  run = open_run(path, 1);
  if (run == NULL) return;
  run->hangs = hangs();
  run->pid = getpid();
  run->driven = driven;
  setenv("GRAFT_TRACE_RUN", driven ? "off" : path, 1);
  if (driven) run = NULL;
}

unsigned graft_trace_join(const char* header) {
  join_run();
  return run == NULL ? MODULES : add_module(run, header);
}

void graft_trace_hit(unsigned number, uint64_t offset) { hit_here(number, offset); }

static unsigned own = MODULES;
PLAIN void __sanitizer_cov_trace_pc(void) {
  hit_here(own, (uint64_t)((const char*)__builtin_return_address(0) - __ehdr_start));
}

static void note_end(int status, void* unused) {
  (void)unused;
  if (run == NULL || run->pid != getpid()) return;
  run->status = status;
  run->ended = 1;
}

extern void __real__exit(int) __attribute__((noreturn));
HIDDEN void __wrap__exit(int status) {
  note_end(status, NULL);
  __real__exit(status);
}
extern void __real__Exit(int) __attribute__((noreturn));
HIDDEN void __wrap__Exit(int status) {
  note_end(status, NULL);
  __real__Exit(status);
}

// Unity's tests run in one process. In `Unity` stand, all of one width, the line of the test, how many have run, which
// goes from 0 to 1 with the first, and how many failed.
extern void __real_UnityDefaultTestRun(void (*)(void), const char*, int) __attribute__((weak));
extern uint32_t Unity[] __attribute__((weak));
HIDDEN void __wrap_UnityDefaultTestRun(void (*test)(void), const char* name, int line) {
  enum { WORDS = 16 };
  static int failures = -1;
  if (run == NULL || Unity == NULL) {
    __real_UnityDefaultTestRun(test, name, line);
    return;
  }
  uint32_t before[WORDS];
  memcpy(before, Unity, sizeof before);
  atomic_fetch_add(&run->test, 1);
  put(run, (uint64_t)BEGIN << 48);
  __real_UnityDefaultTestRun(test, name, line);
  for (int i = 2; i + 2 < WORDS && failures < 0; ++i)
    if (before[i] == 0 && Unity[i] == 1) failures = Unity[i - 1] == (uint32_t)line ? i + 1 : i + 2;
  atomic_fetch_add(&run->test, 1);
  if (failures >= 0) put(run, (uint64_t)(Unity[failures] == before[failures] ? PASSED : FAILED) << 48);
}

#include "graft_trace_cases.h"
#endif
#endif
)C";

}  // namespace agent
