// SPDX-License-Identifier: Apache-2.0
// lsp/trees.h: a syntax tree for every open document, kept in step with the typing.
//
// Threads  All members on the main thread. Parsing runs on workers, at most one parse a document, and is cancelled by
//          the next change; results come back through `post`. Never more parses at a time than there are workers; the
//          other documents wait in line.
// Errors   A question about a document without a tree (unknown language, over tools::kMaxParseBytes) is answered with
//          null, about one that changes before its tree is ready with ContentModified.
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "lsp/documents.h"
#include "lsp/rpc.h"
#include "tools/syntax.h"

namespace lsp {

class Trees {
 public:
  Trees(Workers& workers, Post post) : workers_(workers), post_(std::move(post)) {}
  // Ends the parses that run; call before the workers finish.
  void stop();

  void opened(const DocumentPtr& document);
  void changed(const Documents::Changed& changed);
  void closed(const std::string& uri);

  // Runs `answer` on a worker with the document and its tree of that text, and replies with what it returns.
  using Answer = std::function<base::Json(const Document& document, const tools::SyntaxTree& tree)>;
  void ask(const DocumentPtr& document, Reply reply, Answer answer);
  // The same for work that replies itself. `tree` is null, and the thread the main one, where there is no tree.
  using Work = std::function<void(Reply reply, const DocumentPtr& document, const tools::SyntaxTree* tree)>;
  void work(const DocumentPtr& document, Reply reply, Work work);

 private:
  struct Step {
    uint64_t revision;  // after the change
    tools::TextChange change;
  };
  struct Question {
    Reply reply;
    Work work;
  };
  struct Entry {
    DocumentPtr document;
    std::optional<tools::Language> language;
    std::optional<tools::SyntaxTree> tree;
    uint64_t tree_revision = 0;
    std::vector<Step> since;      // lead to the document from the tree's text, or from `since_revision` without one
    uint64_t since_revision = 0;  // trees of older texts are of no use
    bool unparsable = false;
    bool in_line = false, parsing = false;
    std::stop_source stop;            // of the parse that runs
    std::vector<Question> questions;  // about the present text
  };

  bool has_fresh_tree(const Entry& entry) const;
  void put_in_line(Entry& entry);
  void start_parses();
  void start(Entry& entry);
  void deliver(const DocumentPtr& of, base::Result<tools::SyntaxTree> tree);
  void answer(const Entry& entry, Question question);

  Workers& workers_;
  const Post post_;
  std::map<std::string, Entry> entries_;
  std::deque<std::string> line_;  // documents that wait for a worker, by URI
  int n_running_ = 0;
};

}  // namespace lsp
