// SPDX-License-Identifier: Apache-2.0
#include "engine/tokenizer/tokenizer.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>

#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "engine/tokenizer/nfc.h"

namespace {

const std::filesystem::path kData = std::filesystem::path(GRAFT_SOURCE_DIR) / "tests/data/engine/tokenizer";

base::Json json_of(const char* name) {
  auto text = base::read_file(kData / name, 1 << 24);
  REQUIRE(text);
  auto json = base::parse_json(*text);
  REQUIRE(json);
  return *json;
}

engine::Tokenizer tokenizer_of(const base::Json& json) {
  auto tokenizer = engine::tokenizer_from_json(base::dump_json(json));
  REQUIRE_MESSAGE(tokenizer, (tokenizer ? "" : tokenizer.error().message));
  return std::move(*tokenizer);
}

// The error of a tokenizer.json with one part replaced, and what it must mention.
void check_refused(const char* pointer, const base::Json& value, std::string_view mentions) {
  base::Json json = json_of("base.json");
  json[base::Json::json_pointer(pointer)] = value;
  const auto tokenizer = engine::tokenizer_from_json(base::dump_json(json));
  CAPTURE(pointer);
  REQUIRE_FALSE(tokenizer);
  CHECK_MESSAGE(tokenizer.error().message.find(mentions) != std::string::npos, tokenizer.error().message);
}

}  // namespace

TEST_CASE("tokenizer: ids are those of Hugging Face tokenizers under every pre-tokenizer") {
  const base::Json golden = json_of("golden.json");
  base::Json json = json_of("base.json");
  for (const auto& [name, variant] : golden["variants"].items()) {
    json["pre_tokenizer"] = variant["pre_tokenizer"];
    const engine::Tokenizer tokenizer = tokenizer_of(json);
    for (size_t i = 0; i < golden["texts"].size(); ++i) {
      const auto text = golden["texts"][i].get<std::string>();
      CAPTURE(name);
      CAPTURE(text);
      CHECK(tokenizer.encode(text, false) == variant["ids"][i].get<std::vector<engine::Token>>());
      CHECK(tokenizer.decode(tokenizer.encode(text, false)) == text);
    }
  }
}

TEST_CASE("tokenizer: text is brought to form C where tokenizer.json asks for it") {
  const base::Json golden = json_of("golden.json");
  base::Json json = json_of("base.json");
  json["pre_tokenizer"] = golden["variants"]["qwen2"]["pre_tokenizer"];
  for (const base::Json& normalizer :
       {base::Json{{"type", "NFC"}}, base::Json{{"type", "Sequence"}, {"normalizers", {{{"type", "NFC"}}}}}}) {
    json["normalizer"] = normalizer;
    const engine::Tokenizer tokenizer = tokenizer_of(json);
    for (size_t i = 0; i < golden["texts"].size(); ++i) {
      const auto text = golden["texts"][i].get<std::string>();
      CAPTURE(text);
      CHECK(tokenizer.encode(text, false) == golden["nfc"]["ids"][i].get<std::vector<engine::Token>>());
      CHECK(tokenizer.decode(tokenizer.encode(text, false)) == golden["nfc"]["texts"][i].get<std::string>());
      CHECK(engine::to_nfc(text) == golden["nfc"]["texts"][i].get<std::string>());
    }
  }
  json["added_tokens"][1]["content"] = "e\u0301";
  json["added_tokens"][1]["normalized"] = true;
  json["model"]["vocab"].erase("<user>");
  const auto never_found = engine::tokenizer_from_json(base::dump_json(json));
  REQUIRE_FALSE(never_found);
  CHECK(never_found.error().message.find("form C") != std::string::npos);
}

TEST_CASE("form C: bytes that are not UTF-8 stay, and marks without end are put in order") {
  CHECK(engine::to_nfc("e\xCC") == "e\xCC");
  CHECK(engine::to_nfc("e\xCC\x81\xFF\xCC\x81") == "\xC3\xA9\xFF\xCC\x81");
  CHECK(engine::to_nfc("") == "");
  // U+0305 keeps U+0301, of its class, from the letter; U+0323 below does not.
  CHECK(engine::to_nfc("a\xCC\x85\xCC\x81") == "a\xCC\x85\xCC\x81");
  CHECK(engine::to_nfc("q\xCC\xA3\xCC\x81 a\xCC\xA5\xCC\x81") == "q\xCC\xA3\xCC\x81 \xE1\xB8\x81\xCC\x81");
  std::string marks = "e";
  for (int i = 0; i < 50000; ++i) marks += "\xCC\x82\xCC\xA3";  // U+0302 above, U+0323 below
  const std::string once = engine::to_nfc(marks);
  CHECK(once.starts_with("\xE1\xBB\x87\xCC\xA3"));  // U+1EC7 took one of each
  CHECK(engine::to_nfc(once) == once);
}

TEST_CASE("tokenizer: special tokens in the text count only where the caller asks") {
  const base::Json golden = json_of("golden.json");
  base::Json json = json_of("base.json");
  json["pre_tokenizer"] = golden["variants"]["digit runs, matches kept"]["pre_tokenizer"];
  const engine::Tokenizer tokenizer = tokenizer_of(json);
  for (size_t i = 0; i < golden["texts"].size(); ++i) {
    const auto text = golden["texts"][i].get<std::string>();
    CAPTURE(text);
    CHECK(tokenizer.encode(text, true) == golden["special_ids"][i].get<std::vector<engine::Token>>());
    CHECK(tokenizer.decode(tokenizer.encode(text, true)) == text);
  }
  const auto end = tokenizer.added_token("<|end|>");
  REQUIRE(end);
  CHECK(tokenizer.encode("<|end|>", true) == std::vector<engine::Token>{*end});
  for (const engine::Token token : tokenizer.encode("<|end|>", false)) CHECK(token != *end);
}

TEST_CASE("pre-tokenizers: GGUF's names cut text as the expressions of tokenizer.json do") {
  const base::Json golden = json_of("golden.json");
  for (const auto& [name, variant] : golden["variants"].items()) {
    const auto splits = engine::splits_named(name);
    if (!splits) continue;  // a combination that GGUF has no name for
    for (size_t i = 0; i < golden["texts"].size(); ++i) {
      const auto text = golden["texts"][i].get<std::string>();
      CAPTURE(name);
      CAPTURE(text);
      std::vector<size_t> lengths;
      for (const auto piece : engine::pre_tokenize(*splits, text)) lengths.push_back(piece.size());
      CHECK(lengths == variant["pieces"][i].get<std::vector<size_t>>());
    }
  }
  CHECK(engine::splits_named("gpt-2"));
  CHECK_FALSE(engine::splits_named("jais-2"));
}

TEST_CASE("tokenizer: bytes that are not UTF-8 come back exactly") {
  const base::Json golden = json_of("golden.json");
  std::mt19937 random(1);
  for (const auto& [name, variant] : golden["variants"].items()) {
    base::Json json = json_of("base.json");
    json["pre_tokenizer"] = variant["pre_tokenizer"];
    const engine::Tokenizer tokenizer = tokenizer_of(json);
    std::string all;
    for (int byte = 0; byte < 256; ++byte) all.push_back(static_cast<char>(byte));
    CHECK(tokenizer.decode(tokenizer.encode(all, false)) == all);
    for (int round = 0; round < 200; ++round) {
      std::string text(random() % 40, ' ');
      for (char& c : text) c = static_cast<char>(random() % 3 == 0 ? random() : " \nab'1\xE4\xBD\xA0"[random() % 9]);
      CAPTURE(name);
      REQUIRE(tokenizer.decode(tokenizer.encode(text, false)) == text);
    }
  }
}

TEST_CASE("tokenizer: a long piece is merged as a short one is") {
  // Both ways of merging (every pair each time, and a heap) must follow one rule.
  std::vector<engine::Merge> merges;
  std::mt19937 random(7);
  for (engine::Token result = 4; result < 60; ++result)
    merges.push_back({static_cast<engine::Token>(random() % static_cast<unsigned>(result)),
                      static_cast<engine::Token>(random() % static_cast<unsigned>(result)), result});
  const engine::MergeTable table(merges);
  for (int round = 0; round < 500; ++round) {
    std::vector<engine::Token> symbols(20 + random() % 60);
    for (auto& s : symbols) s = static_cast<engine::Token>(random() % 4);
    std::vector<engine::Token> expected = symbols;
    for (;;) {  // the rule itself
      size_t at = 0;
      int best = -1;
      for (size_t i = 0; i + 1 < expected.size(); ++i) {
        const int rank = table.find(expected[i], expected[i + 1]).rank;
        if (rank >= 0 && (best < 0 || rank < best)) best = rank, at = i;
      }
      if (best < 0) break;
      expected[at] = table.find(expected[at], expected[at + 1]).result;
      expected.erase(expected.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    }
    engine::merge_pairs(table, symbols);
    REQUIRE(symbols == expected);
  }
}

TEST_CASE("tokenizer: a long text without a border takes linear time") {
  const base::Json golden = json_of("golden.json");
  for (const char* name : {"gpt-2", "deepseek-v3", "deepseek-llm"}) {
    base::Json json = json_of("base.json");
    json["pre_tokenizer"] = golden["variants"][name]["pre_tokenizer"];
    const engine::Tokenizer tokenizer = tokenizer_of(json);
    for (const std::string& unit :
         {std::string(" "), std::string("a"), std::string("<|en"), std::string("\n "), std::string("\xE4\xBD\xA0")}) {
      std::string text;
      while (text.size() < (1u << 17)) text += unit;
      text += "end";
      CHECK(tokenizer.decode(tokenizer.encode(text, true)) == text);  // quadratic work would pass the test's time limit
    }
  }
}

TEST_CASE("tokenizer.json: merges as strings and as pairs, and ignore_merges") {
  base::Json json = json_of("base.json");
  const engine::Tokenizer pairs = tokenizer_of(json);
  REQUIRE(json["model"]["merges"][0].is_array());
  for (auto& merge : json["model"]["merges"]) merge = merge[0].get<std::string>() + " " + merge[1].get<std::string>();
  const engine::Tokenizer strings = tokenizer_of(json);
  CHECK(pairs.encode("for (int i = 0; i < n; ++i)", false) == strings.encode("for (int i = 0; i < n; ++i)", false));

  json["model"]["merges"] = base::Json::array();
  CHECK(tokenizer_of(json).encode("size", false).size() == 4);
  json["model"]["vocab"]["size"] = 900;
  json["model"]["ignore_merges"] = true;
  json["pre_tokenizer"]["use_regex"] = true;
  CHECK(tokenizer_of(json).encode("size", false) == std::vector<engine::Token>{900});
}

TEST_CASE("tokenizer.json: what would not be exact is refused by name") {
  check_refused("/normalizer", {{"type", "NFKC"}}, "NFKC");
  check_refused("/normalizer", {{"type", "Sequence"}, {"normalizers", {{{"type", "Lowercase"}}}}}, "Lowercase");
  check_refused("/pre_tokenizer", {{"type", "Metaspace"}}, "Metaspace");
  check_refused("/pre_tokenizer", nullptr, "pre-tokenizer");
  check_refused("/pre_tokenizer/add_prefix_space", true, "add_prefix_space");
  check_refused("/model/type", "Unigram", "Unigram");
  check_refused("/model/byte_fallback", true, "byte_fallback");
  check_refused("/model/end_of_word_suffix", "</w>", "end_of_word_suffix");
  check_refused("/model/dropout", 0.1, "dropout");
  check_refused("/added_tokens/0/lstrip", true, "lstrip");
  check_refused(
      "/pre_tokenizer",
      {{"type", "Sequence"},
       {"pretokenizers", {{{"type", "Split"}, {"pattern", {{"Regex", "(?<=x)y"}}}, {"behavior", "Isolated"}}}}},
      "(?<=x)y");
  check_refused(
      "/pre_tokenizer",
      {{"type", "Sequence"},
       {"pretokenizers", {{{"type", "Split"}, {"pattern", {{"Regex", R"(\s+$)"}}}, {"behavior", "MergedWithNext"}}}}},
      "MergedWithNext");
}

TEST_CASE("tokenizer.json: damage is named") {
  check_refused("/model/vocab", base::Json::array(), "vocab");
  check_refused("/model/vocab/a", -1, "id of a");
  check_refused("/model/vocab/a", 1 << 30, "id of a");
  check_refused("/model/vocab/a", 5, "two entries");
  check_refused("/model/merges", "x", "merges");
  check_refused("/model/merges/3", "one", "merge 3");
  check_refused("/model/merges/3", {"zzzz", "q"}, "merge 3");
  check_refused("/model/merges/3", 7, "merge 3");
  check_refused("/added_tokens", 5, "added_tokens");
  check_refused("/added_tokens/0/id", "x", "id of <|end|>");
  check_refused("/added_tokens/0/content", "", "0 bytes");
  check_refused("/added_tokens/1/id", 0, "another token");
  check_refused("/added_tokens/1/id", 40, "another token");
  CHECK_FALSE(engine::tokenizer_from_json("[]"));
  CHECK_FALSE(engine::tokenizer_from_json("{\"model\": 3}"));
  base::Json json = json_of("base.json");
  json["model"]["vocab"].erase("!");
  json["model"]["merges"] = base::Json::array();
  const auto no_byte = engine::tokenizer_from_json(base::dump_json(json));
  REQUIRE_FALSE(no_byte);
  CHECK(no_byte.error().message.find("byte 33") != std::string::npos);
}
