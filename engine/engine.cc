// SPDX-License-Identifier: Apache-2.0
// Engine::load: a model package joined with a forward pass.
#include "engine/engine.h"

#include <fstream>
#include <new>
#include <system_error>

#include "engine/fim.h"
#include "engine/model_package.h"
#include "engine/session.h"

namespace engine {
namespace {

// Room for the prompt's answer where FimRequest sets no limit of its own.
constexpr int kFimAnswerTokens = 64;

constexpr int kMaxSessionTokens = 1 << 24;  // of rope.h; more than any model was trained on

// Bytes that can be taken without pushing others to disk; 0 where the system does not say.
uint64_t available_memory() {
  std::ifstream in("/proc/meminfo");
  for (std::string key; in >> key; in.ignore(256, '\n')) {
    uint64_t kilobytes = 0;
    if (key == "MemAvailable:" && in >> kilobytes) return kilobytes * 1024;
  }
  return 0;
}

class PackagedEngine : public Engine {
 public:
  PackagedEngine(ModelPackage package, const LoadOptions& options) : package_(std::move(package)) {
    shared_.n_vocab = package_.info.n_vocab;
    if (options.numerics == Numerics::kFast) {
      shared_.pool = std::make_unique<ThreadPool>(options.n_threads > 0 ? options.n_threads : available_cores());
      // The packed copy is worth its memory as long as it leaves the editor and its tools more than it takes.
      const bool pack = package_.family->packed_bytes() < available_memory() / 2;
      shared_.model = package_.family->make_fast(best_kernels(), *shared_.pool, pack);
    } else {
      shared_.model = package_.family->make_reference();
    }
    // What a further token costs; some caches have a part that does not grow.
    constexpr int64_t kSpan = 4096;
    package_.info.kv_bytes_per_token =
        (shared_.model->cache_bytes(2 * kSpan) - shared_.model->cache_bytes(kSpan)) / static_cast<uint64_t>(kSpan);
  }

  const ModelInfo& info() const override { return package_.info; }
  const SpecialTokens& special_tokens() const override { return package_.special; }
  ComputeInfo compute() const override {
    if (!shared_.pool) return {"reference", 1};
    return {best_kernels().name, shared_.pool->size()};
  }
  bool has_capability(std::string_view name) const override {
    for (const std::string& capability : package_.info.capabilities)
      if (capability == name) return true;
    return false;
  }
  bool ends_generation(Token token) const override {
    for (const Token end : package_.end_tokens)
      if (end == token) return true;
    return false;
  }

  std::vector<Token> tokenize(std::string_view text, bool parse_special) const override {
    return package_.tokenizer.encode(text, parse_special);
  }
  std::string detokenize(std::span<const Token> tokens) const override { return package_.tokenizer.decode(tokens); }

  base::Result<std::vector<Token>> fim_prompt(const FimRequest& request) const override {
    if (!package_.fim) return base::invalid("The model " + package_.info.name + " cannot fill in the middle of a text.");
    const int room = request.max_prompt_tokens > 0 ? request.max_prompt_tokens : package_.info.n_ctx_train - kFimAnswerTokens;
    return make_fim_prompt(package_.tokenizer, *package_.fim, request, room);
  }

  uint64_t session_bytes(int n_ctx) const override { return engine::session_bytes(shared_, n_ctx); }

  base::Result<std::unique_ptr<Session>> open_session(int n_ctx) const override {
    if (n_ctx < 1 || n_ctx > kMaxSessionTokens)
      return base::invalid("A session holds 1 to " + std::to_string(kMaxSessionTokens) + " tokens; " + std::to_string(n_ctx) +
                           " were asked for.");
    try {
      return make_session(shared_from_this(), shared_, n_ctx);
    } catch (const std::bad_alloc&) {
      return base::Error{base::ErrorCode::kExhausted, "There is not enough memory for a session of " + std::to_string(n_ctx) +
                                                          " tokens, which takes " + std::to_string(session_bytes(n_ctx)) + " bytes."};
    }
  }

 private:
  ModelPackage package_;
  // Changed by sessions under its lock; the Engine's own state stays constant.
  mutable SharedModel shared_;
};

}  // namespace

base::Result<std::shared_ptr<const Engine>> Engine::load(const std::filesystem::path& path, const LoadOptions& options) {
  base::Result<ModelPackage> package = load_model_package(path);
  if (!package) return std::move(package).error();
  try {
    return std::shared_ptr<const Engine>(std::make_shared<PackagedEngine>(std::move(*package), options));
  } catch (const std::bad_alloc&) {
    return base::Error{base::ErrorCode::kExhausted, path.string() + ": There is not enough memory to load this model."};
  } catch (const std::system_error& e) {
    return base::Error{base::ErrorCode::kExhausted, path.string() + ": The engine's threads could not be started: " + e.what()};
  }
}

}  // namespace engine
