// SPDX-License-Identifier: Apache-2.0
// Sessions on disk: saved, restored, damaged.
#include "engine/session_file.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "engine/engine.h"
#include "engine/word_hash.h"
#include "tests/engine/session_kit.h"

namespace {

using namespace engine;
using namespace engine::test;

const std::string kData = std::string(GRAFT_SOURCE_DIR) + "/tests/data/engine/";

// A folder of its own that goes with the test.
struct Folder {
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "graft-session-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  size_t n_files() const { return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(path), {})); }
  std::filesystem::path path;
};

std::string bytes_of(const std::filesystem::path& path) {
  auto bytes = base::read_file(path, 1 << 26);
  REQUIRE(bytes);
  return *bytes;
}

base::Result<SessionImage> read(std::string_view bytes) {
  return read_session_image(std::as_bytes(std::span(bytes)));
}

}  // namespace

TEST_CASE("session file: a restored session goes on with the same bits, in another engine too") {
  for (const char* file :
       {"gguf/lite_f32.gguf", "gguf/grouped_q8_0.gguf", "families/llama", "families/gpt_oss", "families/deepseek_v32",
        "families/deepseek_v4", "families/deepseek_v41"})
    for (const Numerics numerics : {Numerics::kFast, Numerics::kReference}) {
      CAPTURE(std::string(file));
      const Folder folder;
      const auto path = folder.path / "one.session";
      std::vector<float> saved, next;
      const std::vector<Token> past = tokens_from(3, 90), more = tokens_from(8, 3);
      {
        const auto engine = Engine::load(kData + file, {numerics, 2});
        REQUIRE_MESSAGE(engine, engine.error().message);
        std::vector<Token> known = past;
        for (Token& token : known) token %= (*engine)->info().n_vocab;
        const auto session = open(*engine, 200);
        REQUIRE(session->append(known, {}, {}));
        saved = copy(session->logits());
        const base::Status done = session->save(path);
        REQUIRE_MESSAGE(done, done.error().message);
        std::vector<Token> rest = more;
        for (Token& token : rest) token %= (*engine)->info().n_vocab;
        REQUIRE(session->append(rest, {}, {}));
        next = copy(session->logits());
      }
      CHECK(folder.n_files() == 1);
      const auto engine = tiny(file, numerics);
      for (const int n_ctx : {0, 93, 500}) {
        auto session = engine->restore_session(path, n_ctx);
        REQUIRE_MESSAGE(session, session.error().message);
        CHECK((*session)->n_ctx() == (n_ctx == 0 ? 200 : n_ctx));
        CHECK((*session)->tokens().size() == past.size());
        CHECK(copy((*session)->logits()) == saved);
        std::vector<Token> rest = more;
        for (Token& token : rest) token %= engine->info().n_vocab;
        REQUIRE((*session)->append(rest, {}, {}));
        CHECK(copy((*session)->logits()) == next);
      }
      const auto small = engine->restore_session(path, 89);
      REQUIRE_FALSE(small);
      CHECK(small.error().code == base::ErrorCode::kInvalidArgument);
      CHECK(small.error().message.find("90 tokens") != std::string::npos);
    }
}

TEST_CASE("session file: one with another type of cache is refused, and read where that type is asked for") {
  const Folder folder;
  for (const char* file : {"gguf/grouped_q4_0.gguf", "gguf/grouped_q8_0.gguf"}) {
    CAPTURE(std::string(file));
    const auto path = folder.path / "one.session";
    const auto load = [&](CacheType cache) {
      LoadOptions options;
      options.n_threads = 2;
      options.cache = cache;
      options.activations = ActivationType::k8Bit;
      auto engine = Engine::load(kData + file, options);
      REQUIRE_MESSAGE(engine, engine.error().message);
      return *engine;
    };
    const auto f32 = load(CacheType::kF32), automatic = load(CacheType::kAuto), bf16 = load(CacheType::kBf16);
    CHECK(automatic->info().kv_bytes_per_token == bf16->info().kv_bytes_per_token);
    CHECK(f32->info().kv_bytes_per_token == 2 * bf16->info().kv_bytes_per_token);
    CHECK(f32->session_bytes(4096) > bf16->session_bytes(4096));
    std::vector<Token> known = tokens_from(3, 90);
    for (Token& token : known) token %= f32->info().n_vocab;
    const auto session = open(f32, 200);
    REQUIRE(session->append(known, {}, {}));
    REQUIRE(session->save(path));
    const auto refused = automatic->restore_session(path);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == base::ErrorCode::kInvalidArgument);
    CHECK(refused.error().message.find("f32 rows") != std::string::npos);
    CHECK(refused.error().message.find("bf16 rows") != std::string::npos);
    const auto restored = load(CacheType::kF32)->restore_session(path);
    REQUIRE_MESSAGE(restored, restored.error().message);
    CHECK(copy((*restored)->logits()) == copy(session->logits()));
  }
}

TEST_CASE("session file: rows in bf16 go on with the same bits, and are refused by name where f32 is kept") {
  const Folder folder;
  for (const char* file : {"families/deepseek_v32", "families/deepseek_v4", "families/deepseek_v41"}) {
    CAPTURE(std::string(file));
    const auto path = folder.path / "one.session";
    LoadOptions options;
    options.n_threads = 2;
    options.cache = CacheType::kBf16;
    const auto engine = Engine::load(kData + file, options);
    REQUIRE_MESSAGE(engine, engine.error().message);
    const int n_vocab = (*engine)->info().n_vocab;
    const auto session = open(*engine, 200);
    REQUIRE(session->append(tokens_from(3, 90, n_vocab), {}, {}));
    REQUIRE(session->save(path));
    auto restored = (*engine)->restore_session(path, 300);
    REQUIRE_MESSAGE(restored, restored.error().message);
    const auto fork = session->fork();
    REQUIRE(fork);
    for (Session* one : {session.get(), restored->get(), fork->get()})
      REQUIRE(one->append(tokens_from(8, 30, n_vocab), {}, {}));
    CHECK(copy((*restored)->logits()) == copy(session->logits()));
    CHECK(copy((*fork)->logits()) == copy(session->logits()));
    const auto refused = tiny(file)->restore_session(path);  // weights of floating point: f32
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == base::ErrorCode::kInvalidArgument);
    CHECK(refused.error().message.find("bf16 rows") < refused.error().message.find("f32 rows"));
    CHECK(refused.error().message.find("f32 rows") != std::string::npos);
  }
}

TEST_CASE("session file: an empty session, one without logits, and a fork are stored as they are") {
  const Folder folder;
  const auto engine = tiny("gguf/lite_f32.gguf");
  const auto session = open(engine, 64);
  REQUIRE(session->save(folder.path / "empty"));
  auto empty = engine->restore_session(folder.path / "empty");
  REQUIRE(empty);
  CHECK((*empty)->tokens().empty());
  CHECK((*empty)->logits().empty());
  REQUIRE(session->append(tokens_from(1, 20), {}, {}));
  const std::vector<float> want = copy(session->logits());
  const auto fork = session->fork();
  REQUIRE(fork);
  session->rewind(19);
  REQUIRE(session->save(folder.path / "rewound"));
  auto rewound = engine->restore_session(folder.path / "rewound");
  REQUIRE(rewound);
  CHECK((*rewound)->logits().empty());
  REQUIRE((*rewound)->append(std::span(std::as_const(*fork)->tokens()).subspan(19), {}, {}));
  CHECK(copy((*rewound)->logits()) == want);
  REQUIRE((*fork)->save(folder.path / "fork"));
  auto restored = engine->restore_session(folder.path / "fork");
  REQUIRE(restored);
  CHECK(copy((*restored)->logits()) == want);
}

TEST_CASE("session file: of another model, another way of computing, or nowhere") {
  const Folder folder;
  const auto engine = tiny("gguf/grouped_q8_0.gguf");
  const auto session = open(engine, 64);
  REQUIRE(session->append(tokens_from(1, 20), {}, {}));
  const auto path = folder.path / "one";
  REQUIRE(session->save(path));
  const auto other = tiny("gguf/grouped_q4_0.gguf")->restore_session(path);  // the same model, rounded otherwise
  REQUIRE_FALSE(other);
  CHECK(other.error().code == base::ErrorCode::kInvalidArgument);
  CHECK(other.error().message.find("another model") != std::string::npos);
  CHECK(other.error().message.find(path.string()) != std::string::npos);
  const auto missing = engine->restore_session(folder.path / "two");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == base::ErrorCode::kNotFound);
  CHECK_FALSE(session->save(folder.path / "no such folder" / "one"));
  // A layout and a size of its own, in files whose checksums hold.
  const std::string stored = bytes_of(path);
  const auto image = read(stored);
  REQUIRE(image);
  const auto rewrite = [&](const std::string& layout, size_t cache_bytes) {
    SessionImage changed = *image;
    changed.layout = layout;
    REQUIRE(write_session_image(folder.path / "changed", changed, cache_bytes,
                                [&](const Cache::Sink& sink) { return sink(image->cache.first(cache_bytes)); }));
    return engine->restore_session(folder.path / "changed");
  };
  CHECK(rewrite(image->layout, image->cache.size()));
  const auto layout = rewrite("f32 rows of 3 in 1 layers\n", image->cache.size());
  REQUIRE_FALSE(layout);
  CHECK(layout.error().code == base::ErrorCode::kInvalidArgument);
  const auto shorter = rewrite(image->layout, image->cache.size() - 4);
  REQUIRE_FALSE(shorter);
  CHECK(shorter.error().code == base::ErrorCode::kCorrupt);
}

TEST_CASE("session file: every cut and every changed byte is found") {
  const Folder folder;
  const auto engine = tiny("gguf/lite_f32.gguf");
  const auto session = open(engine, 64);
  REQUIRE(session->append(tokens_from(1, 3), {}, {}));
  const auto path = folder.path / "one";
  REQUIRE(session->save(path));
  const std::string good = bytes_of(path);
  REQUIRE(read(good));
  for (size_t n = 0; n < good.size(); ++n) CHECK_FALSE(read(std::string_view(good).substr(0, n)));
  CHECK_FALSE(read(good + std::string(8, '\0')));
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ (1 << (i % 8)));
    CHECK_FALSE(read(bad));
  }
  std::ofstream(path, std::ios::binary).write(good.data(), static_cast<std::streamsize>(good.size() / 2));
  const auto half = engine->restore_session(path);
  REQUIRE_FALSE(half);
  CHECK(half.error().code == base::ErrorCode::kCorrupt);
}

TEST_CASE("session file: files written from the description alone are read") {
  const std::string two = bytes_of(kData + "session/two_tokens.session");
  const auto image = read(two);
  REQUIRE_MESSAGE(image, image.error().message);
  CHECK(image->fingerprint == 0x0123456789abcdefU);
  CHECK(image->n_ctx == 16);
  CHECK(image->n_vocab == 5);
  CHECK(image->layout == "f32 rows of 3 in 1 layers");
  CHECK(image->tokens == std::vector<Token>{4, 1});
  CHECK(image->logits == std::vector<float>{0.25f, -2.0f, 0.0f, 1.0f, 8.0f});
  REQUIRE(image->cache.size() == 24);
  float rows[6];
  std::memcpy(rows, image->cache.data(), sizeof rows);
  CHECK(std::vector<float>(rows, rows + 6) == std::vector<float>{0.5f, -1.0f, 2.0f, 3.0f, 4.0f, 5.0f});
  const auto adapted = read(bytes_of(kData + "session/adapted.session"));
  REQUIRE(adapted);
  CHECK(adapted->adapter == 0xfedcba9876543210U);
  CHECK(adapted->tokens == std::vector<Token>{4, 1});
  CHECK(adapted->cache.size() == 24);
  const auto empty = read(bytes_of(kData + "session/empty.session"));
  REQUIRE(empty);
  CHECK(empty->tokens.empty());
  // And written back, they are the same bytes.
  const Folder folder;
  REQUIRE(write_session_image(folder.path / "again", *image, image->cache.size(), [&](const Cache::Sink& sink) {
    for (size_t i = 0; i < image->cache.size(); i += 4)
      if (base::Status wrote = sink(image->cache.subspan(i, 4)); !wrote) return wrote;
    return base::ok();
  }));
  CHECK(bytes_of(folder.path / "again") == two);
}

TEST_CASE("session file: impossible headers are refused whatever their checksum says") {
  const std::string plain = bytes_of(kData + "session/two_tokens.session"), adapted = bytes_of(kData + "session/adapted.session");
  const auto changed = [&](size_t at, uint64_t value, size_t n, const std::string* good = nullptr) {
    std::string bad = good ? *good : plain;
    std::memcpy(bad.data() + at, &value, n);
    WordHash hash;
    hash.add(std::as_bytes(std::span(bad)).first(bad.size() - 8));
    const uint64_t checksum = hash.value();
    std::memcpy(bad.data() + bad.size() - 8, &checksum, 8);
    return read(bad);
  };
  REQUIRE(changed(8, 1, 4));
  const auto version = changed(8, 3, 4);
  REQUIRE_FALSE(version);
  CHECK(version.error().message.find("version 3") != std::string::npos);
  REQUIRE(changed(56, 1, 8, &adapted));
  CHECK_FALSE(changed(56, 0, 8, &adapted));  // an adapter without a fingerprint
  CHECK_FALSE(changed(8, 1, 4, &adapted));   // 8 bytes too many
  CHECK_FALSE(changed(8, 2, 4));             // 8 bytes missing
  CHECK_FALSE(changed(12, 300, 4));
  for (const uint64_t n : {uint64_t{17}, uint64_t{1} << 62, ~uint64_t{0}}) CHECK_FALSE(changed(24, n, 8));  // tokens
  for (const uint64_t n : {uint64_t{0}, uint64_t{25}, ~uint64_t{0}, ~uint64_t{7}})
    CHECK_FALSE(changed(32, n, 8));  // cache
  for (const uint64_t n : {0U, 1U, 0xffffffffU}) CHECK_FALSE(changed(40, n, 4));
  for (const uint64_t n : {0U, 4U, 0xffffffffU}) CHECK_FALSE(changed(44, n, 4));
  CHECK_FALSE(changed(48, 4, 4));
  CHECK_FALSE(changed(52, 1, 4));
  CHECK_FALSE(changed(88, 5, 4));            // a token beyond the vocabulary
  CHECK_FALSE(changed(88, 0xffffffffU, 4));  // and one below
}

TEST_CASE("word hash: does not depend on the pieces, and tells lengths apart") {
  std::vector<std::byte> bytes;
  for (int i = 0; i < 100; ++i) bytes.push_back(static_cast<std::byte>(i * 7));
  WordHash whole;
  whole.add(bytes);
  for (size_t piece = 1; piece < 20; ++piece) {
    WordHash hash;
    for (size_t i = 0; i < bytes.size(); i += piece)
      hash.add(std::span(bytes).subspan(i, std::min(piece, bytes.size() - i)));
    CHECK(hash.value() == whole.value());
  }
  WordHash none, zero, zeros;
  zero.add(std::vector<std::byte>(1));
  zeros.add(std::vector<std::byte>(2));
  CHECK(none.value() != zero.value());
  CHECK(zero.value() != zeros.value());
}
