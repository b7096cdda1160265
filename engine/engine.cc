// SPDX-License-Identifier: Apache-2.0
// Engine::load: a model package joined with a forward pass.
#include "engine/engine.h"

#include <mutex>
#include <new>
#include <optional>
#include <system_error>

#include "base/memory.h"
#include "base/strings.h"
#include "engine/accelerator.h"
#include "engine/constrain/vocabulary.h"
#include "engine/families/shapes.h"
#include "engine/fast/activation_width.h"
#include "engine/fim.h"
#include "engine/lora/adapter.h"
#include "engine/memory_plan.h"
#include "engine/model_fingerprint.h"
#include "engine/model_package.h"
#include "engine/session.h"
#include "engine/session_file.h"

namespace engine {
namespace {

// Room for the prompt's answer where FimRequest sets no limit of its own.
constexpr int kFimAnswerTokens = 64;

// Below this a GPU's start takes longer than it ever saves.
constexpr uint64_t kWorthAGpu = uint64_t{256} << 20;  // bytes of weights

// How a model is computed on the CPU's fast paths.
struct FastPath {
  const FastKernels* kernels;
  bool wide;  // activations
  CacheType cache;
  PanelPlan plan;
};

FastPath fast_path(const ModelPackage& package, const LoadOptions& options) {
  const bool wide = takes_wide_activations(options.activations, package.info.weight_bytes);
  const FastKernels& kernels = wide ? wide_kernels(best_kernels()) : best_kernels();
  const CacheType cache = cache_type_beside(wide, options.cache);
  return {&kernels, wide, cache, panel_plan(package, kernels, cache)};
}

class PackagedEngine : public Engine {
 public:
  // `accelerated`: the model on a GPU; null: it is made here, for the CPU: by the plain operators, or on `fast`. `compute`: what is known of the GPU.
  PackagedEngine(ModelPackage package, int n_threads, std::unique_ptr<Model> accelerated, const std::optional<FastPath>& fast, ComputeInfo compute)
      : package_(std::move(package)), compute_(std::move(compute)) {
    shared_.n_vocab = package_.info.n_vocab;
    shared_.fingerprint = [this] {
      std::call_once(fingerprint_made_, [this] { fingerprint_ = model_fingerprint(package_); });
      return fingerprint_;
    };
    if (accelerated) {
      shared_.model = std::move(accelerated);
      compute_.kernels = "cuda";
      shared_.accelerated = true;
    } else if (fast) {
      shared_.pool = std::make_unique<ThreadPool>(n_threads > 0 ? n_threads : available_cores());
      shared_.model = package_.family->make_fast(*fast->kernels, *shared_.pool, fast->plan, fast->cache);
      compute_.kernels = fast->kernels->name;
      compute_.activation_bits = fast->wide ? 16 : 8;
      compute_.threads = shared_.pool->size();
    } else {
      shared_.model = package_.family->make_reference();
      compute_.kernels = "reference";
    }
    // What a further token costs; some caches have a part that does not grow.
    constexpr int64_t kSpan = 4096;
    package_.info.kv_bytes_per_token =
        (shared_.model->cache_bytes(2 * kSpan) - shared_.model->cache_bytes(kSpan)) / static_cast<uint64_t>(kSpan);
  }

  const ModelInfo& info() const override { return package_.info; }
  const SpecialTokens& special_tokens() const override { return package_.special; }
  ComputeInfo compute() const override { return compute_; }
  base::Result<double> device_bandwidth() const override {
    if (compute_.device.empty()) return Engine::device_bandwidth();
    auto opened = open_cuda();
    if (!opened) return std::move(opened).error();
    return (*opened)->copy_bandwidth();
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

  bool is_special(Token token) const override {
    return Engine::is_special(token) || package_.tokenizer.is_special(token);
  }
  std::shared_ptr<const Vocabulary> vocabulary() const override {
    std::call_once(vocabulary_once_, [this] { vocabulary_ = Vocabulary::of(*this); });
    return vocabulary_;
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

  const ChatFormat* chat_format() const override { return package_.chat ? &*package_.chat : nullptr; }

  uint64_t session_bytes(int n_ctx) const override { return engine::session_bytes(shared_, n_ctx); }

  base::Result<std::unique_ptr<Session>> open_session(int n_ctx) const override {
    return open_session_with(n_ctx, {});
  }

  base::Result<std::shared_ptr<const Adapter>> load_adapter(const std::filesystem::path& folder) const override {
    if (shared_.accelerated)
      return base::invalid("Adapters are computed on the CPU alone, and this model is on a GPU. Load it with --backend cpu.");
    const std::vector<LinearModule> modules = package_.family->linear_modules();
    if (modules.empty()) return base::invalid("Models of the family " + package_.info.family + " take no adapters yet.");
    try {
      auto read = read_peft_adapter(folder, modules);
      if (!read) return std::move(read).error();
      return std::shared_ptr<const Adapter>(std::make_shared<LoraAdapter>(std::move(*read), folder.filename().string(), this));
    } catch (const std::bad_alloc&) {
      return base::Error{base::ErrorCode::kExhausted, folder.string() + ": There is not enough memory to load this adapter."};
    }
  }

  base::Result<std::unique_ptr<Session>> open_session_with(int n_ctx, const SessionOptions& options) const override {
    auto own = own_adapter(options.adapter);
    if (!own) return std::move(own).error();
    if (options.drafts && shared_.model->draft_width() == 0)
      return base::invalid("The model " + package_.info.name + (package_.info.has_draft_layer ? " drafts on the CPU alone." : " has no draft layer."));
    return checked(n_ctx, [&] { return make_session(shared_from_this(), shared_, n_ctx, std::move(*own), options.drafts); });
  }

  base::Status step(std::span<Session* const> sessions, std::span<const Token> tokens, std::stop_token stop) const override {
    for (const Session* session : sessions)
      if (&session->engine() != this) return base::invalid("step: one of the sessions belongs to another engine.");
    return step_sessions(shared_, sessions, tokens, stop);
  }

  base::Result<std::unique_ptr<Session>> restore_session(const std::filesystem::path& path, int n_ctx,
                                                         const SessionOptions& options) const override {
    auto restored = [&]() -> base::Result<std::unique_ptr<Session>> {
      const auto file = base::MappedFile::open(path);
      if (!file) return file.error();
      auto image = read_session_image(file->bytes());
      if (!image) return std::move(image).error();
      if (image->fingerprint != shared_.fingerprint() || image->n_vocab != shared_.n_vocab)
        return base::invalid("The session belongs to another model than " + package_.info.name + ".");
      if (options.drafts) return base::invalid("What a draft layer needs is not stored: restore the session without drafts, or evaluate its tokens anew.");
      auto own = own_adapter(options.adapter);
      if (!own) return std::move(own).error();
      const uint64_t wanted = *own ? (*own)->fingerprint() : 0;
      if (image->adapter != wanted)
        return base::invalid(wanted == 0 ? "The session was held under an adapter. Load that adapter and restore the session with it."
                             : image->adapter == 0 ? "The session was held without an adapter. Restore it without one."
                                                   : "The session was held under another adapter than " + (*own)->info().name + ".");
      const int room = n_ctx == 0 ? image->n_ctx : n_ctx;
      if (room > 0 && image->tokens.size() > static_cast<size_t>(room))
        return base::invalid("The session has " + std::to_string(image->tokens.size()) + " tokens; " + std::to_string(room) +
                             " do not hold it.");
      return checked(room, [&] { return make_session(shared_from_this(), shared_, room, std::move(*own), std::move(*image)); });
    }();
    if (!restored) return std::move(restored).error().in("restore session " + path.string());
    return restored;
  }

 private:
  // An adapter that this engine loaded, or null for null.
  base::Result<std::shared_ptr<const LoraAdapter>> own_adapter(const std::shared_ptr<const Adapter>& adapter) const {
    auto own = std::dynamic_pointer_cast<const LoraAdapter>(adapter);
    if (adapter && (!own || own->model() != this)) return base::invalid("The adapter was loaded for another engine.");
    return own;
  }

  // What `make` returns for a session of `n_ctx` tokens; its failures as errors.
  template <typename Make>
  base::Result<std::unique_ptr<Session>> checked(int n_ctx, const Make& make) const {
    if (n_ctx < 1 || n_ctx > kMaxSessionTokens)
      return base::invalid("A session holds 1 to " + std::to_string(kMaxSessionTokens) + " tokens; " + std::to_string(n_ctx) +
                           " were asked for.");
    const uint64_t bytes = session_bytes(n_ctx);
    if (!shared_.accelerated)
      if (base::Status fits = check_session_memory(n_ctx, bytes, base::available_memory()); !fits) return std::move(fits).error();
    try {
      return make();
    } catch (const DeviceFailure& failure) {
      return base::Error{base::ErrorCode::kInternal, std::string("The GPU failed while a session was opened: ") + failure.what() + "."};
    } catch (const std::bad_alloc&) {
      return base::Error{base::ErrorCode::kExhausted, base::cat("There is not enough memory for a session of ", n_ctx, " tokens, which takes ", base::in_units(bytes), ".")};
    }
  }

  ModelPackage package_;
  ComputeInfo compute_;
  // Changed by sessions under its lock; the Engine's own state stays constant.
  mutable SharedModel shared_;
  mutable std::once_flag fingerprint_made_;
  mutable uint64_t fingerprint_ = 0;
  mutable std::once_flag vocabulary_once_;
  mutable std::shared_ptr<const Vocabulary> vocabulary_;
};

// The model on the GPU; null where the CPU takes it, with the reason in `compute`.
base::Result<std::unique_ptr<Model>> accelerated(const ModelPackage& package, const LoadOptions& options, bool synthetic, ComputeInfo& compute) {
  const bool must = options.backend == Backend::kCuda;
  const bool exact = options.numerics == Numerics::kReference;
  if (options.backend == Backend::kCpu || (!must && (exact || package.info.weight_bytes < kWorthAGpu))) return std::unique_ptr<Model>();
  const auto opened = open_cuda();
  if (!opened && must) return opened.error();
  if (!opened) return std::unique_ptr<Model>();
  auto model = package.family->make_accelerated(**opened, {synthetic, exact, options.progress});
  if (model) compute.device = (*opened)->info().name;
  if (model || must) return model;
  compute.reason = model.error().message;
  return std::unique_ptr<Model>();
}

base::Result<std::shared_ptr<const Engine>> make_engine(ModelPackage package, const LoadOptions& options, bool synthetic) {
  ComputeInfo compute;
  auto model = accelerated(package, options, synthetic, compute);
  if (!model) return std::move(model).error();
  std::optional<FastPath> fast;
  if (!*model) {
    if (options.numerics == Numerics::kFast) fast = fast_path(package, options);
    if (base::Status fits = check_memory(package, fast ? &fast->plan : nullptr, options.memory_limit); !fits) return std::move(fits).error();
  }
  return std::shared_ptr<const Engine>(
      std::make_shared<PackagedEngine>(std::move(package), options.n_threads, std::move(*model), fast, std::move(compute)));
}

}  // namespace

std::shared_ptr<const Vocabulary> Engine::vocabulary() const { return Vocabulary::of(*this); }

base::Result<std::string> describe_gpu() {
  const auto opened = open_cuda();
  if (!opened) return opened.error();
  const DeviceInfo info = (*opened)->info();
  constexpr uint64_t kGigabyte = 1'000'000'000;
  return info.name + ", " + std::to_string(info.free_memory / kGigabyte) + " GB free of " + std::to_string(info.memory / kGigabyte) + " GB, " +
         info.architecture + ", driver " + info.driver;
}

base::Result<std::shared_ptr<const Engine>> Engine::synthetic(const std::string& shape, const std::string& weight_type, LoadOptions options) {
  ModelPackage package;
  auto family = family_of_shape(shape, weight_type);
  if (!family) return std::move(family).error();
  package.family = std::move(*family);
  package.family->describe(package.info);
  package.info.name = shape + ", arbitrary weights";
  package.info.container = "none";
  options.backend = Backend::kCuda;
  return make_engine(std::move(package), options, true);
}

base::Result<std::shared_ptr<const Engine>> Engine::load(const std::filesystem::path& path, const LoadOptions& options) {
  base::Result<ModelPackage> package = load_model_package(path);
  if (!package) return std::move(package).error();
  package->info.path = path;
  try {
    return make_engine(std::move(*package), options, false);
  } catch (const std::bad_alloc&) {
    return base::Error{base::ErrorCode::kExhausted, path.string() + ": There is not enough memory to load this model."};
  } catch (const std::system_error& e) {
    return base::Error{base::ErrorCode::kExhausted, path.string() + ": The engine's threads could not be started: " + e.what()};
  }
}

}  // namespace engine
