// SPDX-License-Identifier: Apache-2.0
// agent/trace/cpp_elf.h: reads the line table of a linked file (cpp_tracer.h), in C and inside the sandbox.
//
// Source   "DWARF Debugging Information Format, Version 5", section 6.2; versions 2 to 4 likewise.
#pragma once
#include <string_view>

namespace agent {

// graft_trace_elf.h
inline constexpr std::string_view kElfSource = R"C(#define _GNU_SOURCE
#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

// As in graft_trace_run.c.
enum { MODULES = 64, ENTRIES = 1 << 20 };
enum { TICK = 0xfffc, BEGIN = 0xfffd, PASSED = 0xfffe, FAILED = 0xffff };
struct run {
  uint32_t n_entries, n_modules, test;
  int32_t pid, ended, status, driven, hangs;
  char module[MODULES][64];
  uint64_t entry[ENTRIES];
};

static const char* root;
static const char* out;

static void* more(void* list, size_t n, size_t each) {  // room for one more where n is 0 or a power of two
  if ((n & (n - 1)) != 0) return list;
  list = realloc(list, (n == 0 ? 1 : 2 * n) * each);
  if (list == NULL) exit(1);
  return list;
}
#define ADD(list, n, value) ((list) = more((list), (n), sizeof *(list)), (list)[(n)++] = (value))

// Lines of the tree, each once.
struct line {
  uint32_t file, number, failed, passed, loaded, looped, last_test, next;
};
static struct line* lines;
static size_t n_lines;
static uint32_t* by_hash;  // 1 + the last line of a hash
enum { HASHES = 1 << 18 };
static char** files;
static size_t n_files;

static uint32_t file_of(const char* path) {
  for (size_t i = n_files; i-- > 0;)
    if (strcmp(files[i], path) == 0) return (uint32_t)i;
  ADD(files, n_files, strdup(path));
  return (uint32_t)(n_files - 1);
}

static uint32_t line_of(uint32_t file, uint32_t number) {
  uint32_t* slot = &by_hash[(file * 0x9e3779b1u ^ number * 0x85ebca6bu) % HASHES];
  for (uint32_t at = *slot; at != 0; at = lines[at - 1].next)
    if (lines[at - 1].file == file && lines[at - 1].number == number) return at - 1;
  const struct line fresh = {file, number, 0, 0, 0, 0, 0, *slot};
  ADD(lines, n_lines, fresh);
  *slot = (uint32_t)n_lines;
  return *slot - 1;
}

// A module's code: its line table's rows by address, and the calls of the tracer in between.
struct row {
  uint64_t address, end;
  uint32_t line;
};
struct module {
  char id[64];
  const uint8_t* bytes;
  size_t size;
  uint64_t base;  // the address of its header, as it was linked
  struct row* rows;
  uint64_t *sites, *starts, *functions;  // where each call ends and begins
  size_t n_rows, n_sites, n_starts, n_functions;
};
static struct module* modules;
static size_t n_modules;

struct reader {
  const uint8_t *at, *end;
};
static uint64_t number(struct reader* from, int size) {
  uint64_t value = 0;
  if (from->end - from->at < size) {
    from->at = from->end;
    return 0;
  }
  memcpy(&value, from->at, (size_t)size);
  from->at += size;
  return value;
}
static uint64_t leb(struct reader* from, int is_signed) {
  uint64_t value = 0;
  unsigned shift = 0;
  while (from->at < from->end) {
    const uint8_t byte = *from->at++;
    if (shift < 64) value |= (uint64_t)(byte & 127) << shift;
    shift += 7;
    if (byte & 128) continue;
    if (is_signed && (byte & 64) && shift < 64) value |= ~(uint64_t)0 << shift;
    break;
  }
  return value;
}
static const char* text(struct reader* from) {
  const uint8_t* end = memchr(from->at, 0, (size_t)(from->end - from->at));
  const char* begin = (const char*)from->at;
  if (end == NULL) {
    from->at = from->end;
    return "";
  }
  from->at = end + 1;
  return begin;
}


// The bytes of a section; none where there is no such section, or a damaged one.
static struct reader section(const struct module* of, const char* name) {
  const struct reader nothing = {of->bytes, of->bytes};
  const Elf64_Ehdr* elf = (const void*)of->bytes;
  if (elf->e_shoff > of->size || (of->size - elf->e_shoff) / sizeof(Elf64_Shdr) < elf->e_shnum ||
      elf->e_shstrndx >= elf->e_shnum)
    return nothing;
  const Elf64_Shdr* parts = (const void*)(of->bytes + elf->e_shoff);
  for (int i = 0; i < elf->e_shnum; ++i) {
    const Elf64_Shdr* part = &parts[i];
    const uint64_t at = parts[elf->e_shstrndx].sh_offset + part->sh_name;
    if (at >= of->size || strnlen((const char*)of->bytes + at, of->size - at) == of->size - at ||
        strcmp((const char*)of->bytes + at, name) != 0)
      continue;
    if (part->sh_type == SHT_NOBITS || (part->sh_flags & SHF_COMPRESSED) || part->sh_offset > of->size ||
        part->sh_size > of->size - part->sh_offset)
      break;
    return (struct reader){of->bytes + part->sh_offset, of->bytes + part->sh_offset + part->sh_size};
  }
  return nothing;
}

// 1 + the number of a file of the tree; 0 for any other, also for one that is gone: a probe of the build's set-up.
static uint32_t tree_file(const char* folder, const char* above, const char* name) {
  char path[3 * PATH_MAX], plain[3 * PATH_MAX + 1];
  const char* parts[] = {above, folder, name};
  int first = 2;
  while (first > 0 && parts[first][0] != '/') --first;
  if (parts[first][0] != '/') return 0;
  path[0] = 0;
  for (int i = first; i < 3; ++i)
    if (strlen(path) + strlen(parts[i]) + 2 < sizeof path) strcat(strcat(path, "/"), parts[i]);
  char* to = plain;
  for (const char* from = path; *from != 0;) {
    const size_t length = strcspn(from + 1, "/");
    if (length == 2 && from[1] == '.' && from[2] == '.') {
      while (to > plain && *--to != '/') continue;
    } else if (length > 0 && !(length == 1 && from[1] == '.')) {
      memcpy(to, from, length + 1);
      to += length + 1;
    }
    from += length + 1;
  }
  *to = 0;
  const size_t length = strlen(root);
  struct stat info;
  if (strncmp(plain, root, length) != 0 || plain[length] != '/' || strncmp(plain, out, strlen(out)) == 0 ||
      strstr(plain, "/CMakeFiles/") != NULL || strstr(plain, "/meson-private/") != NULL || stat(plain, &info) != 0)
    return 0;
  return 1 + file_of(plain);
}

// DWARF 5, section 6.2.4.1: the value of an entry of a table of names, if it is a string or a number.
static const char* form(struct reader* from, uint64_t kind, int offset_size, const struct module* of, uint64_t* value) {
  struct reader strings;
  switch (kind) {
    case 0x08: return text(from);
    case 0x0e:
    case 0x1f:
      strings = section(of, kind == 0x0e ? ".debug_str" : ".debug_line_str");
      *value = number(from, offset_size);
      if (*value >= (uint64_t)(strings.end - strings.at)) return "";
      strings.at += *value;
      return text(&strings);
    case 0x0b: *value = number(from, 1); break;
    case 0x05: *value = number(from, 2); break;
    case 0x06: *value = number(from, 4); break;
    case 0x07: *value = number(from, 8); break;
    case 0x0f: *value = leb(from, 0); break;
    case 0x1e: number(from, 8), number(from, 8); break;
    default: from->at = from->end;
  }
  return "";
}

struct entry {
  const char* name;
  uint64_t folder;
};
static struct entry* read_names(struct reader* from, int offset_size, const struct module* of, size_t* n) {
  struct entry* entries = NULL;
  uint64_t kinds[32][2];
  const uint64_t n_kinds = number(from, 1);
  for (uint64_t i = 0; i < n_kinds && i < 32; ++i) kinds[i][0] = leb(from, 0), kinds[i][1] = leb(from, 0);
  const uint64_t n_entries = leb(from, 0);
  for (uint64_t i = 0; i < n_entries && from->at < from->end && n_kinds <= 32; ++i) {
    struct entry fresh = {"", 0};
    for (uint64_t k = 0; k < n_kinds; ++k) {
      uint64_t value = 0;
      const char* string = form(from, kinds[k][1], offset_size, of, &value);
      if (kinds[k][0] == 1) fresh.name = string;
      if (kinds[k][0] == 2) fresh.folder = value;
    }
    ADD(entries, *n, fresh);
  }
  return entries;
}

// One unit's line program: rows from one address to the next, of files of the tree.
static void read_program(struct reader from, int offset_size, struct module* of) {
  const uint64_t version = number(&from, 2);
  if (version < 2 || version > 5) return;
  if (version == 5) number(&from, 2);
  const uint64_t header = number(&from, offset_size);
  if (header > (uint64_t)(from.end - from.at)) return;
  struct reader program = {from.at + header, from.end};
  const uint64_t step = number(&from, 1);
  if (version >= 4) number(&from, 1);
  number(&from, 1);
  const int line_base = (int8_t)number(&from, 1);
  const unsigned line_range = (unsigned)number(&from, 1), first_special = (unsigned)number(&from, 1);
  if (line_range == 0 || first_special == 0) return;
  uint8_t operands[256] = {0};
  for (unsigned i = 1; i < first_special; ++i) operands[i] = (uint8_t)number(&from, 1);
  struct entry *folders = NULL, *names = NULL;
  size_t n_folders = 0, n_names = 0;
  if (version == 5) {
    folders = read_names(&from, offset_size, of, &n_folders);
    names = read_names(&from, offset_size, of, &n_names);
  } else {
    const struct entry unknown = {"", 0};
    struct entry fresh = unknown;
    ADD(folders, n_folders, unknown);
    ADD(names, n_names, unknown);
    while (*(fresh.name = text(&from)) != 0) ADD(folders, n_folders, fresh);
    while (*(fresh.name = text(&from)) != 0) {
      fresh.folder = leb(&from, 0);
      leb(&from, 0), leb(&from, 0);
      ADD(names, n_names, fresh);
    }
  }
  uint32_t* known = malloc((n_names + 1) * sizeof *known);
  if (known == NULL) exit(1);
  for (size_t i = 0; i < n_names; ++i)
    known[i] = names[i].folder < n_folders
                   ? tree_file(folders[names[i].folder].name, folders[0].name, names[i].name)
                   : 0;
  uint64_t address = 0, file = 1, line = 1, row_begin = 0;
  int dropped = 1;  // by the linker, which leaves no address
  uint32_t row_line = 0;  // 1 + the line
  while (program.at < program.end) {
    const unsigned code = (unsigned)number(&program, 1);
    int ends_row = 0, ends_sequence = 0;
    if (code >= first_special) {
      address += (code - first_special) / line_range * step;
      line += (uint64_t)(line_base + (int)((code - first_special) % line_range));
      ends_row = 1;
    } else if (code == 0) {
      const uint64_t size = leb(&program, 0);
      if (size == 0 || size > (uint64_t)(program.end - program.at)) break;
      struct reader extended = {program.at, program.at + size};
      program.at += size;
      const uint64_t kind = number(&extended, 1);
      if (kind == 2) address = number(&extended, size == 9 ? 8 : 4), dropped = address == 0;
      ends_row = ends_sequence = kind == 1;
    } else {
      switch (code) {
        case 1: ends_row = 1; break;
        case 2: address += leb(&program, 0) * step; break;
        case 3: line += leb(&program, 1); break;
        case 4: file = leb(&program, 0); break;
        case 8: address += (255 - first_special) / line_range * step; break;
        case 9: address += number(&program, 2); break;
        default:
          for (int i = 0; i < operands[code]; ++i) leb(&program, 0);
      }
    }
    if (!ends_row) continue;
    const struct row row = {row_begin, address, row_line - 1};
    if (row_line != 0 && address > row_begin) ADD(of->rows, of->n_rows, row);
    row_begin = address;
    row_line = 0;
    if (!ends_sequence && !dropped && file < n_names && known[file] != 0 && line > 0 && line < INT_MAX)
      row_line = 1 + line_of(known[file] - 1, (uint32_t)line);
    if (ends_sequence) address = 0, file = 1, line = 1, dropped = 1;
  }
  free(known), free(folders), free(names);
}

)C";

}  // namespace agent
