// SPDX-License-Identifier: Apache-2.0
// engine/engine.h: the engine's front door. Tokens in, tokens out; no tensor, stream or quantised block leaves the folder.
//
// Owns     An Engine owns the mapped weights and the tokenizer; a Session owns one timeline of tokens and its cache, and
//          keeps its Engine alive.
// Threads  An Engine is constant after load and may be shared. A Session belongs to one thread at a time. Sessions of one
//          Engine share its worker threads: concurrent calls are safe and take turns.
// Errors   A GPU that fails: kInternal; sessions of that Engine cannot go on. A broken model file: kCorrupt naming tensor and byte. A request that would pass the context: kExhausted with
//          the exact counts; the session stays as it was. A stop request: kCancelled; the session holds what was evaluated.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace engine {

using Token = int32_t;

// kReference takes the plain operators that define every result; kFast the best path of this CPU.
enum class Numerics { kFast, kReference };

// Where a model is computed. kAuto: on the GPU where there is one that the model fits on and that pays for its start, else on
// the CPU. kCuda: on the GPU or not at all.
// kReference is the CPU's unless kCuda asks for a GPU.
enum class Backend { kAuto, kCpu, kCuda };

// Of the values that a session keeps of each token (docs/kv-cache.md).
enum class CacheType {
  kAuto,  // bf16 where the attention's weights are quantised and meet activations of 8 bits, by far the less exact; else f32
  kF32,
  kBf16,  // half the memory, and up to twice the speed at depth; a family that has no such cache keeps f32
};

// Of activations where they meet quantised weights, on the CPU's fast paths (docs/activations.md).
enum class ActivationType {
  kAuto,   // 16 bits where all weights take at most 16 MiB, else 8
  k8Bit,
  k16Bit,  // 250 times as exact, and slower
};

struct LoadOptions {
  Numerics numerics = Numerics::kFast;  // kReference on a GPU: everything in f32
  int n_threads = 0;                    // 0: the machine's cores
  Backend backend = Backend::kAuto;
  std::function<void(uint64_t done, uint64_t total)> progress = {};  // bytes of weights on their way to a GPU; may be empty
  CacheType cache = CacheType::kAuto;   // on the CPU; the plain operators always keep f32
  ActivationType activations = ActivationType::kAuto;
  // Bytes that weights on the CPU may take: a model of more is refused before it is loaded. 0: what this machine has available;
  // kBeyondMemory: no limit, and what memory does not hold comes from the disk again for each token.
  uint64_t memory_limit = 0;
};
inline constexpr uint64_t kBeyondMemory = UINT64_MAX;

struct ModelInfo {
  std::string name;
  std::filesystem::path path;             // as load() or open_model_file() got it; empty: none
  std::string family;                     // "deepseek_v2"
  std::string container;                  // "gguf", "safetensors"
  std::vector<std::string> weight_types;  // "Q8_0", "F32", most bytes first
  std::vector<std::string> capabilities;  // "fim", "line_edit", "tools", "thinking"
  bool has_draft_layer = false;           // multi-token prediction, which is read and can guess
  std::vector<std::string> notes;         // what a user should know before the model's answers are trusted
  bool has_tokenizer = true;              // false: token ids alone go in and come out; text is no tokens, and has none
  int n_layers = 0, hidden_size = 0, n_heads = 0, n_vocab = 0;
  int n_experts = 0, n_experts_used = 0;
  int n_ctx_train = 0;  // tokens
  uint64_t n_parameters = 0, n_active_parameters = 0;
  uint64_t weight_bytes = 0;            // as stored; a draft layer counts here and in n_parameters
  uint64_t decode_bytes_per_token = 0;  // weights read by one decode step at batch 1
  uint64_t kv_bytes_per_token = 0;
};

// Ids of the tokens with a meaning; nothing where the model has no such token.
struct SpecialTokens {
  std::optional<Token> bos, eos, fim_prefix, fim_suffix, fim_middle;
};

struct FimRequest {
  std::string_view prefix, suffix;
  std::string_view path;  // may be empty
  int max_prompt_tokens = 0;  // 0: the training context less 64; the far ends of prefix and suffix are dropped first
};

// What runs the model.
struct ComputeInfo {
  std::string kernels;  // "amx-bf16", "avx512-bf16", "avx512-vnni", "avx2", "portable", "reference", "cuda"
  int threads = 1;
  int activation_bits = 0;  // where they meet quantised weights: 8 or 16; 0 where they are not rounded, or on a GPU
  std::string device;   // the GPU's name; empty for the CPU
  std::string reason;   // why a GPU that was looked for is not used; else empty
};

// Low-rank changes (LoRA) of a model's linear layers, for the sessions that are opened with it. Constant; made by
// Engine::load_adapter() for that engine's sessions.
struct AdapterInfo {
  std::string name;  // of its folder
  int n_modules = 0, max_rank = 0;
  uint64_t size_bytes = 0;  // in memory
};
class Adapter {
 public:
  virtual ~Adapter() = default;
  virtual const AdapterInfo& info() const = 0;
};

// How a session is opened, beside its size.
struct SessionOptions {
  std::shared_ptr<const Adapter> adapter = nullptr;  // the model as it changes it; so are the session's forks. Null: as it is
  // Keeps what the model's draft layer needs for Session::draft(): a row more a token, and that layer's share of each prefill.
  // kInvalidArgument where the model has none (ModelInfo::has_draft_layer), or is on a GPU.
  bool drafts = false;
};

// Who goes first where several sessions of an engine are evaluated at once.
enum class Priority { kNormal, kInteractive };

class ConstraintState;
class Session;
class Vocabulary;
class ChatFormat;  // engine/prompts.h

class Engine : public std::enable_shared_from_this<Engine> {
 public:
  // `path`: a GGUF file (any part of a model in several), or a Hugging Face style directory (config.json, *.safetensors, tokenizer.json).
  static base::Result<std::shared_ptr<const Engine>> load(const std::filesystem::path& path, const LoadOptions& options);
  // A model of a family's true shape with arbitrary weights made on the GPU: for measuring speed without a download. Its text
  // means nothing, and it has no tokenizer. kInvalidArgument names the shapes and weight types there are.
  static base::Result<std::shared_ptr<const Engine>> synthetic(const std::string& shape, const std::string& weight_type, LoadOptions options);
  virtual ~Engine() = default;

  virtual const ModelInfo& info() const = 0;
  virtual const SpecialTokens& special_tokens() const = 0;
  virtual ComputeInfo compute() const { return {}; }
  virtual bool has_capability(std::string_view name) const = 0;
  // Whether text ends before `token`: end of text, end of a turn, marks that a model writes after a filled-in middle.
  virtual bool ends_generation(Token token) const { return special_tokens().eos == token; }

  // Whether `token` is a mark that stands in no text, such as the begin of a prompt; end tokens may be.
  virtual bool is_special(Token token) const {
    const SpecialTokens& s = special_tokens();
    return s.bos == token || s.eos == token || s.fim_prefix == token || s.fim_suffix == token || s.fim_middle == token;
  }
  // The tokens for constraints (engine/constrain.h). Engine::load's keep it after the first call, which takes below a second.
  virtual std::shared_ptr<const Vocabulary> vocabulary() const;

  // Text to ids and back, byte-exact. Special tokens written in `text` stay plain text unless `parse_special`.
  virtual std::vector<Token> tokenize(std::string_view text, bool parse_special = false) const = 0;
  virtual std::string detokenize(std::span<const Token> tokens) const = 0;

  // kInvalidArgument where the model has no "fim" capability.
  virtual base::Result<std::vector<Token>> fim_prompt(const FimRequest& request) const = 0;

  // Bytes per second that a large copy on the GPU moves, read and written bytes counted; kNotFound for an engine on the CPU.
  virtual base::Result<double> device_bandwidth() const {
    return base::Error{base::ErrorCode::kNotFound, "This model is not on a GPU."};
  }

  // How conversations are written for this model and its answers are read; null where it was not trained on any. Lives as long
  // as the Engine. The capabilities "tools" and "thinking" say the same in words.
  virtual const ChatFormat* chat_format() const { return nullptr; }

  virtual uint64_t session_bytes(int n_ctx) const = 0;
  virtual base::Result<std::unique_ptr<Session>> open_session(int n_ctx) const = 0;
  // An adapter in PEFT's layout (docs/lora.md): a folder with adapter_config.json and adapter_model.safetensors. kInvalidArgument for
  // what Graft does not compute, a module that the model has not, and a model that takes no adapters: one on a GPU, or DeepSeek V4.1.
  virtual base::Result<std::shared_ptr<const Adapter>> load_adapter(const std::filesystem::path& folder) const {
    static_cast<void>(folder);
    return base::invalid("This model takes no adapters.");
  }
  // As open_session(). Sessions with different adapters live side by side and step together.
  virtual inline base::Result<std::unique_ptr<Session>> open_session_with(int n_ctx, const SessionOptions& options) const;
  // Takes each of `sessions`, which are this engine's and all different, one token further, as append() of its token would, with the same
  // bits. On a CPU the weights are read once for all of them. All or none: after an error no session holds its token, and none has
  // logits. kExhausted where one is full.
  virtual inline base::Status step(std::span<Session* const> sessions, std::span<const Token> tokens, std::stop_token stop) const;
  // A session that Session::save() wrote, exactly as it was: its tokens, its logits, and what comes after are the same bits. `n_ctx` 0:
  // as large as it was. `options`: as the session had been opened, its adapter loaded again. kCorrupt: damaged; kInvalidArgument: of another model or adapter,
  // another way of computing (docs/session-files.md), or larger than `n_ctx`; kNotFound, kDenied, kIo.
  virtual inline base::Result<std::unique_ptr<Session>> restore_session(const std::filesystem::path& path, int n_ctx = 0,
                                                                        const SessionOptions& options = {}) const;
};

class Session {
 public:
  virtual ~Session() = default;

  virtual const Engine& engine() const = 0;
  virtual int n_ctx() const = 0;
  virtual std::span<const Token> tokens() const = 0;
  virtual std::shared_ptr<const Adapter> adapter() const { return nullptr; }

  // kInteractive: somebody waits for it. Its passes go before those of other sessions, at the next border of a chunk where a long prompt is
  // being read; while generate() or continuation_logprob() works on it, others begin no pass in between. Forks keep it.
  virtual void set_priority(Priority priority) { static_cast<void>(priority); }
  // Keeps the others waiting until it is gone, where this session is interactive; else null. For generate() and its kin.
  virtual std::shared_ptr<void> right_of_way() { return nullptr; }

  // Makes the timeline equal to `tokens`: keeps the longest shared front, evaluates the rest.
  virtual base::Status sync(std::span<const Token> tokens, std::stop_token stop) = 0;
  // Evaluates `tokens` after the present end. `all_logits`: empty, or room for [tokens.size(), n_vocab] f32, row-major.
  virtual base::Status append(std::span<const Token> tokens, std::span<float> all_logits, std::stop_token stop) = 0;
  // Up to `n` tokens that the model's draft layer expects after the timeline and `next`, the likeliest each time; the timeline stays as
  // it is. Guesses: nothing promises that the model would say the same. None where the session was opened without
  // SessionOptions::drafts, or has just been rewound far.
  virtual base::Result<std::vector<Token>> draft(Token next, int n, std::stop_token stop) {
    static_cast<void>(next), static_cast<void>(n), static_cast<void>(stop);
    return std::vector<Token>();
  }
  // Forgets everything after the first `n_tokens`. No logits are kept: append or sync before the next logits(). Where a
  // model's cache keeps only a window of the past, tokens() may become shorter than asked; sync() evaluates what is missing.
  virtual void rewind(int n_tokens) = 0;

  // A session with the same timeline and logits. Both go on by themselves and share the memory of the past: a fork costs a pointer for
  // each 64 tokens, and what is written later costs what it costs in a session of its own. On a GPU a fork copies the past into memory
  // for a whole session. kExhausted: there is none left.
  virtual base::Result<std::unique_ptr<Session>> fork() const { return base::invalid("Sessions of this model cannot be forked."); }
  // Memory that this session takes now. What several share is divided among them: all sessions together count everything once.
  virtual uint64_t memory_bytes() const { return 0; }
  // Writes all of the session to `path`, whole or not at all, for Engine::restore_session().
  virtual base::Status save(const std::filesystem::path& path) const {
    static_cast<void>(path);
    return base::invalid("Sessions of this model cannot be saved where it is computed.");
  }

  // A table of the GPU's kernels in one more step, with the seconds and bytes of each; kNotFound for a session on the CPU. The
  // timeline is as before, without logits.
  virtual base::Result<std::string> profile_step() {
    return base::Error{base::ErrorCode::kNotFound, "A profile of kernels is made on a GPU alone."};
  }

  // Logits after the last evaluated token, [n_vocab]; empty before the first and after a rewind. Valid until the next call.
  virtual std::span<const float> logits() const = 0;
};

inline base::Status Engine::step(std::span<Session* const>, std::span<const Token>, std::stop_token) const {
  return base::invalid("This engine takes one session at a time.");
}

inline base::Result<std::unique_ptr<Session>> Engine::open_session_with(int n_ctx, const SessionOptions& options) const {
  if (options.adapter) return base::invalid("This model takes no adapters.");
  return open_session(n_ctx);
}

inline base::Result<std::unique_ptr<Session>> Engine::restore_session(const std::filesystem::path&, int, const SessionOptions&) const {
  return base::invalid("Sessions of this model cannot be restored.");
}

struct SamplingOptions {
  float temperature = 0.0f;  // 0: greedy; ties go to the lower id
  int top_k = 0;             // 0: all
  float top_p = 1.0f;        // 1: all
  uint64_t seed = 0;
  float min_p = 0.0f;        // drops tokens less likely than this share of the likeliest
  float repetition_penalty = 1.0f;  // divides positive logits of tokens in prompt or output, multiplies negative ones
  float frequency_penalty = 0.0f;   // taken off a token's logit for each time that it is in the output
  float presence_penalty = 0.0f;    // and once where it is there at all
  std::vector<std::pair<Token, float>> logit_bias = {};  // added to logits; minus infinity: never
};

struct TokenLogprob {
  Token token = 0;
  double logprob = 0.0;  // natural log
};

enum class StopReason { kEndOfText, kStopString, kMaxTokens, kCaller };

struct GenerateOptions {
  int max_tokens = 64;
  SamplingOptions sampling;
  int n_top_logprobs = 0;  // of each step, in Generated::top_logprobs
  // Up to so many tokens are copied from an earlier place of prompt and output where that looks promising, and checked in one pass.
  // The same tokens come out with and without, for every seed; drafts that cost more than they save are switched off by
  // measurement. 0: none. Without effect on a GPU, where a pass over several tokens rounds differently.
  int max_draft_tokens = 0;
  // The same, guessed by the model's draft layer where nothing is to be copied: Session::draft(). The two are measured apart.
  int max_layer_draft_tokens = 0;
  // Borrowed for the call; null: none. Each token is one that it allows, and moves it on; a token that ends the text comes only
  // where the constraint may end. Where nothing may follow any more, generation ends with kEndOfText. See engine/constrain.h.
  ConstraintState* constraint = nullptr;
  // Where the constraint leaves one text alone, its tokens as the tokenizer cuts it are taken without sampling and evaluated in one
  // pass, up to where an allowed token could go on past it; their log-probabilities are the model's. False: every token is sampled from
  // what the mask allows, which may cut that text in other ways.
  bool jump_forward = true;
  std::vector<std::string> stop;  // generation ends before the first of these in the text
  // May change the logits, [n_vocab], that the next token is chosen by, after `so_far` of this generation; -inf rules a token
  // out, one must stay. logprob is then of the changed distribution.
  std::function<void(std::span<const Token> so_far, std::span<float> logits)> adjust;
  // Called after each token with the whole text so far; false ends generation (kCaller).
  std::function<bool(std::string_view text_so_far)> keep_going;
};

struct Generated {
  std::string text;           // cut before a stop string; always whole UTF-8 characters
  std::vector<Token> tokens;  // as sampled, the one that ended the text included
  double logprob = 0.0;       // natural log, sum over `tokens`, of the model's own distribution as `adjust` left it: before constraint and SamplingOptions
  std::vector<double> token_logprobs;  // of each of `tokens`
  std::vector<std::vector<TokenLogprob>> top_logprobs;  // n_top_logprobs for each of `tokens`, likeliest first
  int64_t n_drafted = 0, n_accepted = 0;  // tokens that were drafted, and of these those that became output
  int64_t n_forced = 0;  // tokens that the constraint left no choice about: GenerateOptions::jump_forward
  StopReason reason = StopReason::kMaxTokens;
};

// The GPU that models run on where they may: "NVIDIA H200, 140 GB free of 150 GB, sm_90, driver 13.0". kNotFound says why not.
base::Result<std::string> describe_gpu();

// Syncs `session` to `prompt`, then samples. Same seed, backend and prompt: same tokens.
base::Result<Generated> generate(Session& session, std::span<const Token> prompt, const GenerateOptions& options,
                                 std::stop_token stop);

// One of several answers that are written together. `session` and what `options` borrows are nobody else's meanwhile.
struct GenerateRequest {
  Session* session;  // all different, of one engine
  std::span<const Token> prompt;
  GenerateOptions options;
};
// generate() of each, one Engine::step() for a token of all: the same tokens as each gets alone, drafts apart, which are not made here. One
// that fails does not hold up the others; a step that fails ends all that are not complete.
std::vector<base::Result<Generated>> generate_together(std::span<const GenerateRequest> requests, std::stop_token stop);

// Sum of natural-log probabilities of `continuation` after `prompt`. The session keeps the prompt afterwards, so many
// continuations of one prompt cost the prompt once.
base::Result<double> continuation_logprob(Session& session, std::span<const Token> prompt,
                                          std::span<const Token> continuation, std::stop_token stop);

}  // namespace engine
