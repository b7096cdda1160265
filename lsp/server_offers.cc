// SPDX-License-Identifier: Apache-2.0
// What the server offers where somebody types (server.h): completions, the next edit, and the actions at a place.
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "lsp/server.h"
#include "lsp/uri.h"

namespace lsp {

using base::Json;

void Server::on_inline_completion(const Json& params, Reply reply) {
  complete(params, InlineDialect::kStandard, std::move(reply));
}

void Server::on_copilot_inline_edit(const Json& params, Reply reply) {
  complete(params, InlineDialect::kCopilotEdit, std::move(reply));
}

void Server::complete(const Json& params, InlineDialect dialect, Reply reply) {
  const auto document = document_of(params, reply);
  if (!document) return;
  const Settings& settings = settings_of(document->uri);
  const auto encoding = client_.capabilities.position_encoding;
  auto question = read_inline_question(params, dialect, document, settings, encoding);
  if (!question) return reply.fail(rpc_error(question.error()));
  if (dialect == InlineDialect::kCopilotEdit && !is_fresh(params, *document, reply)) return;
  const auto position = read_position(params["position"]);
  const size_t cursor = offset_of(*document->text, *position, encoding);
  // While the newest edit is being typed, ghost text that would change another part of its line is in the way.
  const bool selecting = *question && !(*question)->selected.empty();
  const bool next_edit = may_have_next_edit(*document, settings) && !selecting &&
                         (dialect == InlineDialect::kCopilotEdit || !at_newest_edit(*document, cursor));
  std::optional<InlineQuestion> asked;
  if (*question && settings.completion_enabled) asked = std::move(**question);
  const auto otherwise = [this, dialect, asked = std::move(asked)](Reply to) {
    if (!asked) return to.result({{dialect == InlineDialect::kStandard ? "items" : "edits", Json::array()}});
    complete_with_model(*asked, std::move(to));
  };
  if (!next_edit) return otherwise(std::move(reply));
  with_next_edits(document, cursor, std::move(reply),
                  [dialect, cursor, encoding, otherwise](Reply to, const Document& of, const NextEdits& offers) {
                    if (dialect == InlineDialect::kCopilotEdit) {
                      if (!offers.empty()) return to.result(copilot_edits(of, offers, encoding));
                    } else if (auto item = next_edit_item(of, offers, cursor, encoding)) {
                      return to.result({{"items", Json::array({std::move(*item)})}});
                    }
                    otherwise(std::move(to));
                  });
}

void Server::complete_with_model(InlineQuestion question, Reply reply) {
  const DocumentPtr document = question.document;
  const Settings& settings = settings_of(document->uri);
  question.others = related_documents(documents_, *document);
  const auto path = path_of_uri(document->uri);
  const Folder* folder = workspace_.folder_of(document->uri);
  const auto relative = path && folder != nullptr ? relative_to(folder->path, *path) : std::nullopt;
  const std::string name = relative ? *relative : path ? path->filename().string() : std::string();
  engine_.ask(std::move(question), std::move(reply), settings, relative ? folder->path : std::filesystem::path(), name);
}

bool Server::is_fresh(const Json& params, const Document& document, Reply& reply) const {
  const auto item = params.find("textDocument");
  if (item == params.end() || !item->is_object() || !item->contains("version")) return true;
  const int64_t version = base::json_int(*item, "version", document.version);
  if (version == document.version) return true;
  reply.fail({RpcCode::kContentModified, base::cat("The request is about version ", version, " of the document, which is at version ",
                                                   document.version, ".")});
  return false;
}

void Server::with_next_edits(const DocumentPtr& document, size_t cursor, Reply reply, UseNextEdits use) {
  trees_.work(document, std::move(reply),
              [this, cursor, settings = settings_of(document->uri), use = std::move(use)](
                  Reply to, const DocumentPtr& of, const tools::SyntaxTree* tree) {
                NextEdits offers = predict_next_edits(services_, *of, tree, cursor, settings, to.stop());
                post_([this, of, to = std::move(to), offers = std::move(offers), use]() mutable {
                  if (to.answered()) return;
                  const DocumentPtr now = documents_.find(of->uri);
                  if (!now || now->revision != of->revision)
                    return to.fail({RpcCode::kContentModified, "The document changed."});
                  use(std::move(to), *of, offers);
                });
              });
}

void Server::on_next_edit(const Json& params, Reply reply) {
  const auto document = document_of(params, reply);
  if (!document || !is_fresh(params, *document, reply)) return;
  const auto at = params.find("position");
  const auto position = at == params.end() ? std::nullopt : read_position(*at);
  if (!position) return reply.fail({RpcCode::kInvalidParams, "graft/nextEdit without a position."});
  const auto encoding = client_.capabilities.position_encoding;
  const size_t cursor = offset_of(*document->text, *position, encoding);
  if (!may_have_next_edit(*document, settings_of(document->uri)))
    return reply.result(next_edit_result(*document, {}, encoding));
  with_next_edits(document, cursor, std::move(reply), [encoding](Reply to, const Document& of, const NextEdits& offers) {
    to.result(next_edit_result(of, offers, encoding));
  });
}

void Server::on_code_action(const Json& params, Reply reply) {
  const auto document = document_of(params, reply);
  if (!document) return;
  const Settings& settings = settings_of(document->uri);
  Json actions = fix_.code_actions(params, settings);
  const auto given = params.find("range");
  const auto range = given == params.end() ? std::nullopt
                                           : read_range(*given, *document->text, client_.capabilities.position_encoding);
  if (!range || !wants_rewrite(params) || !may_have_next_edit(*document, settings)) return reply.result(actions);
  with_next_edits(document, range->begin, std::move(reply),
                  [this, range = *range, actions = std::move(actions)](Reply to, const Document& of, const NextEdits& offers) {
                    Json all = actions;
                    add_next_edit_actions(all, of, offers, range, client_.capabilities);
                    to.result(all);
                  });
}

}  // namespace lsp
