// SPDX-License-Identifier: Apache-2.0
#include "engine/model_file.h"

#include "engine/model_package.h"

namespace engine {
namespace {

class PackagedFile : public ModelFile {
 public:
  explicit PackagedFile(ModelPackage package) : package_(std::move(package)) {}

  const ModelInfo& info() const override { return package_.info; }
  const SpecialTokens& special_tokens() const override { return package_.special; }
  std::vector<Token> tokenize(std::string_view text, bool parse_special) const override {
    return package_.tokenizer.encode(text, parse_special);
  }
  const ChatFormat* chat_format() const override { return package_.chat ? &*package_.chat : nullptr; }
  std::string detokenize(std::span<const Token> tokens) const override { return package_.tokenizer.decode(tokens); }
  base::Status verify(const std::function<void(uint64_t)>& progress, std::stop_token stop) const override {
    return verify_weights(package_, progress, stop);
  }

 private:
  ModelPackage package_;
};

}  // namespace

base::Result<std::unique_ptr<ModelFile>> open_model_file(const std::filesystem::path& path) {
  auto package = load_model_package(path);
  if (!package) return std::move(package).error();
  package->info.path = path;
  return std::unique_ptr<ModelFile>(std::make_unique<PackagedFile>(std::move(*package)));
}

}  // namespace engine
