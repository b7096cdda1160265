// SPDX-License-Identifier: Apache-2.0
// DSpark, DeepSeek V4's drafts of a block at once: the blocks against tests/data/engine/make_dspark.py, and the same
// tokens with and without them.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "base/file.h"
#include "engine/formats/gguf_writer.h"
#include "engine/sampling.h"
#include "tests/engine/session_kit.h"
#include "tests/engine/synthetic_model.h"
#include "tests/engine/tiny_model.h"
#include "tests/support/temp_dir.h"

namespace {

using namespace engine;
using namespace engine::test;

const std::filesystem::path kFamilies = std::filesystem::path(GRAFT_SOURCE_DIR) / "tests/data/engine/families",
                            kFolder = kFamilies / "deepseek_v4_dspark";

// What is guessed behind each front of the tokens, as draft.f32 has it; states go to the drafts `piece` at a time in
// between.
std::vector<float> guesses_of(Model& model, const TinyModel& tiny, size_t piece, double most_error = 1e-4) {
  const size_t n = tiny.tokens.size(), width = static_cast<size_t>(model.draft_width()),
               n_vocab = static_cast<size_t>(tiny.n_vocab);
  REQUIRE(width > 0);
  std::vector<float> states(n * width), logits(n * n_vocab), made;
  const auto cache = model.make_cache(static_cast<int64_t>(n));
  ForwardRequest forward;
  forward.tokens = std::span(tiny.tokens).first(n - 3);
  forward.cache = cache.get();
  forward.states = states.data();
  forward.logits = logits.data();
  forward.all_logits = true;
  REQUIRE(model.forward(forward));
  forward.tokens = std::span(tiny.tokens).last(3);
  forward.position = static_cast<int64_t>(n - 3);
  forward.states = states.data() + (n - 3) * width;
  forward.logits = logits.data() + (n - 3) * n_vocab;
  REQUIRE(model.forward(forward));
  CHECK(relative_error(logits, tiny.logits) <= most_error);
  for (size_t length = 1; length < n; ++length) {
    const auto draft_cache = model.make_draft_cache(static_cast<int64_t>(n));
    DraftBlock block;
    DraftRequest request;
    request.cache = draft_cache.get();
    for (size_t done = 0; done < length; done += request.tokens.size()) {
      const size_t now = std::min(piece, length - done);
      request.position = static_cast<int64_t>(done);
      request.tokens = std::span(tiny.tokens).subspan(done + 1, now);
      request.states = states.data() + done * width;
      request.block = done + now == length ? &block : nullptr;
      REQUIRE(model.draft(request));
    }
    REQUIRE(block.tokens.size() == static_cast<size_t>(model.draft_block()));
    for (size_t i = 0; i < block.tokens.size(); ++i)
      CHECK(block.tokens[i] == argmax(std::span(block.logits).subspan(i * n_vocab, n_vocab)));
    made.insert(made.end(), block.logits.begin(), block.logits.end());
    made.insert(made.end(), block.confidence.begin(), block.confidence.end());
  }
  return made;
}

std::vector<float> golden_blocks(const std::string& name) {
  const auto raw = base::read_file(kFamilies / name / "draft.f32", 1 << 20);
  REQUIRE(raw);
  std::vector<float> golden(raw->size() / sizeof(float));
  std::memcpy(golden.data(), raw->data(), raw->size());
  return golden;
}

void check_blocks(Model& model, const TinyModel& tiny, const std::string& name = "deepseek_v4_dspark") {
  const std::vector<float> golden = golden_blocks(name);
  const std::vector<float> made = guesses_of(model, tiny, 1);
  REQUIRE(made.size() == golden.size());
  const size_t block = static_cast<size_t>(model.draft_block()), logits = block * static_cast<size_t>(tiny.n_vocab);
  for (size_t at = 0; at < made.size(); at += logits + block) {
    const auto part = [&](const std::vector<float>& of, size_t first, size_t n) {
      return std::vector<float>(of.begin() + static_cast<std::ptrdiff_t>(first),
                                of.begin() + static_cast<std::ptrdiff_t>(first + n));
    };
    CHECK(relative_error(part(made, at, logits), part(golden, at, logits)) <= 1e-4);
    for (size_t i = at + logits; i < at + logits + block; ++i) CHECK(std::abs(made[i] - golden[i]) <= 1e-4);
  }
  CHECK(guesses_of(model, tiny, 32) == made);
  CHECK(guesses_of(model, tiny, 5) == made);
}

// Of a model with keys in bf16: the block's own among them. The median of the blocks, as some token of a block may go
// to another expert, or be another where two are about as likely.
void check_rounded_blocks(Model& model, const TinyModel& tiny, const std::string& name) {
  constexpr double kMostError = .5;  // of the model's own logits: cache_types_test.cc holds their median
  const std::vector<float> golden = golden_blocks(name), made = guesses_of(model, tiny, 1, kMostError);
  REQUIRE(made.size() == golden.size());
  const size_t block = static_cast<size_t>(model.draft_block()), logits = block * static_cast<size_t>(tiny.n_vocab);
  std::vector<double> errors;
  for (size_t at = 0; at < made.size(); at += logits + block)
    errors.push_back(relative_error(std::span(made).subspan(at, logits), std::span(golden).subspan(at, logits)));
  std::sort(errors.begin(), errors.end());
  CHECK(errors[errors.size() / 2] <= 0.01);  // docs/kv-cache.md: three stages behind the model's layers
  CHECK(errors.front() > 1e-5);              // or nothing was rounded
  CHECK(guesses_of(model, tiny, 5, kMostError) == made);
}

std::unique_ptr<Session> open_drafting(const Engine& engine, int n_ctx) {
  SessionOptions options;
  options.drafts = true;
  auto session = engine.open_session_with(n_ctx, options);
  REQUIRE_MESSAGE(session, session.error().message);
  return std::move(*session);
}

float from_bf16(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}
uint16_t to_bf16(float value) {
  uint32_t wide;
  std::memcpy(&wide, &value, sizeof wide);
  return static_cast<uint16_t>((wide + 0x7fff + (wide >> 16 & 1)) >> 16);
}

// A model in which the next token depends on the last alone, and whose blocks know it by the token before: their own
// logits are 0, and the head behind a token's Markov row is the model's. `sure`: of each guess, as the confidence head
// says.
void write_agreeing(const ::test::TempDir& dir, bool sure) {
  const std::string bytes = *base::read_file(kFolder / "model.safetensors", 1 << 24);
  TensorTable tensors;
  REQUIRE(read_safetensors(std::as_bytes(std::span(bytes)), "model.safetensors", tensors));
  std::map<std::string, std::vector<uint16_t>> values;
  for (const auto& [name, stored] : tensors) {
    values[name].resize(static_cast<size_t>(stored.view.size_bytes()) / 2);
    if (values[name].empty()) continue;  // an empty vector may have no address
    std::memcpy(values[name].data(), bytes.data() + stored.file_offset, values[name].size() * 2);
  }
  const auto ends = [](const std::string& name, std::string_view part) { return name.ends_with(part); };
  for (auto& [name, own] : values)
    if (ends(name, "wo_b.weight") || ends(name, ".w2.weight") || ends(name, "hc_attn_fn") || ends(name, "hc_ffn_fn") ||
        name == "mtp.2.norm.weight" || ends(name, "confidence_head.proj.weight"))
      std::fill(own.begin(), own.end(), uint16_t{0});
    else if (ends(name, "hc_attn_base") || ends(name, "hc_ffn_base"))
      std::fill(own.begin(), own.end(), to_bf16(1.0f));
  values["mtp.2.markov_head.markov_w2.weight"] = values["head.weight"];
  const size_t d = values["norm.weight"].size(), n_vocab = values["head.weight"].size() / d;
  for (size_t v = 0; v < n_vocab; ++v) {
    float squares = 0.0f;
    for (size_t i = 0; i < d; ++i) squares += std::pow(from_bf16(values["embed.weight"][v * d + i]), 2.0f);
    for (size_t i = 0; i < d; ++i)
      values["mtp.2.markov_head.markov_w1.weight"][v * d + i] =
          to_bf16(from_bf16(values["embed.weight"][v * d + i]) / std::sqrt(squares / static_cast<float>(d)) *
                  from_bf16(values["norm.weight"][i]));
  }
  // Unsure: 1/2 each time, so that two in a row are likelier wrong than right. Sure: a column of the Markov rows stands
  // for all, which the last layer's own state cannot be, made the same for every token.
  if (sure) {
    for (size_t v = 0; v < n_vocab; ++v) {
      values["mtp.2.markov_head.markov_w1.weight"][v * d] = to_bf16(8.0f);
      values["mtp.2.markov_head.markov_w2.weight"][v * d] = 0;
      values["head.weight"][v * d] = 0;
    }
    values["mtp.2.confidence_head.proj.weight"][d] = to_bf16(1.0f);
  }
  std::string changed = bytes;
  for (const auto& [name, stored] : tensors)
    if (!values[name].empty())
      std::memcpy(changed.data() + stored.file_offset, values[name].data(), values[name].size() * 2);
  dir.write("config.json", *base::read_file(kFolder / "config.json", 1 << 20));
  dir.write("model.safetensors", changed);
}

// A model's folder in which config.json or a tensor's name is changed.
class ChangedFolder {
 public:
  explicit ChangedFolder(const std::filesystem::path& folder)
      : weights_(*base::read_file(folder / "model.safetensors", 1 << 24)),
        config_(*base::read_file(folder / "config.json", 1 << 20)) {
    dir_.write("config.json", config_);
    if (const auto tokenizer = base::read_file(folder / "tokenizer.json", 1 << 20))
      dir_.write("tokenizer.json", *tokenizer);
  }
  // Checks that the tensor's absence is told by its name.
  void check_needs(const std::string& tensor) const {
    std::string changed = weights_;
    changed[changed.find('"' + tensor + '"') + tensor.size()] = 'x';
    dir_.write("config.json", config_);
    dir_.write("model.safetensors", changed);
    const auto engine = Engine::load(dir_.path(), {});
    REQUIRE_FALSE(engine);
    CHECK(engine.error().code == base::ErrorCode::kCorrupt);
    CHECK_MESSAGE(engine.error().message.find(tensor) != std::string::npos, engine.error().message);
  }
  // With `to` in place of `from` in config.json.
  auto load_with(const std::string& from, const std::string& to) const {
    std::string changed = config_;
    REQUIRE(changed.find(from) != std::string::npos);
    dir_.write("config.json", changed.replace(changed.find(from), from.size(), to));
    dir_.write("model.safetensors", weights_);
    return Engine::load(dir_.path(), {});
  }

 private:
  ::test::TempDir dir_;
  std::string weights_, config_;
};

}  // namespace

TEST_CASE("dspark: the blocks' logits and confidences are those of the description, in every division, on every path") {
  ThreadPool pool(2);
  for (const char* name : {"deepseek_v4_dspark", "deepseek_v41_dspark"}) {
    CAPTURE(std::string(name));
    const TinyModel tiny = read_model(name);
    check_blocks(*tiny.family->make_reference(), tiny, name);
    for (const FastKernels* kernels : all_kernels()) {
      CAPTURE(std::string(kernels->name));
      check_blocks(*tiny.family->make_fast(*kernels, pool, true), tiny, name);
    }
    check_blocks(*tiny.family->make_fast(best_kernels(), pool, false), tiny, name);
    check_rounded_blocks(*tiny.family->make_fast(best_kernels(), pool, true, CacheType::kBf16), tiny, name);
    check_model(*tiny.family->make_fast(best_kernels(), pool, true), tiny);
    check_model(*tiny.family->make_reference(), tiny);
    ModelInfo info;
    tiny.family->describe(info);
    CHECK(info.has_draft_layer);
    uint64_t bytes = 0;
    for (const auto& [tensor, stored] : tiny.folder.tensors)
      if (stored.view.type != DType::kI64 && tensor.find("bias_vl") == std::string::npos)
        bytes += static_cast<uint64_t>(stored.view.size_bytes());
    CHECK(info.weight_bytes >= bytes);  // and the scales beside them
  }
}

TEST_CASE("dspark: the same tokens and log-probabilities with and without, for every seed") {
  struct Kind {
    const char* name;
    Numerics numerics;
    CacheType cache;
  };
  for (const auto& [name, numerics, cache] : {Kind{"deepseek_v4_dspark", Numerics::kFast, CacheType::kF32},
                                              {"deepseek_v4_dspark", Numerics::kFast, CacheType::kBf16},
                                              {"deepseek_v4_dspark", Numerics::kReference, CacheType::kAuto},
                                              {"deepseek_v41_dspark", Numerics::kFast, CacheType::kF32},
                                              {"deepseek_v41_dspark", Numerics::kFast, CacheType::kBf16},
                                              {"deepseek_v41_dspark", Numerics::kReference, CacheType::kAuto}}) {
    CAPTURE(std::string(name));
    const auto engine = tiny(std::string("families/") + name, numerics, cache);
    CHECK(engine->info().has_draft_layer);
    int64_t drafted = 0;
    for (const float temperature : {0.0f, 0.7f})
      for (uint64_t seed = 0; seed < 3; ++seed) {
        GenerateOptions options;
        options.max_tokens = 40;
        options.sampling.temperature = temperature;
        options.sampling.seed = seed;
        const std::vector<Token> prompt = tokens_from(static_cast<int>(seed), 45, 96);
        const auto want = generate(*open(engine, 128), prompt, options, {});
        REQUIRE(want);
        for (const int drafts : {1, 3, 1000}) {
          options.max_layer_draft_tokens = drafts;
          const auto session = open_drafting(*engine, 128);
          for (int again = 0; again < 2; ++again) {  // the second time from the middle of its own timeline
            const auto with = generate(*session, prompt, options, {});
            REQUIRE(with);
            CHECK(with->tokens == want->tokens);
            CHECK(with->token_logprobs == want->token_logprobs);
            drafted += with->n_drafted;
          }
          options.max_layer_draft_tokens = 0;
        }
      }
    CHECK(drafted > 0);
  }
}

TEST_CASE("dspark: blocks that know what comes next are believed, as far as they are sure") {
  const ::test::TempDir dir;
  for (const bool sure : {true, false}) {
    write_agreeing(dir, sure);
    const auto engine = Engine::load(dir.path(), {Numerics::kFast, 2});
    REQUIRE_MESSAGE(engine, engine.error().message);
    const std::vector<Token> prompt = tokens_from(4, 50, 96);
    const auto plain = open(*engine, 128);
    REQUIRE(plain->append(prompt, {}, {}));
    std::vector<Token> next = {argmax(plain->logits())};
    while (next.size() < 6) {
      REQUIRE(plain->append({&next.back(), 1}, {}, {}));
      next.push_back(argmax(plain->logits()));
    }
    const std::vector<Token> want(next.begin() + 1, next.begin() + (sure ? 5 : 2));
    const auto session = open_drafting(**engine, 128);
    CHECK(session->draft(next[0], 9, {})->empty());  // nothing was evaluated yet
    REQUIRE(session->append(prompt, {}, {}));
    CHECK(*session->draft(next[0], 9, {}) == want);
    CHECK(*session->draft(next[0], 9, {}) == want);  // the timeline is as it was
    CHECK(session->tokens().size() == prompt.size());
    CHECK(*session->draft(next[0], 1, {}) == std::vector<Token>{next[1]});
    auto fork = session->fork();
    REQUIRE(fork);
    REQUIRE(session->append({next.data(), 1}, {}, {}));
    CHECK(session->draft(next[1], 1, {}).value() == std::vector<Token>{next[2]});
    session->rewind(static_cast<int>(prompt.size()));
    CHECK(*session->draft(next[0], 9, {}) == want);
    session->rewind(7);
    REQUIRE(session->append(std::span(prompt).subspan(7), {}, {}));
    CHECK(*session->draft(next[0], 9, {}) == want);
    CHECK(*(*fork)->draft(next[0], 9, {}) == want);
    const auto full = open_drafting(**engine, static_cast<int>(prompt.size()));  // there is no room for what is guessed
    REQUIRE(full->append(prompt, {}, {}));
    CHECK(*full->draft(next[0], 9, {}) == want);

    GenerateOptions options;
    options.max_tokens = 60;
    const auto without = generate(*plain, prompt, options, {});
    options.max_layer_draft_tokens = 4;
    const auto with = generate(*session, prompt, options, {});
    REQUIRE(with);
    CHECK(with->tokens == without->tokens);
    CHECK(with->n_drafted > 0);
    CHECK(with->n_accepted >= with->n_drafted - 4);  // but for the last, beyond what was asked for
  }
}

TEST_CASE("dspark: V4.1's stages, there in part or not described, say so") {
  const ChangedFolder folder(kFamilies / "deepseek_v41_dspark");
  for (const char* name :
       {"mtp.0.main_norm.weight", "mtp.1.attn.kv_norm.weight", "mtp.1.norm.weight", "mtp.1.markov_head.embed.weight",
        "mtp.1.markov_head.head.weight", "mtp.1.confidence_head.proj.weight"})
    folder.check_needs(name);
  const std::tuple<const char*, const char*, const char*> bad[] = {
      {"\"dspark_n_routed_experts\": 6", "\"dspark_n_routed_experts\": 2000", "dspark_n_routed_experts"},
      {"\"dspark_n_routed_experts\": 6", "\"dspark_n_routed_experts\": 5", "mtp.0.ffn.gate"},
      {"\"dspark_num_experts_per_tok\": 2", "\"dspark_num_experts_per_tok\": 7", "dspark_num_experts_per_tok"},
      {"\"dspark_num_experts_per_tok\": 2", "\"dspark_num_experts_per_tok\": 0", "dspark_num_experts_per_tok"},
      {"\"dspark_num_experts_per_tok\"", "\"used\"", "dspark_num_experts_per_tok"},
  };
  for (const auto& [from, to, part] : bad) {
    const auto engine = folder.load_with(from, to);
    REQUIRE_FALSE(engine);
    CHECK_MESSAGE(engine.error().message.find(part) != std::string::npos, engine.error().message);
  }
  const auto engine = folder.load_with("\"dspark_block_size\"", "\"block_size\"");
  REQUIRE_MESSAGE(engine, engine.error().message);
  CHECK_FALSE((*engine)->info().has_draft_layer);
  CHECK((*engine)->info().notes.back().find("dspark_block_size") != std::string::npos);
}

TEST_CASE("dspark: the stages come through GGUF, and what is wrong with their keys or tensors is named") {
  ThreadPool pool(2);
  std::string model, arch;
  SUBCASE("DeepSeek V4") {
    model = "deepseek_v4_dspark", arch = "deepseek4.";
  }
  SUBCASE("DeepSeek V4.1") {
    model = "deepseek_v41_dspark", arch = "deepseek41.";
  }
  const bool v41 = arch == "deepseek41.";
  const TinyModel tiny = read_model(model);
  const auto content = tiny.family->to_gguf();
  REQUIRE_MESSAGE(content, content.error().message);
  const ::test::TempDir dir;
  const auto path = dir.path() / "dspark.gguf";
  GgufContent written = *content;
  for (GgufTensor& tensor : written.tensors) tensor.type = tensor.exact ? tensor.exact_type() : DType::kF32;
  REQUIRE(write_gguf(written, path, pool, {}));
  const auto mapped = base::MappedFile::open(path);
  REQUIRE(mapped);
  const auto gguf = read_gguf(mapped->bytes(), "dspark.gguf");
  REQUIRE_MESSAGE(gguf, gguf.error().message);
  const auto family = family_from_gguf(*gguf);
  REQUIRE_MESSAGE(family, family.error().message);
  check_blocks(*(*family)->make_reference(), tiny, model);
  check_blocks(*(*family)->make_fast(best_kernels(), pool, true), tiny, model);
  check_model(*(*family)->make_fast(best_kernels(), pool, true), tiny);
  CHECK(guesses_of(*(*family)->make_reference(), tiny, 32) == guesses_of(*tiny.family->make_reference(), tiny, 32));
  ModelInfo info;
  (*family)->describe(info);
  CHECK(info.has_draft_layer);
  uint64_t bytes = 0;
  for (const auto& [name, stored] : gguf->tensors)
    if (stored.view.type != DType::kI32)
      bytes += static_cast<uint64_t>(stored.view.size_bytes());  // tables are no weights
  CHECK(info.weight_bytes == bytes);

  const auto engine = Engine::load(path, {Numerics::kFast, 2});
  REQUIRE_MESSAGE(engine, engine.error().message);
  GenerateOptions options;
  options.max_tokens = 40;
  const std::vector<Token> prompt = tokens_from(1, 45, 96);
  const auto want = generate(*open(*engine, 128), prompt, options, {});
  options.max_layer_draft_tokens = 4;
  const auto with = generate(*open_drafting(**engine, 128), prompt, options, {});
  REQUIRE(with);
  CHECK(with->tokens == want->tokens);
  CHECK(with->token_logprobs == want->token_logprobs);
  CHECK(with->n_drafted > 0);

  const auto refused = [&](const std::function<void(GgufFile&)>& change,
                           std::initializer_list<std::string_view> parts) {
    GgufFile changed = *gguf;
    change(changed);
    const auto read = family_from_gguf(changed);
    REQUIRE_FALSE(read);
    for (const std::string_view part : parts)
      CHECK_MESSAGE(read.error().message.find(part) != std::string::npos, read.error().message);
  };
  for (const char* name : {"fc.weight", "enc.output_norm.weight", "markov_w2.weight", "conf_proj.weight"}) {
    refused([&](GgufFile& f) { f.tensors.erase(name); }, {name, "missing"});
    refused([&](GgufFile& f) { f.tensors[name].view.shape[0] += 1; }, {name, "shape"});
  }
  if (!v41) refused([](GgufFile& f) { f.tensors.erase("markov_w1.weight"); }, {"not part of"});
  const auto with_key = [&](const std::string& key, std::optional<GgufValue> value,
                            std::initializer_list<std::string_view> parts) {
    refused(
        [&](GgufFile& f) {
          f.metadata.erase(key);
          if (value) f.metadata.insert({key, {*value, 77}});
        },
        parts);
  };
  for (const char* key : {"block_size", "target_layers"}) with_key(arch + key, std::nullopt, {arch + key, "missing"});
  with_key("tokenizer.ggml.mask_token_id", std::nullopt, {"tokenizer.ggml.mask_token_id", "missing"});
  with_key(arch + "block_size", GgufValue(uint64_t{65}), {"block_size", "1..64"});
  with_key(arch + "block_size", GgufValue(uint64_t{0}), {"block_size", "1..64"});
  with_key("tokenizer.ggml.mask_token_id", GgufValue(uint64_t{304}), {"mask_token_id", "no token"});
  const int32_t falling[] = {2, 1}, beyond[] = {1, 9}, none[] = {v41 ? -1 : 0};
  for (const std::span<const int32_t> layers :
       {std::span<const int32_t>(falling), std::span<const int32_t>(beyond), std::span<const int32_t>(none)})
    with_key(arch + "target_layers", GgufValue(GgufArray{GgufType::kI32, layers.size(), std::as_bytes(layers)}),
             {"target_layers"});
  if (!v41) return;
  with_key(arch + "nextn_expert_used_count", GgufValue(uint64_t{7}), {"nextn_expert_used_count", "1..6"});
  with_key(arch + "nextn_expert_used_count", GgufValue(uint64_t{0}), {"nextn_expert_used_count", "1..6"});
  GgufFile unsaid = *gguf;  // then there are no drafts, and a note
  unsaid.metadata.erase(arch + "nextn_expert_used_count");
  const auto without = family_from_gguf(unsaid);
  REQUIRE_MESSAGE(without, without.error().message);
  ModelInfo less;
  (*without)->describe(less);
  CHECK_FALSE(less.has_draft_layer);
  CHECK(less.notes.back().find("nextn_expert_used_count") != std::string::npos);
  check_model(*(*without)->make_fast(best_kernels(), pool, true), tiny);
}

TEST_CASE("dspark: a model whose blocks are there in part, or that config.json does not describe, says so") {
  const ChangedFolder folder(kFolder);
  for (const char* name :
       {"mtp.0.main_norm.weight", "mtp.1.attn.kv_norm.weight", "mtp.2.norm.weight", "mtp.2.hc_head_scale",
        "mtp.2.markov_head.markov_w1.weight", "mtp.2.confidence_head.proj.weight"})
    folder.check_needs(name);
  const std::pair<const char*, const char*> bad[] = {
      {"\"dspark_block_size\": 4", "\"dspark_block_size\": 65"},
      {"\"dspark_block_size\": 4", "\"dspark_block_size\": -1"},
      {"\"dspark_noise_token_id\": 95", "\"dspark_noise_token_id\": 96"},
      {"\"dspark_markov_rank\": 32", "\"dspark_markov_rank\": 0"},
      {"\"dspark_target_layer_ids\"", "\"targets\""},
  };
  for (const auto& [from, to] : bad) {
    const auto engine = folder.load_with(from, to);
    REQUIRE_FALSE(engine);
    CHECK(engine.error().message.find("dspark_") != std::string::npos);
  }
  CHECK_FALSE(
      folder.load_with("\"dspark_markov_rank\": 32", "\"dspark_markov_rank\": 31"));  // the tensors are of another
  const auto engine = folder.load_with("\"dspark_block_size\"", "\"block_size\"");
  REQUIRE_MESSAGE(engine, engine.error().message);
  CHECK_FALSE((*engine)->info().has_draft_layer);
  REQUIRE((*engine)->info().notes.size() == 1);
  CHECK((*engine)->info().notes[0].find("dspark_block_size") != std::string::npos);
}
