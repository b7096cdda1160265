// SPDX-License-Identifier: Apache-2.0
#include "lsp/trees.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/log.h"

namespace lsp {
namespace {

// Past this many changes without a parse in between, the edits cost more to follow than a parse from nothing: so many
// keys are typed while one parse of the largest text that we take runs.
constexpr size_t kMaxChangesFollowed = 4096;

std::optional<tools::Language> language_of(const Document& document) {
  if (auto language = tools::language_of_id(document.language_id)) return language;
  return tools::language_of_path(document.uri);
}

}  // namespace

void Trees::stop() {
  for (auto& [uri, entry] : entries_) entry.stop.request_stop();
}

void Trees::opened(const DocumentPtr& document) {
  closed(document->uri);
  Entry& entry = entries_[document->uri];
  entry.document = document;
  entry.since_revision = document->revision;
  entry.language = language_of(*document);
  put_in_line(entry);
  start_parses();
}

void Trees::changed(const Documents::Changed& changed) {
  const auto found = entries_.find(changed.document->uri);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  entry.document = changed.document;
  entry.stop.request_stop();
  entry.unparsable = false;
  for (auto& question : entry.questions)
    question.reply.fail({RpcCode::kContentModified, "The document changed before it was parsed."});
  entry.questions.clear();
  for (const auto& change : changed.changes) entry.since.push_back({entry.document->revision, change});
  if (changed.replaced || entry.since.size() > kMaxChangesFollowed) {
    entry.tree.reset();
    entry.since.clear();
    entry.since_revision = entry.document->revision;
  }
  put_in_line(entry);
  start_parses();
}

void Trees::closed(const std::string& uri) {
  const auto found = entries_.find(uri);
  if (found == entries_.end()) return;
  found->second.stop.request_stop();
  for (auto& question : found->second.questions)
    question.reply.fail({RpcCode::kContentModified, "The document was closed."});
  entries_.erase(found);
}

void Trees::ask(const DocumentPtr& document, Reply reply, Answer answer_with) {
  work(document, std::move(reply),
       [answer_with = std::move(answer_with)](Reply to, const DocumentPtr& of, const tools::SyntaxTree* tree) {
         to.result(tree == nullptr ? base::Json() : answer_with(*of, *tree));
       });
}

void Trees::work(const DocumentPtr& document, Reply reply, Work to_do) {
  const auto found = entries_.find(document->uri);
  if (found == entries_.end() || !found->second.language || found->second.unparsable)
    return to_do(std::move(reply), document, nullptr);
  Entry& entry = found->second;
  Question question{std::move(reply), std::move(to_do)};
  if (has_fresh_tree(entry)) return answer(entry, std::move(question));
  // Cancelled questions need no answer any more; they must not pile up behind a long parse.
  std::erase_if(entry.questions, [](const Question& old) { return old.reply.answered(); });
  entry.questions.push_back(std::move(question));
}

bool Trees::has_fresh_tree(const Entry& entry) const {
  return entry.tree && entry.tree_revision == entry.document->revision;
}

void Trees::put_in_line(Entry& entry) {
  if (!entry.language || entry.in_line || entry.parsing) return;
  entry.in_line = true;
  line_.push_back(entry.document->uri);
}

void Trees::start_parses() {
  while (!line_.empty() && n_running_ < std::max(1, workers_.n_threads())) {
    const std::string uri = std::move(line_.front());
    line_.pop_front();
    const auto found = entries_.find(uri);
    if (found != entries_.end() && found->second.in_line) start(found->second);
  }
}

void Trees::start(Entry& entry) {
  entry.in_line = false;
  entry.parsing = true;
  entry.stop = {};
  std::vector<tools::TextChange> changes;
  for (const auto& step : entry.since) changes.push_back(step.change);
  ++n_running_;
  Job job = [this, document = entry.document, language = *entry.language, base_tree = entry.tree,
             changes = std::move(changes), stop = entry.stop.get_token()]() mutable {
    // On the heap: g++ 12 warns of uninitialized members when a variant moves through a lambda.
    auto tree = std::make_unique<base::Result<tools::SyntaxTree>>(
        base_tree ? base_tree->reparse(document->text->bytes, changes, stop)
                  : tools::SyntaxTree::parse(language, document->text->bytes, stop));
    post_([this, document = std::move(document), tree = std::move(tree)] { deliver(document, std::move(*tree)); });
  };
  workers_.submit_reserved(std::move(job));
}

void Trees::deliver(const DocumentPtr& of, base::Result<tools::SyntaxTree> tree) {
  --n_running_;
  const auto found = entries_.find(of->uri);
  if (found != entries_.end() && found->second.document->opening == of->opening) {
    Entry& entry = found->second;
    entry.parsing = false;
    if (tree && of->revision >= entry.since_revision) {
      // Also a tree that is a few keys behind: the next parse has less to do.
      entry.tree = std::move(tree).value();
      entry.tree_revision = entry.since_revision = of->revision;
      std::erase_if(entry.since, [&](const Step& step) { return step.revision <= of->revision; });
    } else if (!tree && entry.document->revision == of->revision) {
      entry.unparsable = true;
      base::log(base::LogLevel::kInfo, "no syntax tree: " + tree.error().message);
      for (auto& question : std::exchange(entry.questions, {}))
        question.work(std::move(question.reply), entry.document, nullptr);
    }
    if (has_fresh_tree(entry)) {
      for (auto& question : std::exchange(entry.questions, {})) answer(entry, std::move(question));
    } else if (!entry.unparsable) {
      put_in_line(entry);
    }
  }
  start_parses();
}

void Trees::answer(const Entry& entry, Question question) {
  if (question.reply.answered()) return;
  auto reply = std::make_shared<Reply>(std::move(question.reply));
  Job job = [reply, document = entry.document, tree = *entry.tree, to_do = std::move(question.work)] {
    if (!reply->answered()) to_do(std::move(*reply), document, &tree);
  };
  if (!workers_.submit(job)) reply->fail({RpcCode::kRequestFailed, "Too many requests at once."});
}

}  // namespace lsp
