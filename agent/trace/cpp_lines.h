// SPDX-License-Identifier: Apache-2.0
// agent/trace/cpp_lines.h: makes a tracer's report of what runs of programs in C and C++ have noted (cpp_tracer.h).
//
// A block goes from one call of the tracer to the next, or to the end of its function.
#pragma once
#include <string_view>

namespace agent {

// graft_trace_lines.c
inline constexpr std::string_view kLinesSource = R"C(#include "graft_trace_elf.h"

static int by_number(const void* a, const void* b) {
  const uint64_t x = *(const uint64_t*)a, y = *(const uint64_t*)b;
  return x < y ? -1 : x > y;
}

#if defined(__aarch64__)
enum { CALL = 4 };  // bytes of a call
#else
enum { CALL = 5 };
#endif

// Where the call that ends at `end` leads; 0 if there is none.
static uint64_t callee(const uint8_t* end, uint64_t address) {
#if defined(__x86_64__)
  int32_t far;
  memcpy(&far, end - 4, sizeof far);
  return end[-5] == 0xe8 ? address + (uint64_t)(int64_t)far : 0;
#elif defined(__aarch64__)
  uint32_t word;
  memcpy(&word, end - 4, sizeof word);
  const int64_t far = (int32_t)(word << 6) >> 4;
  return word >> 26 == 0x25 ? address - 4 + (uint64_t)far : 0;
#else
  (void)end, (void)address;
  return 0;
#endif
}


// The code at an address, and what follows of it; `part` counts through the module's parts that hold code.
static const uint8_t* code_part(const struct module* of, int* part, uint64_t* address, uint64_t* size) {
  const Elf64_Ehdr* elf = (const void*)of->bytes;
  const Elf64_Phdr* parts = (const void*)(of->bytes + elf->e_phoff);
  for (; *part < elf->e_phnum; ++*part) {
    const Elf64_Phdr* at = &parts[*part];
    if (at->p_type != PT_LOAD || !(at->p_flags & PF_X) || at->p_offset > of->size ||
        at->p_filesz > of->size - at->p_offset)
      continue;
    ++*part;
    *address = at->p_vaddr;
    *size = at->p_filesz;
    return of->bytes + at->p_offset;
  }
  return NULL;
}

// All calls of what the call before `address` leads to: each begins a block of code.
static void find_sites(struct module* of, uint64_t address) {
  uint64_t begin, size, tracer = 0;
  const uint8_t* code;
  for (int part = 0; (code = code_part(of, &part, &begin, &size)) != NULL;)
    if (address >= begin + CALL && address - begin <= size) tracer = callee(code + (address - begin), address);
  if (tracer == 0) return;
  for (int part = 0; (code = code_part(of, &part, &begin, &size)) != NULL;)
    for (uint64_t end = CALL; end <= size; ++end)
      if (callee(code + end, begin + end) == tracer) {
        ADD(of->sites, of->n_sites, begin + end);
        // With -fno-plt the linker fills the place of a longer call with a prefix.
        ADD(of->starts, of->n_starts, begin + end - CALL - (CALL == 5 && end > CALL && code[end - 6] == 0x67));
      }
}

static void load(struct module* of) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/%s.elf", out, of->id);
  const int fd = open(path, O_RDONLY);
  struct stat info;
  if (fd < 0 || fstat(fd, &info) != 0 || (size_t)info.st_size < sizeof(Elf64_Ehdr)) return;
  void* at = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
  close(fd);
  if (at == MAP_FAILED) return;
  of->bytes = at;
  of->size = (size_t)info.st_size;
  const Elf64_Ehdr* elf = at;
  if (memcmp(elf->e_ident, ELFMAG, SELFMAG) != 0 || elf->e_ident[EI_CLASS] != ELFCLASS64 ||
      elf->e_phoff > of->size || (of->size - elf->e_phoff) / sizeof(Elf64_Phdr) < elf->e_phnum) {
    of->size = 0;
    return;
  }
  const Elf64_Phdr* parts = (const void*)(of->bytes + elf->e_phoff);
  of->base = UINT64_MAX;
  for (int i = 0; i < elf->e_phnum; ++i)
    if (parts[i].p_type == PT_LOAD && parts[i].p_vaddr < of->base) of->base = parts[i].p_vaddr;
  struct reader all = section(of, ".debug_line");
  while (all.end - all.at > 4) {
    uint64_t length = number(&all, 4);
    const int offset_size = length == 0xffffffff ? 8 : 4;
    if (offset_size == 8) length = number(&all, 8);
    if (length > (uint64_t)(all.end - all.at)) break;
    const struct reader unit = {all.at, all.at + length};
    all.at += length;
    read_program(unit, offset_size, of);
  }
  qsort(of->rows, of->n_rows, sizeof *of->rows, by_number);
  const struct reader symbols = section(of, ".symtab");
  for (const uint8_t* symbol = symbols.at; (size_t)(symbols.end - symbol) >= sizeof(Elf64_Sym);
       symbol += sizeof(Elf64_Sym)) {
    const Elf64_Sym* found = (const void*)symbol;
    if (ELF64_ST_TYPE(found->st_info) == STT_FUNC && found->st_shndx != SHN_UNDEF)
      ADD(of->functions, of->n_functions, found->st_value);
  }
  qsort(of->functions, of->n_functions, sizeof *of->functions, by_number);
}

static size_t module_of(const char* id) {
  size_t i = 0;
  while (i < n_modules && strncmp(modules[i].id, id, sizeof modules[i].id) != 0) ++i;
  if (i < n_modules) return i;
  struct module fresh = {0};
  snprintf(fresh.id, sizeof fresh.id, "%.63s", id);
  if (strspn(fresh.id, "0123456789abcdef") == strlen(fresh.id)) load(&fresh);
  ADD(modules, n_modules, fresh);
  return i;
}

// How many of the sorted numbers are not past `value`.
static size_t up_to(const uint64_t* numbers, size_t n, uint64_t value) {
  size_t low = 0;
  while (low < n) {
    const size_t middle = low + (n - low) / 2;
    if (numbers[middle] <= value)
      low = middle + 1;
    else
      n = middle;
  }
  return low;
}

enum { LOOP = -2 };  // in the place of an outcome: what ran last of a run that did not end

// Lines of the block of code that a call of the tracer begins; of a function's first one also those in front of it.
static int count(struct module* of, uint64_t offset, uint32_t test, int outcome) {
  const uint64_t address = of->base + offset;
  if (of->n_rows == 0) return 0;
  if (of->n_sites == 0) find_sites(of, address);
  const size_t site = up_to(of->sites, of->n_sites, address);
  if (site == 0 || of->sites[site - 1] != address) return 0;
  uint64_t begin = address, end = site < of->n_sites ? of->starts[site] : UINT64_MAX;
  const size_t function = up_to(of->functions, of->n_functions, begin);
  if (function < of->n_functions && of->functions[function] < end) end = of->functions[function];
  if (function > 0 && (site < 2 || of->sites[site - 2] <= of->functions[function - 1]))
    begin = of->functions[function - 1];
  if (begin >= end) return 0;
  size_t low = 0, high = of->n_rows;
  int any = 0;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (of->rows[middle].end <= begin)
      low = middle + 1;
    else
      high = middle;
  }
  for (; low < of->n_rows && of->rows[low].address < end; ++low) {
    any = 1;
    struct line* line = &lines[of->rows[low].line];
    if (outcome == LOOP) {
      line->looped = 1;
    } else if (outcome < 0) {
      line->loaded = 1;
    } else if (line->last_test != test) {
      line->last_test = test;
      ++*(outcome ? &line->passed : &line->failed);
    }
  }
  return any;
}

static uint32_t n_tests, n_failed, n_passed;
static int cut, has_named;  // not all of the tests ran; some were more than a run of a whole program

// 1 passed, 0 failed, -1 not known, or outside of any test; what did not end failed.
static int outcome_of(const struct run* run, int has_tests, int in_test, int is_last, uint64_t mark) {
  if (!in_test) return -1;
  if (!is_last) return mark == PASSED;
  if (!run->ended) return 0;
  if (run->ended == 2 || (has_tests && run->status == 0)) return -1;
  return run->status == 0;
}

// Each test of the run, or the run as a whole; what ran nothing of the tree is none.
static void read_run(const struct run* run) {
  size_t known[MODULES];
  const uint32_t n = run->n_entries < ENTRIES ? run->n_entries : ENTRIES;
  cut |= run->driven == 2 || n == ENTRIES;
  has_named |= run->driven != 0;
  if (run->driven) return;
  for (uint32_t i = 0; i < MODULES && i < run->n_modules; ++i) known[i] = module_of(run->module[i]);
  int has_tests = 0;
  for (uint32_t i = 0; i < n; ++i) has_tests |= run->entry[i] >> 48 == BEGIN;
  has_named |= has_tests;
  int in_test = !has_tests;
  for (uint32_t begin = 0, i = 0; i <= n; ++i) {
    const uint64_t mark = i < n ? run->entry[i] >> 48 : 0;
    if (i < n && mark < BEGIN) continue;
    const int outcome = outcome_of(run, has_tests, in_test, i == n, mark);
    int any = 0;
    for (; begin < i; ++begin) {
      const uint64_t module = run->entry[begin] >> 48;
      if (module < MODULES && module < run->n_modules)
        any |= count(&modules[known[module]], run->entry[begin] & 0xffffffffffff, n_tests + 1, outcome);
    }
    if (any && outcome >= 0) ++n_tests, ++*(outcome ? &n_passed : &n_failed);
    begin = i + 1;
    in_test = mark == BEGIN;
  }
  // Its last two ticks, as the last one has just begun. What never ticked waits for something.
  uint32_t tick = run->hangs && !run->ended ? n : 0;
  for (int left = 2; tick > 0 && left > 0;) left -= run->entry[--tick] >> 48 == TICK;
  if (tick > 0 || run->entry[0] >> 48 == TICK)
    for (; tick < n && run->hangs && !run->ended; ++tick) {
      const uint64_t module = run->entry[tick] >> 48;
      if (module < MODULES && module < run->n_modules)
        count(&modules[known[module]], run->entry[tick] & 0xffffffffffff, 0, LOOP);
    }
}

static void write_text(const char* string) {
  putchar('"');
  for (; *string != 0; ++string) {
    if (*string == '"' || *string == '\\') putchar('\\');
    if ((unsigned char)*string < 32)
      printf("\\u%04x", *string);
    else
      putchar(*string);
  }
  putchar('"');
}

static int by_file(const void* a, const void* b) {
  const struct line *x = a, *y = b;
  return x->file != y->file ? (x->file < y->file ? -1 : 1) : x->number < y->number ? -1 : x->number > y->number;
}

static void report(void) {
  // Where no run failed, it is what all of them did together; of a check that was cut nothing is known then.
  const int together = n_failed == 0;
  if (together && (cut || n_passed == 0)) n_lines = n_passed = 0;
  printf("{\"failed\": %d, \"passed\": %u, \"cut\": %s, \"mixed\": %s, \"all_code\": true, \"lines\": {",
         together ? n_passed > 0 : (int)n_failed, together ? 0 : n_passed, cut ? "true" : "false",
         (together && n_passed > 0) || (n_failed + n_passed == 1 && !has_named) ? "true" : "false");
  qsort(lines, n_lines, sizeof *lines, by_file);
  uint32_t file = UINT32_MAX;
  for (size_t i = 0; i < n_lines; ++i) {
    const struct line* line = &lines[i];
    if (line->file != file) {
      if (file != UINT32_MAX) printf("}, ");
      write_text(files[line->file]);
      printf(": {");
    } else {
      printf(", ");
    }
    const uint32_t failed = together ? line->passed > 0 : line->failed;
    printf("\"%u\": [%u, %u, %u]", line->number, failed, together ? 0 : line->passed, line->loaded);
    file = line->file;
  }
  printf("%s}, \"failures\": [", file != UINT32_MAX ? "}" : "");
  size_t n_looped = 0;
  for (size_t i = 0; i < n_lines; ++i) {
    if (!lines[i].looped) continue;
    printf(n_looped++ > 0 ? ", [" : "{\"hung\": true, \"loop\": [[");
    write_text(files[lines[i].file]);
    printf(", %u]", lines[i].number);
  }
  printf("%s]}\n", n_looped > 0 ? "]}" : "");
}

int main(int argc, char** argv) {
  if (argc < 3 || (by_hash = calloc(HASHES, sizeof *by_hash)) == NULL) return 2;
  out = argv[1];
  root = argv[2];
  cut = argc > 3;
  DIR* folder = opendir(out);
  for (struct dirent* entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
    const size_t length = strlen(entry->d_name);
    if (length < 4 || strcmp(entry->d_name + length - 4, ".run") != 0) continue;
    const int fd = openat(dirfd(folder), entry->d_name, O_RDONLY | O_CLOEXEC);
    struct stat info;
    if (fd >= 0 && fstat(fd, &info) == 0 && (size_t)info.st_size == sizeof(struct run)) {
      const struct run* run = mmap(NULL, sizeof *run, PROT_READ, MAP_PRIVATE, fd, 0);
      if (run != MAP_FAILED) read_run(run), munmap((void*)run, sizeof *run);
    }
    if (fd >= 0) close(fd);
  }
  report();
  return 0;
}
)C";

}  // namespace agent
