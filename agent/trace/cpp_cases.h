// SPDX-License-Identifier: Apache-2.0
// agent/trace/cpp_cases.h: how programs of many tests in C++ (doctest, Catch2, GoogleTest) run each of them alone before all.
//
// The library is known by the symbol of its main loop. The program calls itself with the arguments that it was given
// and a filter more; where they name tests already it is left alone.
#pragma once
#include <string_view>

namespace agent {

// graft_trace_cases.h
inline constexpr std::string_view kCasesSource = R"C(// Programs of many tests: each runs alone first, as a child of the same program with the filter of its test library.
extern char doctest_run[] __asm__("_ZN7doctest7Context3runEv") __attribute__((weak));
extern char catch_run[] __asm__("_ZN5Catch7Session3runEv") __attribute__((weak));
extern char gtest_run[] __asm__("_ZN7testing8UnitTest3RunEv") __attribute__((weak));
enum { MOST_CASES = 5000, LONGEST = 1000, MOST_LISTED = 1 << 22, MOST_ARGS = 64 };

static char arg_text[1 << 14];
static char* args[MOST_ARGS + 4];
static int n_args;

static int read_args(void) {
  const int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const ssize_t size = read(fd, arg_text, sizeof arg_text);
  close(fd);
  if (size <= 0 || size == sizeof arg_text) return 0;
  for (char* at = arg_text; at < arg_text + size && n_args < MOST_ARGS; at += strlen(at) + 1) args[n_args++] = at;
  return n_args > 0 && n_args < MOST_ARGS;
}

static int hangs(void) {
  const char* hung = getenv("GRAFT_TRACE_HUNG");
  return hung != NULL && hung[0] == '1';
}

static void forget_runs_of(pid_t pid) {
  char front[32];
  snprintf(front, sizeof front, "run-%d-", (int)pid);
  DIR* folder = opendir(OUT);
  for (struct dirent* entry; folder != NULL && (entry = readdir(folder)) != NULL;)
    if (strncmp(entry->d_name, front, strlen(front)) == 0) unlinkat(dirfd(folder), entry->d_name, 0);
  if (folder != NULL) closedir(folder);
}

// A child with two arguments more, what it says in `said` if that is a file. 0: it was ended, and is forgotten but where
// the check hangs.
static int run_self(const char* first, const char* second, double until, int said) {
  args[n_args] = (char*)first;
  args[n_args + 1] = (char*)second;
  const pid_t child = fork();
  if (child < 0) return 0;
  if (child == 0) {
    const int nothing = open("/dev/null", O_RDWR);
    dup2(nothing, 0);
    dup2(said >= 0 ? said : nothing, 1);
    dup2(nothing, 2);
    setpgid(0, 0);
    setenv("GRAFT_TRACE_CASE", "1", 1);
    if (said >= 0) setenv("GRAFT_TRACE_RUN", "off", 1);
    execv("/proc/self/exe", args);
    _exit(127);
  }
  long pause = 200000;
  int done = 0;
  while (!(done = waitpid(child, NULL, WNOHANG) != 0) && now() < until) {
    const struct timespec moment = {0, pause};
    nanosleep(&moment, NULL);
    if (pause < 10000000) pause += pause / 4;
  }
  kill(-child, SIGKILL);  // or what it left running
  if (done) return 1;
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  if (!hangs()) forget_runs_of(child);
  return 0;
}

static char listed[MOST_LISTED];
static char cases[MOST_CASES][LONGEST];
static int n_cases;

static int list(const char* first, const char* second, double until) {
  const int file = memfd_create("graft", MFD_CLOEXEC);
  if (file < 0) return 0;
  ssize_t size = run_self(first, second, until, file) ? pread(file, listed, sizeof listed - 1, 0) : 0;
  close(file);
  if (size < 0) size = 0;
  listed[size] = 0;
  return size > 0;
}

// `name` behind `front`, with `before` in front of each byte of `special`, or `instead` in its place.
static void add_case(const char* front, const char* name, size_t length, const char* special, char before,
                     char instead) {
  if (n_cases == MOST_CASES || length == 0 || strlen(front) + 2 * length + 1 >= LONGEST) return;
  char* to = stpcpy(cases[n_cases++], front);
  for (const char* from = name; from < name + length; ++from) {
    const int is_special = strchr(special, *from) != NULL;
    if (is_special && before) *to++ = before;
    *to++ = is_special && instead ? instead : *from;
  }
  *to = 0;
}

static void read_doctest(void) {
  for (char *line = strtok(listed, "\n"), *open = NULL; line != NULL; line = strtok(NULL, "\n")) {
    if (strncmp(line, "====", 4) == 0)
      open = open == NULL ? line : NULL;
    else if (open != NULL && strncmp(line, "[doctest]", 9) != 0)
      add_case("-tc=", line, strlen(line), ",\"\\", 0, '?');
  }
}

static void read_catch(void) {
  for (char* line = strtok(listed, "\n"); line != NULL; line = strtok(NULL, "\n"))
    add_case("", line, strlen(line), "\\,[]\"*~", '\\', 0);
}

static void read_gtest(void) {
  char front[LONGEST] = "";
  for (char* line = strtok(listed, "\n"); line != NULL; line = strtok(NULL, "\n")) {
    const int is_test = strncmp(line, "  ", 2) == 0;
    char* name = is_test ? line + 2 : line;
    const size_t length = strcspn(name, " #");
    if (!is_test) front[0] = 0;
    if (is_test && front[0] != 0)
      add_case(front, name, length, "", 0, 0);
    else if (!is_test && length > 1 && length < LONGEST / 2 && name[length - 1] == '.')
      snprintf(front, sizeof front, "--gtest_filter=%.*s", (int)length, name);
  }
}

static int has_arg(const char* front) {
  for (int i = 1; i < n_args; ++i)
    if (strncmp(args[i], front, strlen(front)) == 0) return 1;
  return 0;
}

// Catch2 takes the names of tests as they are; what an option takes is none.
static int names_tests(void) {
  for (int i = 1; i < n_args; ++i) {
    static const char* const kOptions[] = {"-r", "--reporter", "-d", "--durations", "--order", "--rng-seed", "-w"};
    int takes = args[i][0] != '-';
    for (size_t k = 0; k < sizeof kOptions / sizeof *kOptions; ++k)
      takes |= i > 1 && args[i][0] != '-' && strcmp(args[i - 1], kOptions[k]) == 0 ? 2 : 0;
    if (takes == 1) return 1;
  }
  return 0;
}

static void list_cases(double until) {
  if (has_arg("-h") || has_arg("--help") || has_arg("-?")) return;
  if (doctest_run != NULL && !has_arg("-tc=") && !has_arg("--test-case=") && !has_arg("-l") && !has_arg("--list") &&
      !has_arg("-c") && !has_arg("--count") && list("-ltc", "-nc=1", until))
    read_doctest();
  if (catch_run != NULL && !names_tests() && !has_arg("-l") && !has_arg("--list") && !has_arg("-t") &&
      (list("--list-test-names-only", NULL, until) || list("--list-tests", "--verbosity=quiet", until)))
    read_catch();
  if (gtest_run != NULL && !has_arg("--gtest_list_tests") && list("--gtest_list_tests", NULL, until)) read_gtest();
}

static int known_to_fail(const char* name) {
  const char* failing = getenv("GRAFT_TRACE_FAILING");
  const char* equals = name[0] == '-' ? strchr(name, '=') : NULL;
  return failing != NULL && strstr(failing, equals != NULL ? equals + 1 : name) != NULL;
}

// Those that failed come first, however little time there is: half of what is left, so that other programs have some.
static int run_cases(void) {
  const char* end = getenv("GRAFT_TRACE_UNTIL");
  if ((doctest_run == NULL && catch_run == NULL && gtest_run == NULL) || end == NULL || !read_args()) return 0;
  const double began = now(), until = began + (strtod(end, NULL) - began) / 2;
  list_cases(until);
  if (n_cases < 2) return 0;
  int n_run = 0;
  for (int passing = 0; passing < 2; ++passing)
    for (int i = 0; i < n_cases; ++i)
      if (known_to_fail(cases[i]) != passing && now() < until)
        n_run += run_self(cases[i], NULL, hangs() ? now() + (until - now()) / 3 : until, -1);
  return n_run == 0 ? 0 : n_run == n_cases ? 1 : 2;
}

__attribute__((constructor(101))) static void begin(void) {
  join_run();
  if (run == NULL) return;
  own = add_module(run, __ehdr_start);
  on_exit(note_end, NULL);
}
)C";

}  // namespace agent
