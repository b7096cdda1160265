// SPDX-License-Identifier: Apache-2.0
#include "tools/syntax.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <random>
#include <thread>

#include "base/file.h"
#include "base/strings.h"

namespace {

const std::filesystem::path kSamples = std::filesystem::path(GRAFT_SOURCE_DIR) / "tests/data/tools/syntax";

std::vector<std::filesystem::path> sample_files() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(kSamples)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

std::string sample(const std::filesystem::path& path) {
  return *base::read_file(path, 1 << 20);
}

// The whole tree as text, so that a difference shows where it is.
std::string dump(const tools::SyntaxTree& tree) {
  std::string out;
  for (const tools::Node& n : tree.nodes())
    out += base::cat(std::string(static_cast<size_t>(n.depth), ' '), n.field, ":", n.type, n.missing ? "?" : "", " ",
                     n.range.begin, "-", n.range.end, "\n");
  return out;
}

// Pieces that make and break structure in most languages.
constexpr std::string_view kPieces[] = {"(",  ")",  "{",  "}", "\"", "'",  "\n", " ",        ";", ",", "x",
                                        "if", "/*", "*/", "#", "=",  "\t", "0",  "\xc3\xa9", "<", ">"};

struct RandomEdit {
  tools::TextChange change;
  std::string text;
};

RandomEdit random_edit(const std::string& text, std::mt19937& random) {
  const auto below = [&](size_t n) { return std::uniform_int_distribution<size_t>(0, n)(random); };
  const size_t begin = below(text.size());
  const size_t n_removed = below(2) == 0 ? std::min<size_t>(below(9), text.size() - begin) : 0;
  std::string added;
  if (below(1) == 0) {  // an edit that mostly keeps the text whole: a letter more in a word, a blank more in a gap
    for (size_t at = begin; at > 1; --at) {
      const bool word = std::islower(static_cast<unsigned char>(text[at - 1])) &&
                        std::islower(static_cast<unsigned char>(text[at - 2]));
      if (!word && text[at - 1] != ' ') continue;
      return {{at, at, at + 1}, text.substr(0, at) + (word ? "x" : " ") + text.substr(at)};
    }
  }
  if (n_removed == 0 || below(1) == 0)
    for (size_t n = 1 + below(2); n > 0; --n) added += kPieces[below(std::size(kPieces) - 1)];
  std::string edited = text.substr(0, begin) + added + text.substr(begin + n_removed);
  return {{begin, begin + n_removed, begin + added.size()}, std::move(edited)};
}

}  // namespace

TEST_CASE("parse: the sample of every language parses without a fault") {
  CHECK(sample_files().size() == 12);
  for (const auto& file : sample_files()) {
    CAPTURE(file.filename().string());
    const auto language = tools::language_of_path(file.string());
    REQUIRE(language);
    const auto tree = tools::SyntaxTree::parse(*language, sample(file));
    REQUIRE(tree);
    CHECK(tree->errors().empty());
    CHECK(tree->nodes().size() > 10);
  }
}

TEST_CASE("languages: paths and LSP identifiers lead to the same grammar") {
  CHECK(tools::language_of_path("src/A.H") == tools::Language::kCpp);
  CHECK(tools::language_of_path(".bashrc") == tools::Language::kBash);
  CHECK_FALSE(tools::language_of_path("folder.py/readme"));
  CHECK_FALSE(tools::language_of_path(".py"));
  CHECK(tools::language_of_id("typescriptreact") == tools::Language::kTsx);
  CHECK_FALSE(tools::language_of_id("cobol"));
  for (const std::string_view id : {"c", "cpp", "cuda-cpp", "python", "javascript", "typescript", "typescriptreact",
                                    "rust", "go", "java", "json", "shellscript"})
    CHECK(tools::language_name(*tools::language_of_id(id)) == id);
}

TEST_CASE("reparse: random edits, one or several at a time, give the tree of a parse from nothing") {
  int n_edits = 0, n_clean = 0, n_other_recovery = 0;
  for (const auto& file : sample_files()) {
    std::mt19937 random(7);
    const tools::Language language = *tools::language_of_path(file.string());
    const std::string original = sample(file);
    auto tree = *tools::SyntaxTree::parse(language, original);
    for (int step = 0; step < 150; ++step) {
      if (step % 5 == 0) tree = *tools::SyntaxTree::parse(language, original);  // else it all ends in rubble
      std::vector<tools::TextChange> changes;
      std::string text = tree.text();
      for (size_t n = 1 + static_cast<size_t>(step) % 4; n > 0; --n) {
        RandomEdit edit = random_edit(text, random);
        changes.push_back(edit.change);
        text = std::move(edit.text);
      }
      const auto incremental = tree.reparse(text, changes);
      const auto whole = tools::SyntaxTree::parse(language, text);
      REQUIRE(incremental);
      REQUIRE(whole);
      ++n_edits;
      const std::string wanted = dump(*whole), got = dump(*incremental);
      CAPTURE(file.filename().string());
      CAPTURE(step);
      CAPTURE(text);
      CHECK(incremental->errors().empty() == whole->errors().empty());
      if (whole->errors().empty()) {
        ++n_clean;
        CHECK(got == wanted);
      } else {
        n_other_recovery += got != wanted;
      }
      tree = *incremental;
    }
    // Whatever stood in between: back to the original text is back to the original tree.
    const tools::TextChange all{0, tree.text().size(), original.size()};
    CHECK(dump(*tree.reparse(original, {&all, 1})) == dump(*tools::SyntaxTree::parse(language, original)));
  }
  CHECK(n_clean > n_edits / 20);
  CHECK(n_other_recovery <= n_edits / 100);  // 1 of 1,800 in the run that set this bound
}

TEST_CASE("reparse: a fault that is typed and taken back leaves the first tree") {
  for (const auto& file : sample_files()) {
    std::mt19937 random(11);
    const auto tree = *tools::SyntaxTree::parse(*tools::language_of_path(file.string()), sample(file));
    const std::string wanted = dump(tree);
    for (int step = 0; step < 60; ++step) {
      const RandomEdit edit = random_edit(tree.text(), random);
      const auto there = tree.reparse(edit.text, {&edit.change, 1});
      const tools::TextChange undo{edit.change.begin, edit.change.new_end, edit.change.old_end};
      CAPTURE(file.filename().string());
      CAPTURE(edit.text);
      CHECK(dump(*there->reparse(tree.text(), {&undo, 1})) == wanted);
    }
  }
}

TEST_CASE("reparse: changes that do not fit the texts still give the right tree") {
  const auto tree = *tools::SyntaxTree::parse(tools::Language::kC, "int a;");
  const tools::TextChange wrong[] = {{100, 200, 300}};
  const auto again = tree.reparse("int abc;", wrong);
  REQUIRE(again);
  CHECK(dump(*again) == dump(*tools::SyntaxTree::parse(tools::Language::kC, "int abc;")));
}

TEST_CASE("parse: bytes that are not UTF-8, NUL bytes and an empty text parse and keep their offsets") {
  const std::string text("int a\xff\xfe; \0 int b;", 17);
  const auto tree = tools::SyntaxTree::parse(tools::Language::kC, text);
  REQUIRE(tree);
  CHECK(tree->text() == text);
  CHECK_FALSE(tree->errors().empty());
  CHECK(tree->nodes().front().range.end <= text.size());
  CHECK(tools::SyntaxTree::parse(tools::Language::kPython, "")->errors().empty());
}

TEST_CASE("parse: nesting a hundred thousand deep neither crashes nor hangs") {
  const auto tree = tools::SyntaxTree::parse(tools::Language::kJson, std::string(100'000, '['));
  REQUIRE(tree);
  CHECK_FALSE(tree->errors().empty());
  CHECK(tree->nodes().size() > 1);
  CHECK(tree->ancestors({50'000, 50'000}).size() >= 1);
  CHECK(tree->symbols().empty());
  const auto closed =
      tools::SyntaxTree::parse(tools::Language::kJson, std::string(100'000, '[') + std::string(100'000, ']'));
  REQUIRE(closed);
  CHECK(closed->errors().empty());
}

TEST_CASE("parse: a stop request ends it with kCancelled, and the thread's next parse is clean") {
  std::stop_source stop;
  stop.request_stop();
  std::string big;
  for (int i = 0; i < 20'000; ++i) big += "int f(int a) { return a + 1; }\n";
  const auto cancelled = tools::SyntaxTree::parse(tools::Language::kC, big, stop.get_token());
  REQUIRE_FALSE(cancelled);
  CHECK(cancelled.error().code == base::ErrorCode::kCancelled);
  CHECK(tools::SyntaxTree::parse(tools::Language::kPython, "x = 1\n")->errors().empty());
}

TEST_CASE("parse: a text over the limit is refused with the limit named") {
  const auto refused = tools::SyntaxTree::parse(tools::Language::kC, std::string(tools::kMaxParseBytes + 1, ' '));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == base::ErrorCode::kExhausted);
  CHECK(refused.error().message.find(base::cat(tools::kMaxParseBytes)) != std::string::npos);
}

TEST_CASE("errors: a missing token says which, and nested faults come on request") {
  const auto tree = *tools::SyntaxTree::parse(tools::Language::kC, "int f() { return 1 }\n");
  const auto errors = tree.errors();
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].missing);
  CHECK(errors[0].type == ";");
  CHECK(tree.errors(tools::ErrorDepth::kAll).size() >= errors.size());
}

TEST_CASE("nodes: a range gives the nodes that share a byte with it, parents first") {
  const std::string text = "int a = 1;\nint b = 2;\n";
  const auto tree = *tools::SyntaxTree::parse(tools::Language::kC, text);
  const size_t at = text.find("b");
  const auto nodes = tree.nodes({at, at + 1});
  std::vector<std::string_view> types;
  for (const auto& n : nodes) types.push_back(n.type);
  CHECK(types == std::vector<std::string_view>{"translation_unit", "declaration", "init_declarator", "identifier"});
  CHECK(nodes[2].field == "declarator");
  CHECK(nodes[3].depth == 3);
}

TEST_CASE("nodes: a range of a random place gives what a filter over all nodes gives") {
  std::mt19937 random(3);
  for (const auto& file : sample_files()) {
    const auto tree = *tools::SyntaxTree::parse(*tools::language_of_path(file.string()), sample(file));
    const auto all = tree.nodes();
    for (int i = 0; i < 50; ++i) {
      const size_t begin = random() % tree.text().size();
      const tools::Range range{begin, std::min(tree.text().size(), begin + 1 + random() % 60)};
      std::string wanted, got;
      for (const auto& n : all)
        if (n.depth == 0 || (n.range.begin < range.end && range.begin < n.range.end) ||
            (n.range.begin == n.range.end && n.range.begin <= range.end && range.begin <= n.range.begin))
          wanted += base::cat(n.type, " ", n.range.begin, "-", n.range.end, "\n");
      for (const auto& n : tree.nodes(range)) got += base::cat(n.type, " ", n.range.begin, "-", n.range.end, "\n");
      CAPTURE(file.filename().string());
      CHECK(got == wanted);
    }
  }
}

TEST_CASE("ancestors: from the innermost named node to the root, also at a token's end") {
  const std::string text = "def f():\n    return abc\n";
  const auto tree = *tools::SyntaxTree::parse(tools::Language::kPython, text);
  for (const size_t at : {text.find("abc"), text.find("abc") + 3}) {
    std::vector<std::string_view> types;
    for (const auto& n : tree.ancestors({at, at})) types.push_back(n.type);
    CHECK(types ==
          std::vector<std::string_view>{"identifier", "return_statement", "block", "function_definition", "module"});
  }
}

TEST_CASE("SyntaxTree: one tree is read and re-parsed by several threads at once") {
  const auto tree = *tools::SyntaxTree::parse(tools::Language::kCpp, sample(kSamples / "sample.cc"));
  const std::string wanted = dump(tree);
  std::vector<std::thread> threads;
  std::atomic<int> n_equal = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&tree, &wanted, &n_equal] {
      for (int i = 0; i < 20; ++i) {
        const tools::TextChange change{0, 0, 1};
        const auto edited = tree.reparse("\n" + tree.text(), {&change, 1});
        n_equal += dump(tree) == wanted && edited->symbols().size() == tree.symbols().size();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(n_equal == 80);
}
