// SPDX-License-Identifier: Apache-2.0
// lsp/documents.h: the documents that the editor has open, as it last described them.
//
// Owns     The main thread owns the table. What it hands out (shared_ptr<const Document>) never changes: a change makes
//          a new Document, so workers read without locks and recognise old news by the version.
// Units    Text is valid UTF-8; offsets are bytes of it.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/next_edit/edit_history.h"
#include "base/json.h"
#include "base/result.h"
#include "lsp/position.h"

namespace lsp {

struct Document {
  std::string uri, language_id;
  int64_t version = 0;
  uint64_t opening = 0;   // the revision at didOpen: tells a document from one of the same name that was opened later
  uint64_t revision = 0;  // our own count of texts; unlike a client's versions it only grows
  bool changed = false;   // since it was opened or saved; the text may differ from the disk all the same
  std::shared_ptr<const Text> text;
  std::vector<agent::RecentEdit> edits;  // the last small ones, the newest last
};
using DocumentPtr = std::shared_ptr<const Document>;

class Documents {
 public:
  // Params of textDocument/did*; the errors say what is wrong with them. A document opened twice is replaced.
  base::Result<DocumentPtr> open(const base::Json& params);
  // `changes` lead in order from the old text to the new one; empty together with `replaced` for a full text.
  struct Changed {
    DocumentPtr document;
    std::vector<tools::TextChange> changes;
    bool replaced = false;
  };
  base::Result<Changed> change(const base::Json& params, PositionEncoding encoding,
                               agent::EditHistory::Time now = std::chrono::steady_clock::now());
  base::Result<DocumentPtr> save(const base::Json& params);
  base::Result<std::string> close(const base::Json& params);

  DocumentPtr find(const std::string& uri) const;  // null where it is not open
  std::vector<DocumentPtr> all() const;

 private:
  std::map<std::string, DocumentPtr> open_;
  std::map<std::string, agent::EditHistory> histories_;
  uint64_t n_revisions_ = 0;
};

// `params.textDocument.uri`, or empty.
std::string document_uri(const base::Json& params);

}  // namespace lsp
