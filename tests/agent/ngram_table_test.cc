// SPDX-License-Identifier: Apache-2.0
#include "agent/memory/ngram_table.h"

#include <doctest/doctest.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <random>

#include "agent/memory/text_memory.h"
#include "base/file.h"
#include "base/json.h"
#include "engine/model_file.h"
#include "tests/support/temp_dir.h"

namespace {

using agent::NgramTable;
using engine::Token;

const std::filesystem::path kData = std::filesystem::path(GRAFT_SOURCE_DIR) / "tests/data/agent/ngrams";

NgramTable small_table() {
  auto table = NgramTable::open(kData / "small.ngrams");
  REQUIRE_MESSAGE(table, (table ? "" : table.error().message));
  return std::move(*table);
}

std::string small_bytes() {
  auto bytes = base::read_file(kData / "small.ngrams", 1 << 20);
  REQUIRE(bytes);
  return std::move(*bytes);
}

base::Result<NgramTable> open_bytes(const test::TempDir& dir, const std::string& bytes) {
  const auto path = dir.path() / "table.ngrams";
  REQUIRE(base::write_file_atomic(path, bytes));
  return NgramTable::open(path);
}

// Whatever the file said: tokens of the vocabulary, rising, with shares above zero.
void check_sane(const NgramTable& table, const std::vector<Token>& context) {
  Token last = -1;
  for (const agent::Share& share : table.after(context)) {
    CHECK(share.token > last);
    CHECK(static_cast<size_t>(share.token) < table.n_vocab());
    CHECK(share.share > 0);
    last = share.token;
  }
}

}  // namespace

TEST_CASE("table of n-grams: says what the text that it was made of says") {
  const NgramTable table = small_table();
  CHECK(table.n_vocab() == 24);
  CHECK(table.longest_context() == 5);
  const auto text = base::read_file(kData / "cases.json", 1 << 20);
  REQUIRE(text);
  const auto cases = base::parse_json(*text);
  REQUIRE(cases);
  size_t n_known = 0, n_longer = 0;
  for (const auto& each : *cases) {
    const auto shares = table.after(each["context"].get<std::vector<Token>>());
    const auto tokens = each["tokens"].get<std::vector<Token>>();
    REQUIRE(shares.size() == tokens.size());
    n_known += shares.empty() ? 0 : 1;
    auto longer = each["context"].get<std::vector<Token>>();
    if (longer.size() == table.longest_context() && !tokens.empty()) {
      longer.push_back(tokens.front());
      CHECK(table.after(longer).empty());
      ++n_longer;
    }
    for (size_t i = 0; i < shares.size(); ++i) {
      CHECK(shares[i].token == tokens[i]);
      CHECK(shares[i].share == doctest::Approx(each["shares"][i].get<double>()).epsilon(1e-5));
    }
  }
  CHECK(n_known > 50);
  CHECK(n_longer > 0);
  CHECK(table.after({}).empty());
  CHECK(table.after(std::vector<Token>{1, 2, 3, 4, 5, 6}).empty());  // longer than it knows
  CHECK(table.after(std::vector<Token>{-1}).empty());
  CHECK(table.after(std::vector<Token>{24}).empty());
  CHECK(table.after(std::vector<Token>{1, 70000}).empty());
}

TEST_CASE("table of n-grams: a memory asks it for contexts of two tokens and more, and says how often they were seen") {
  const auto table = std::make_shared<const NgramTable>(small_table());
  agent::TextMemory memory;
  memory.consult(table);
  std::vector<Token> context;
  for (Token a = 1; a < 24 && context.empty(); ++a)
    for (Token b = 1; b < 24 && context.empty(); ++b)
      if (table->after(std::vector<Token>{a, b}).size() > 1) context = {a, b};
  REQUIRE(!context.empty());
  const auto known = memory.knowledge(context, 24);
  REQUIRE(known.experts.size() == 1);
  CHECK(known.experts[0].number == 1 + agent::kMemoryExperts);
  CHECK(known.longest_match == 0);
  double sum = 0, unknown = 1;
  for (const auto& share : known.experts[0].shares) sum += share.share;
  for (const auto& share : table->after(context)) unknown -= share.share;
  CHECK(sum == doctest::Approx(1));
  CHECK(known.experts[0].n_seen ==
        doctest::Approx(0.75 * static_cast<double>(known.experts[0].shares.size()) / std::max(0.01, unknown)));

  CHECK(memory.knowledge(std::vector<Token>{context[1]}, 24).experts.empty());
  for (const auto& expert : memory.knowledge(context, 12).experts)  // a smaller vocabulary
    for (const auto& share : expert.shares) CHECK(share.token < 12);
  memory.add(context);
  memory.clear();
  CHECK(memory.knowledge(context, 24).experts.size() == 1);
  memory.consult(nullptr);
  CHECK(memory.knowledge(context, 24).experts.empty());
}

TEST_CASE("table of n-grams: a file cut short anywhere is refused with the place") {
  const test::TempDir dir;
  const std::string bytes = small_bytes();
  for (size_t n = 0; n < bytes.size(); n = n < 400 ? n + 1 : n + 97) {
    const auto opened = open_bytes(dir, bytes.substr(0, n));
    REQUIRE(!opened);
    CHECK((n == 0 || opened.error().message.find("table.ngrams") != std::string::npos));
  }
  CHECK(!open_bytes(dir, bytes + std::string(8, '\0')));
  CHECK(open_bytes(dir, bytes));
}

TEST_CASE("table of n-grams: counts that do not fit, another version and another kind of file are refused") {
  const test::TempDir dir;
  const auto refused = [&](size_t at, uint64_t value, size_t n_bytes, std::string_view words) {
    std::string bytes = small_bytes();
    std::memcpy(bytes.data() + at, &value, n_bytes);
    const auto opened = open_bytes(dir, bytes);
    REQUIRE(!opened);
    CHECK(opened.error().code == base::ErrorCode::kCorrupt);
    CHECK_MESSAGE(opened.error().message.find(words) != std::string::npos, opened.error().message);
  };
  refused(0, 'X', 1, "no table of n-grams");
  refused(8, 2, 4, "version 2");
  refused(12, 0, 4, "vocabulary of 0");
  refused(12, 4097, 4, "vocabulary of 4097");
  refused(16, 1, 4, "n-grams of 1");
  refused(16, 1u << 31, 4, "are possible");
  refused(32, uint64_t{1} << 62, 8, "are possible");
  refused(32, (uint64_t{1} << 30) - 1, 8, "does not fit");
  constexpr size_t kBegins = 72;  // of the index of tokens
  refused(kBegins, (uint64_t{1} << 32) + 1, 8, "index of tokens");
  refused(kBegins + 4 * 24, 3, 4, "index of tokens");
  refused(kBegins + 4 * 24, 1u << 30, 4, "index of tokens");
  refused(kBegins + 4 * 10, 1u << 30, 4, "index of tokens");
  const std::string bytes = small_bytes();
  const auto size_of = [&](int n) {
    uint64_t size = 0;
    std::memcpy(&size, bytes.data() + 32 + 8 * (n - 2), 8);
    return static_cast<size_t>(size);
  };
  const auto padded = [](size_t n_bytes) { return (n_bytes + 7) / 8 * 8; };
  const size_t last_numbers = bytes.size() - padded(2 * size_of(6)) - padded(size_of(5));
  refused(last_numbers + size_of(5) - 1, 255, 1, "followers, and");
  refused(last_numbers, 255, 1, "index of contexts");
}

TEST_CASE("table of n-grams: damage of any byte is refused or harmless") {
  const test::TempDir dir;
  const std::string bytes = small_bytes();
  std::mt19937 random(4);
  size_t n_opened = 0;
  for (int round = 0; round < 400; ++round) {
    std::string damaged = bytes;
    for (unsigned n = 1 + random() % 3; n > 0; --n) damaged[random() % damaged.size()] = static_cast<char>(random());
    const auto table = open_bytes(dir, damaged);
    if (!table) continue;
    ++n_opened;
    for (int i = 0; i < 60; ++i) {
      std::vector<Token> context(1 + random() % 6);
      for (Token& t : context) t = static_cast<Token>(random() % 26) - 1;
      check_sane(*table, context);
    }
  }
  CHECK(n_opened > 20);
}

TEST_CASE("table of n-grams: none lies beside a model that has none, one of another vocabulary is not used") {
  const auto fixture = std::filesystem::path(GRAFT_SOURCE_DIR) / "models/graft-tiny.gguf";
  const test::TempDir dir;
  const auto path = dir.path() / "m.gguf";
  std::filesystem::copy_file(fixture, path);
  const auto model = engine::Engine::load(path, {.n_threads = 1});
  REQUIRE(model);
  CHECK((*model)->info().path == path);
  CHECK(NgramTable::beside(**model) == nullptr);
  std::filesystem::copy_file(kData / "small.ngrams", dir.path() / "m.ngrams");
  CHECK(NgramTable::beside(**model) == nullptr);
  REQUIRE(base::write_file_atomic(dir.path() / "m.ngrams", "GRAFTNGMnothing"));
  CHECK(NgramTable::beside(**model) == nullptr);
  auto bytes = base::read_file(std::filesystem::path(GRAFT_SOURCE_DIR) / "models/graft-tiny.ngrams", 1 << 26);
  REQUIRE(bytes);
  (*bytes)[24] = static_cast<char>((*bytes)[24] + 1);  // as large a vocabulary, of other tokens
  REQUIRE(base::write_file_atomic(dir.path() / "m.ngrams", *bytes));
  CHECK(NgramTable::open(dir.path() / "m.ngrams"));
  CHECK(NgramTable::beside(**model) == nullptr);
}

TEST_CASE("table of n-grams: is told of a model file that is only looked at, with why it is not used") {
  const auto shipped = std::filesystem::path(GRAFT_SOURCE_DIR) / "models/graft-tiny.gguf";
  const test::TempDir dir;
  std::filesystem::copy_file(shipped, dir.path() / "m.gguf");
  const auto at = [](const std::filesystem::path& path) {
    auto model = engine::open_model_file(path);
    REQUIRE(model);
    return std::move(*model);
  };
  const auto open_for = [](const engine::ModelFile& model) {
    return NgramTable::open_for(model.info(), NgramTable::path_beside(model.info()), [&](Token token) {
      return model.detokenize({&token, 1});
    });
  };
  CHECK(NgramTable::path_beside(at(dir.path() / "m.gguf")->info()).empty());
  const auto whole = open_for(*at(shipped));
  REQUIRE(whole);
  CHECK(whole->n_bytes() == std::filesystem::file_size(NgramTable::path_beside(at(shipped)->info())));
  std::filesystem::copy_file(kData / "small.ngrams", dir.path() / "m.ngrams");
  const auto other = open_for(*at(dir.path() / "m.gguf"));
  REQUIRE(!other);
  CHECK(other.error().code == base::ErrorCode::kInvalidArgument);
  CHECK(other.error().message.find("another vocabulary") != std::string::npos);
  REQUIRE(base::write_file_atomic(dir.path() / "m.ngrams", "GRAFTNGMnothing"));
  const auto damaged = open_for(*at(dir.path() / "m.gguf"));
  REQUIRE(!damaged);
  CHECK(damaged.error().code == base::ErrorCode::kCorrupt);
}

TEST_CASE("table of n-grams: the shipped one is the shipped model's, and knows idioms") {
  const auto model =
      engine::Engine::load(std::filesystem::path(GRAFT_SOURCE_DIR) / "models/graft-tiny.gguf", {.n_threads = 1});
  REQUIRE(model);
  const auto table = NgramTable::beside(**model);
  REQUIRE(table);
  CHECK(table->n_ngrams() > 1'000'000);
  const auto likeliest = [&](std::string_view text) {
    const auto tokens = (*model)->tokenize(text);
    agent::Share most;
    for (size_t n = std::min(tokens.size(), table->longest_context()); n > 0 && most.share == 0; --n)
      for (const auto& share : table->after(std::span(tokens).last(n)))
        if (share.share > most.share) most = share;
    return most.share > 0 ? (*model)->detokenize({&most.token, 1}) : std::string();
  };
  CHECK(likeliest("\tif err != nil") == " {");
  CHECK(likeliest("for (int i = 0; i") == " <");
}
