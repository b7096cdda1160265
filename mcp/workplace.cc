// SPDX-License-Identifier: Apache-2.0
#include "mcp/workplace.h"

#include "base/strings.h"
#include "sandbox/secrets.h"

namespace mcp {
namespace {

base::Error secret(std::string_view path) {
  return {base::ErrorCode::kDenied,
          base::cat(path, " holds secrets by its name or content; it is not read or written here")};
}

}  // namespace

base::Result<std::string> OpenFiles::read(std::string_view path) const {
  // By the name first, so that nothing tells whether there is such a file.
  if (sandbox::is_secret(path, "")) return secret(path);
  auto text = tree_.read(path);
  if (text && sandbox::is_secret(path, *text)) return secret(path);
  return text;
}

base::Result<std::string> Workplace::path_of(const std::string& given) {
  return tools::safe_path(given.size() > 1 && given.back() == '/' ? given.substr(0, given.size() - 1) : given);
}

base::Status Workplace::may_touch(std::string_view path) {
  if (sandbox::is_secret(path, "")) return secret(path);
  return base::ok();
}

base::Result<std::shared_ptr<const engine::Engine>> Workplace::model() {
  std::lock_guard lock(loading_);
  if (loaded_ || !services.load_model) return model_;
  auto model = services.load_model();
  if (!model) return model;  // said again at the next call: the file may be there by then
  model_ = std::move(*model);
  loaded_ = true;
  return model_;
}

base::Result<std::vector<agent::CompletionItem>> Workplace::complete(const agent::CompleteRequest& request,
                                                                     std::stop_token stop) {
  std::lock_guard lock(completing_);
  if (stop.stop_requested()) return base::cancelled();
  if (!completer_) {
    auto loaded = model();
    if (!loaded) return std::move(loaded).error();
    if (!*loaded)
      return base::Error{base::ErrorCode::kNotFound,
                         "Completions need a model, and none is installed: start `graft mcp` "
                         "with --model, or without --no-model."};
    auto completer = services.make_completer(*loaded);
    if (!completer) return std::move(completer).error();
    completer_ = std::move(*completer);
  }
  if (services.near_files)
    if (auto near = services.near_files(options.root, request.path, stop)) completer_->remember(std::move(*near));
  return completer_->complete(request, stop);
}

}  // namespace mcp
