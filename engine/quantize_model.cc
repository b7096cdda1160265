// SPDX-License-Identifier: Apache-2.0
#include "engine/quantize_model.h"

#include <fnmatch.h>

#include <optional>
#include <thread>

#include "base/strings.h"
#include "engine/formats/quantize_rows.h"
#include "engine/kernels/matmul.h"
#include "engine/model_package.h"

namespace engine {
namespace {

std::optional<DType> type_named(std::string_view name) {
  for (int t = 0; t < kDTypes; ++t)
    if (const auto type = static_cast<DType>(t); can_quantize(type) && traits(type).name == name) return type;
  return std::nullopt;
}

bool fits(DType type, int64_t n_in) {
  return n_in % traits(type).block_values == 0;
}

DType next_type(DType type) {
  switch (type) {
    case DType::kQ2_K:
    case DType::kQ3_K:
      return DType::kIQ4_NL;
    case DType::kQ4_K:
      return DType::kQ5_0;
    case DType::kQ5_K:
      return DType::kQ5_1;
    case DType::kQ6_K:
      return DType::kQ8_0;
    default:
      return DType::kF16;
  }
}

DType kept_type(const GgufTensor& tensor) {
  const bool beside = tensor.stored == DType::kF8_E4M3 || tensor.stored == DType::kFP4;  // GGUF has neither
  if (beside || (!tensor.stored_row && !can_quantize(tensor.stored))) return DType::kBF16;
  return fits(tensor.stored, tensor.n_in()) ? tensor.stored : DType::kBF16;
}

void choose_type(GgufTensor& tensor, DType wanted, bool tied, const QuantizeOptions& options, QuantizeReport& report) {
  if (tensor.exact) return void(tensor.type = tensor.exact_type());
  for (const std::string& pattern : options.keep)
    if (::fnmatch(pattern.c_str(), tensor.name.c_str(), 0) == 0) return void(tensor.type = kept_type(tensor));
  if (tensor.fine && is_quantized(wanted))
    return void(tensor.type = is_quantized(tensor.stored) ? DType::kBF16 : kept_type(tensor));
  if (is_quantized(wanted)) {
    if (tensor.name == "output.weight" || (tied && tensor.name == "token_embd.weight"))
      wanted = wanted == DType::kQ8_0 || wanted == DType::kMXFP4 ? DType::kQ8_0 : DType::kQ6_K;
    else if (wanted == DType::kMXFP4 && !tensor.expert)
      wanted = DType::kQ8_0;
  }
  DType type = wanted;
  while (!fits(type, tensor.n_in())) type = next_type(type);
  if (type != wanted)
    report.fallbacks.push_back(base::cat(tensor.name, ": rows of ", tensor.n_in(), " values: ", traits(type).name,
                                         " instead of ", traits(wanted).name));
  tensor.type = type;
}

void put_special_tokens(const ModelPackage& package, GgufContent& content) {
  const auto put = [&](const char* key, const std::optional<Token>& id) {
    if (id) content.put(key, static_cast<uint32_t>(*id));
  };
  const SpecialTokens& s = package.special;
  put("tokenizer.ggml.bos_token_id", s.bos);
  put("tokenizer.ggml.eos_token_id", s.eos);
  put("tokenizer.ggml.fim_pre_token_id", s.fim_prefix);
  put("tokenizer.ggml.fim_suf_token_id", s.fim_suffix);
  put("tokenizer.ggml.fim_mid_token_id", s.fim_middle);
  for (const Token end : package.end_tokens)
    if (end != s.eos && end != s.fim_prefix && end != s.fim_suffix && end != s.fim_middle) {
      put("tokenizer.ggml.eot_token_id", end);
      break;
    }
  content.put("tokenizer.ggml.add_bos_token", package.add_bos);
  if (!package.chat_template.empty()) content.put("tokenizer.chat_template", package.chat_template);
  if (!package.info.capabilities.empty()) content.put("graft.capabilities", package.info.capabilities);
  if (package.fim) content.put("graft.fim_order", std::string(package.fim->order == FimOrder::kSpm ? "spm" : "psm"));
}

}  // namespace

std::vector<std::string> quantize_types() {
  std::vector<std::string> names;
  for (int t = 0; t < kDTypes; ++t)
    if (can_quantize(static_cast<DType>(t))) names.emplace_back(traits(static_cast<DType>(t)).name);
  return names;
}

base::Result<QuantizeReport> quantize_model(const std::filesystem::path& model, const std::filesystem::path& out,
                                            const QuantizeOptions& options) {
  const auto wanted = type_named(options.type);
  if (!wanted) {
    std::string known;
    for (const std::string& name : quantize_types()) known += (known.empty() ? "" : ", ") + name;
    return base::invalid(base::cat("there is no type \"", options.type, "\" to write; there are ", known));
  }
  auto package = load_model_package(model);
  if (!package) return std::move(package).error();
  auto content = package->family->to_gguf();
  if (!content) return std::move(content).error();
  content->put("general.name", package->info.name);
  content->put("general.quantization_version", uint32_t{2});
  if (package->info.has_tokenizer) {
    if (base::Status written = tokenizer_to_gguf(package->tokenizer, package->info.n_vocab, *content); !written)
      return std::move(written).error();
    put_special_tokens(*package, *content);
  } else {
    content->put("tokenizer.ggml.model", std::string("none"));  // llama.cpp loads no file without the key
  }

  QuantizeReport report;
  report.stored_bytes = package->info.weight_bytes;
  bool tied = true;
  for (const GgufTensor& tensor : content->tensors) tied &= tensor.name != "output.weight";
  for (GgufTensor& tensor : content->tensors) {
    choose_type(tensor, *wanted, tied, options, report);
    report.written_bytes += tensor.size_bytes();
    ++report.tensors_by_type[std::string(traits(tensor.type).name)];
  }
  ThreadPool pool(options.n_threads > 0 ? options.n_threads : available_cores());
  GgufWriteOptions write;
  write.replace = options.replace;
  write.stop = options.stop;
  if (options.progress)
    write.progress = [&](uint64_t done, std::string_view tensor) {
      options.progress(done, report.written_bytes, tensor);
    };
  if (base::Status written = write_gguf(*content, out, pool, write); !written)
    return std::move(written).error().in(base::cat("write ", out.string()));
  return report;
}

}  // namespace engine
