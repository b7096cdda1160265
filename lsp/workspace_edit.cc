// SPDX-License-Identifier: Apache-2.0
#include "lsp/workspace_edit.h"

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "base/utf8.h"
#include "lsp/uri.h"
#include "tools/work_tree.h"

namespace lsp {
namespace {

using base::Json;

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr const char* kAnnotation = "graft";

base::Error held_back(const std::string& path, std::string_view why) {
  return {base::ErrorCode::kDenied, base::cat(path, " ", why)};
}

base::Result<PreparedFile> prepare_file(const tools::FileEdit& edit, const tools::WorkTree& tree) {
  PreparedFile file;
  file.action = edit.action;
  file.path = tree.root() / edit.path;
  if (!edit.new_path.empty()) file.new_path = tree.root() / edit.new_path;
  file.replacements = edit.replacements;
  if (edit.executable)
    return held_back(edit.path, "gets or loses its executable bit, which an editor's edit cannot say");
  for (const auto& replacement : edit.replacements)
    if (!base::is_utf8(replacement.text)) return held_back(edit.path, "gets text that is not UTF-8");
  if (edit.action == tools::FileAction::kCreate) return file;

  auto bytes = tree.read(edit.path);
  if (!bytes) return std::move(bytes).error();
  if (tools::content_hash(*bytes) != edit.base) return held_back(edit.path, "changed on disk since the check ran");
  if (!base::is_utf8(*bytes)) return held_back(edit.path, "is not UTF-8");
  if (bytes->starts_with(kByteOrderMark)) {
    bytes->erase(0, kByteOrderMark.size());
    for (auto& replacement : file.replacements) {
      if (replacement.begin < kByteOrderMark.size()) return held_back(edit.path, "would lose its byte order mark");
      replacement.begin -= kByteOrderMark.size();
      replacement.end -= kByteOrderMark.size();
    }
  }
  file.base = std::make_shared<Text>(std::move(*bytes));
  return file;
}

// The open document of a file; the editor may spell its URI in a way of its own.
DocumentPtr document_at(const Documents& documents, const std::filesystem::path& path) {
  for (const auto& document : documents.all())
    if (path_of_uri(document->uri) == path) return document;
  return nullptr;
}

class Writer {
 public:
  Writer(const Documents& documents, const ClientCapabilities& can) : documents_(documents), can_(can) {}

  base::Status add(const PreparedFile& file) {
    const DocumentPtr document = document_at(documents_, file.path);
    const std::string uri = document ? document->uri : uri_of_path(file.path);
    const std::string name = file.path.filename().string();
    if (document && file.base && document->text->bytes != file.base->bytes)
      return held_back(name, "changed in the editor since the check ran");
    if (document && !file.base) return held_back(name, "is to be created and is open in the editor");
    switch (file.action) {
      case tools::FileAction::kModify:
        return add_edits(file, uri, document ? Json(document->version) : Json());
      case tools::FileAction::kCreate:
        if (!can_.create_files) return held_back(name, "is to be created, which this editor does not take");
        changes_.push_back(annotated({{"kind", "create"}, {"uri", uri}}));
        return add_edits(file, uri, nullptr);
      case tools::FileAction::kDelete:
        if (!can_.delete_files) return held_back(name, "is to be removed, which this editor does not take");
        changes_.push_back(annotated({{"kind", "delete"}, {"uri", uri}}));
        return base::ok();
      case tools::FileAction::kMove:
        break;
    }
    if (!can_.rename_files) return held_back(name, "is to be moved, which this editor does not take");
    const std::string new_uri = uri_of_path(file.new_path);
    changes_.push_back(annotated({{"kind", "rename"}, {"oldUri", uri}, {"newUri", new_uri}}));
    return add_edits(file, new_uri, nullptr);
  }

  Json finish(const EditLabel& label) {
    if (!can_.document_changes) return {{"changes", std::move(plain_)}};
    Json edit = {{"documentChanges", std::move(changes_)}};
    if (can_.change_annotations)
      edit["changeAnnotations"] = {{kAnnotation,
                                    {{"label", label.label},
                                     {"description", label.description},
                                     {"needsConfirmation", label.needs_confirmation}}}};
    return edit;
  }

 private:
  Json annotated(Json change) const {
    if (can_.change_annotations && can_.document_changes) change["annotationId"] = kAnnotation;
    return change;
  }

  base::Status add_edits(const PreparedFile& file, const std::string& uri, const Json& version) {
    if (file.replacements.empty()) return base::ok();
    static const Text nothing{""};
    const Text& text = file.base ? *file.base : nothing;
    Json edits = Json::array();
    for (const auto& replacement : file.replacements)
      edits.push_back(
          annotated({{"range", write_range(text, replacement.begin, replacement.end, can_.position_encoding)},
                     {"newText", replacement.text}}));
    if (can_.document_changes)
      changes_.push_back({{"textDocument", {{"uri", uri}, {"version", version}}}, {"edits", std::move(edits)}});
    else
      plain_[uri] = std::move(edits);
    return base::ok();
  }

  const Documents& documents_;
  const ClientCapabilities& can_;
  Json changes_ = Json::array(), plain_ = Json::object();
};

}  // namespace

base::Result<std::vector<PreparedFile>> prepare_edit(const tools::Edit& edit, const std::filesystem::path& root) {
  const auto tree = tools::WorkTree::open(root);
  if (!tree) return tree.error();
  std::vector<PreparedFile> files;
  for (const auto& file : edit.files) {
    auto prepared = prepare_file(file, *tree);
    if (!prepared) return std::move(prepared).error();
    files.push_back(std::move(*prepared));
  }
  return files;
}

base::Result<Json> workspace_edit(const std::vector<PreparedFile>& files, const Documents& documents,
                                  const ClientCapabilities& can, const EditLabel& label) {
  Writer writer(documents, can);
  for (const auto& file : files)
    if (auto added = writer.add(file); !added) return std::move(added).error();
  return writer.finish(label);
}

bool is_saved(const Document& document, const std::filesystem::path& path) {
  const auto disk = base::read_file(path, tools::WorkTree::kMaxFileBytes);
  if (!disk) return !document.changed && document.text->bytes.empty();
  std::string_view bytes = *disk;
  if (!base::is_utf8(bytes)) return !document.changed;  // the editor decoded it in a way that we don't know
  if (bytes.starts_with(kByteOrderMark) && !document.text->bytes.starts_with(kByteOrderMark))
    bytes.remove_prefix(kByteOrderMark.size());
  return bytes == document.text->bytes;
}

}  // namespace lsp
