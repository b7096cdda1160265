// SPDX-License-Identifier: Apache-2.0
#include "lsp/next_edit.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/strings.h"

namespace lsp {
namespace {

using base::Json;

constexpr const char* kRewriteKind = "refactor.rewrite";
constexpr const char* kAnnotation = "graft.nextEdit";

Json range_of(const Document& document, const agent::NextEdit& offer, PositionEncoding encoding) {
  return write_range(*document.text, offer.range.begin, offer.range.end, encoding);
}

// Versioned where the client takes that, so that an editor whose text has moved on refuses it.
Json edit_of(const Document& document, const NextEdits& offers, const ClientCapabilities& can, bool confirm) {
  Json edits = Json::array();
  for (const agent::NextEdit& offer : offers) {
    Json edit = {{"range", range_of(document, offer, can.position_encoding)}, {"newText", offer.new_text}};
    if (can.document_changes && can.change_annotations) edit["annotationId"] = kAnnotation;
    edits.push_back(std::move(edit));
  }
  if (!can.document_changes) return {{"changes", {{document.uri, std::move(edits)}}}};
  Json edit = {
      {"documentChanges", Json::array({{{"textDocument", {{"uri", document.uri}, {"version", document.version}}},
                                        {"edits", std::move(edits)}}})}};
  if (can.change_annotations)
    edit["changeAnnotations"] = {
        {kAnnotation,
         {{"label", "The same change"}, {"description", offers.front().why}, {"needsConfirmation", confirm}}}};
  return edit;
}

Json action(std::string title, Json edit) {
  return {{"title", std::move(title)}, {"kind", kRewriteKind}, {"edit", std::move(edit)}};
}

}  // namespace

bool may_have_next_edit(const Document& document, const Settings& settings) {
  return settings.next_edit_enabled && !document.edits.empty() &&
         document.text->bytes.size() <= agent::kMostNextEditBytes;
}

bool at_newest_edit(const Document& document, size_t cursor) {
  if (document.edits.empty()) return false;
  const agent::RecentEdit& newest = document.edits.back();
  return cursor >= newest.begin && cursor <= newest.begin + newest.new_text.size();
}

NextEdits predict_next_edits(const Services& services, const Document& document, const tools::SyntaxTree* tree,
                             size_t cursor, const Settings& settings, std::stop_token stop) {
  if (tree == nullptr || !services.next_edits) return {};
  const double least =
      settings.next_edit_min_probability > 0 ? settings.next_edit_min_probability : agent::kSureNextEdit;
  auto offers = services.next_edits({*tree, document.edits, cursor, least}, stop);
  if (!offers) {
    base::log(base::LogLevel::kDebug, "no next edit: " + offers.error().message);
    return {};
  }
  return std::move(offers).value();
}

std::optional<Json> next_edit_item(const Document& document, const NextEdits& offers, size_t cursor,
                                   PositionEncoding encoding) {
  const std::string& text = document.text->bytes;
  const size_t line = document.text->lines.line_of(cursor);
  for (const agent::NextEdit& offer : offers) {
    if (document.text->lines.line_of(offer.range.begin) != line ||
        document.text->lines.line_of(offer.range.end) != line)
      continue;
    const size_t begin = std::min(cursor, offer.range.begin), end = std::max(cursor, offer.range.end);
    return Json{{"insertText", text.substr(begin, offer.range.begin - begin) + offer.new_text +
                                   text.substr(offer.range.end, end - offer.range.end)},
                {"range", write_range(*document.text, begin, end, encoding)}};
  }
  return std::nullopt;
}

Json copilot_edits(const Document& document, const NextEdits& offers, PositionEncoding encoding) {
  Json edits = Json::array();
  if (!offers.empty())
    edits.push_back({{"text", offers.front().new_text},
                     {"textDocument", {{"uri", document.uri}, {"version", document.version}}},
                     {"range", range_of(document, offers.front(), encoding)}});
  return {{"edits", std::move(edits)}};
}

Json next_edit_result(const Document& document, const NextEdits& offers, PositionEncoding encoding) {
  Json edits = Json::array();
  for (const agent::NextEdit& offer : offers)
    edits.push_back({{"range", range_of(document, offer, encoding)},
                     {"newText", offer.new_text},
                     {"why", offer.why},
                     {"probability", offer.probability}});
  return {{"version", document.version}, {"edits", std::move(edits)}};
}

bool wants_rewrite(const Json& params) {
  const auto context = params.find("context");
  if (context == params.end() || !context->is_object()) return true;
  const auto only = context->find("only");
  if (only == context->end() || !only->is_array()) return true;
  return std::any_of(only->begin(), only->end(),
                     [](const Json& kind) { return kind == "" || kind == "refactor" || kind == kRewriteKind; });
}

void add_next_edit_actions(Json& actions, const Document& document, const NextEdits& offers, ByteRange range,
                           const ClientCapabilities& can) {
  if (offers.empty()) return;
  const base::LineIndex& lines = document.text->lines;
  const size_t first = lines.line_of(range.begin), last = lines.line_of(range.end);
  const auto here = std::find_if(offers.begin(), offers.end(), [&](const agent::NextEdit& offer) {
    return lines.line_of(offer.range.begin) <= last && lines.line_of(offer.range.end) >= first;
  });
  if (here != offers.end())
    actions.push_back(action("Make the same change here: " + here->why, edit_of(document, {*here}, can, false)));
  if (offers.size() > 1)
    actions.push_back(action(base::cat("Make the same change at the other ", offers.size(), " places"),
                             edit_of(document, offers, can, true)));
  else if (here == offers.end())
    actions.push_back(action(base::cat("Make the same change in line ", lines.line_of(offers.front().range.begin) + 1),
                             edit_of(document, offers, can, false)));
}

}  // namespace lsp
