// SPDX-License-Identifier: Apache-2.0
#include "lsp/documents.h"

#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace lsp {
namespace {

using base::Json;

const Json& member(const Json& object, const char* key) {
  static const Json none;
  if (!object.is_object()) return none;
  const auto found = object.find(key);
  return found == object.end() ? none : *found;
}

}  // namespace

std::string document_uri(const Json& params) {
  return base::json_string(member(params, "textDocument"), "uri");
}

base::Result<DocumentPtr> Documents::open(const Json& params) {
  const Json& item = member(params, "textDocument");
  const Json& text = member(item, "text");
  auto document = std::make_shared<Document>();
  document->uri = base::json_string(item, "uri");
  if (document->uri.empty() || !text.is_string()) return base::invalid("didOpen without uri or text");
  document->language_id = base::json_string(item, "languageId");
  document->version = base::json_int(item, "version");
  document->opening = document->revision = ++n_revisions_;
  document->text = std::make_shared<Text>(text.get_ref<const std::string&>());
  open_[document->uri] = document;
  histories_[document->uri] = {};
  return DocumentPtr(document);
}

base::Result<Documents::Changed> Documents::change(const Json& params, PositionEncoding encoding,
                                                   agent::EditHistory::Time now) {
  const std::string uri = document_uri(params);
  const DocumentPtr old = find(uri);
  if (!old) return base::invalid("didChange of a document that is not open");
  const Json& events = member(params, "contentChanges");
  if (!events.is_array()) return base::invalid("didChange without contentChanges");

  Changed changed;
  auto text = std::make_shared<Text>(*old->text);
  agent::EditHistory history = histories_[uri];
  for (const Json& event : events) {
    const Json& inserted = member(event, "text");
    // One event that we can't read makes all later positions wrong: the old text stays, and the log says so.
    if (!inserted.is_string()) return base::invalid("didChange with a change without text");
    const auto& bytes = inserted.get_ref<const std::string&>();
    if (member(event, "range").is_null()) {
      *text = Text(bytes);
      changed.changes.clear();
      changed.replaced = true;
      history.clear();
      continue;
    }
    const auto range = read_range(event["range"], *text, encoding);
    if (!range) return base::invalid("didChange with a broken range");
    history.changed(text->bytes, range->begin, range->end, bytes, now);
    text->bytes.replace(range->begin, range->end - range->begin, bytes);
    const tools::TextChange edit{range->begin, range->end, range->begin + bytes.size()};
    text->lines.splice(text->bytes, edit.begin, edit.old_end, edit.new_end);
    if (!changed.replaced) changed.changes.push_back(edit);
  }

  auto document = std::make_shared<Document>(*old);
  document->version = base::json_int(member(params, "textDocument"), "version", old->version + 1);
  document->revision = ++n_revisions_;
  document->changed = true;
  document->text = std::move(text);
  document->edits = history.edits();
  histories_[uri] = std::move(history);
  open_[uri] = document;
  changed.document = std::move(document);
  return changed;
}

base::Result<DocumentPtr> Documents::save(const Json& params) {
  const DocumentPtr old = find(document_uri(params));
  if (!old) return base::invalid("didSave of a document that is not open");
  auto document = std::make_shared<Document>(*old);
  document->changed = false;
  open_[old->uri] = document;
  return DocumentPtr(document);
}

base::Result<std::string> Documents::close(const Json& params) {
  std::string uri = document_uri(params);
  histories_.erase(uri);
  if (open_.erase(uri) == 0) return base::invalid("didClose of a document that is not open");
  return uri;
}

DocumentPtr Documents::find(const std::string& uri) const {
  const auto found = open_.find(uri);
  return found == open_.end() ? nullptr : found->second;
}

std::vector<DocumentPtr> Documents::all() const {
  std::vector<DocumentPtr> documents;
  for (const auto& [uri, document] : open_) documents.push_back(document);
  return documents;
}

}  // namespace lsp
