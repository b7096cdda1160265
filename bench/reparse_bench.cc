// SPDX-License-Identifier: Apache-2.0
// Time from a keystroke to the new syntax tree, beside Tree-sitter's own incremental parse of the same keystroke.
//
//   reparse_bench [--keys N] FILE...
//
// Each keystroke inserts or removes one letter at a random place inside a word. `ours` is SyntaxTree::reparse() with
// all that it does (finding rows and columns, taking over the text); `floor` is ts_tree_edit() and
// ts_parser_parse_string() with the positions given. Processor time of the thread, so that other programs do not count.
#include <time.h>
#include <tree_sitter/api.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "base/file.h"
#include "tools/syntax_state.h"

namespace {

double thread_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

TSPoint point_at(const std::string& text, size_t offset) {
  const auto row = std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(offset), '\n');
  const size_t newline = offset == 0 ? std::string::npos : text.rfind('\n', offset - 1);
  return {static_cast<uint32_t>(row),
          static_cast<uint32_t>(newline == std::string::npos ? offset : offset - newline - 1)};
}

double percentile(std::vector<double> values, double part) {
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(part * static_cast<double>(values.size() - 1))];
}

// Letters typed inside words: the tree changes little, as it does for a person.
size_t place_in_word(const std::string& text, std::mt19937& random) {
  for (;;) {
    const size_t at = 1 + random() % (text.size() - 1);
    if (std::islower(static_cast<unsigned char>(text[at - 1])) && std::islower(static_cast<unsigned char>(text[at])))
      return at;
  }
}

int measure(const char* path, int n_keys) {
  auto bytes = base::read_file(path, tools::kMaxParseBytes);
  const auto language = tools::language_of_path(path);
  if (!bytes || !language) {
    std::fprintf(stderr, "%s: %s\n", path, !bytes ? bytes.error().message.c_str() : "no grammar for this kind of file");
    return 1;
  }
  std::string text = std::move(*bytes);
  const double start = thread_ms();
  auto tree = *tools::SyntaxTree::parse(*language, text);
  const double full_ms = thread_ms() - start;
  const tools::TsParser parser(ts_parser_new());
  ts_parser_set_language(parser.get(), tools::ts_language(*language));
  tools::TsTree plain(ts_parser_parse_string(parser.get(), nullptr, text.data(), static_cast<uint32_t>(text.size())));

  std::mt19937 random(1);
  std::vector<double> ours, floor, ratio;
  size_t typed_at = 0;
  for (int key = 0; key < n_keys; ++key) {
    const bool insert = key % 2 == 0;  // then taken back, so that the text stays what it is
    if (insert) typed_at = place_in_word(text, random);
    std::string next = text;
    insert ? next.insert(typed_at, "x") : next.erase(typed_at, 1);
    const tools::TextChange change{typed_at, typed_at + (insert ? 0 : 1), typed_at + (insert ? 1 : 0)};
    const TSPoint from = point_at(text, typed_at), after{from.row, from.column + 1};
    const TSInputEdit edit{static_cast<uint32_t>(change.begin),
                           static_cast<uint32_t>(change.old_end),
                           static_cast<uint32_t>(change.new_end),
                           from,
                           insert ? from : after,
                           insert ? after : from};

    const auto run_ours = [&](std::string copy) {
      const double begin = thread_ms();
      auto again = tree.reparse(std::move(copy), {&change, 1});
      ours.push_back(thread_ms() - begin);
      tree = std::move(*again);
    };
    const auto run_floor = [&] {
      const double begin = thread_ms();
      ts_tree_edit(plain.get(), &edit);
      tools::TsTree again(
          ts_parser_parse_string(parser.get(), plain.get(), next.data(), static_cast<uint32_t>(next.size())));
      floor.push_back(thread_ms() - begin);
      plain = std::move(again);
    };
    if (key % 4 < 2)
      run_ours(next), run_floor();
    else
      run_floor(), run_ours(next);
    ratio.push_back(ours.back() / floor.back());
    text = std::move(next);
  }
  const char* name = std::strrchr(path, '/');
  std::printf("%s,%zu,%.2f,%.3f,%.3f,%.3f,%.3f,%.2f,%s\n", name == nullptr ? path : name + 1, text.size(), full_ms,
              percentile(ours, 0.5), percentile(ours, 0.99), percentile(floor, 0.5), percentile(floor, 0.99),
              percentile(ratio, 0.5), tree.errors().empty() ? "no" : "yes");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  int n_keys = 200, failed = 0, first = 1;
  if (argc > 2 && std::strcmp(argv[1], "--keys") == 0) n_keys = std::max(2, std::atoi(argv[2])), first = 3;
  if (first >= argc) {
    std::fprintf(stderr, "use: reparse_bench [--keys N] FILE...\n");
    return 2;
  }
  std::printf("file,bytes,full_ms,ours_p50_ms,ours_p99_ms,floor_p50_ms,floor_p99_ms,ratio_p50,has_faults\n");
  for (int i = first; i < argc; ++i) failed |= measure(argv[i], n_keys);
  return failed;
}
