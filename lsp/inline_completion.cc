// SPDX-License-Identifier: Apache-2.0
#include "lsp/inline_completion.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace lsp {
namespace {

using base::Json;

// Of a large file the model and the parse filter get the neighbourhood only. Its front moves in steps, so that texts of
// two keystrokes share it and the model's session stays warm.
constexpr size_t kNeighbourhoodBytes = 256u << 10, kNeighbourhoodStep = 64u << 10;

constexpr size_t kMostRelated = 8, kRelatedBytes = 64u << 10;

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || (static_cast<unsigned char>(c) & 0x80) != 0;
}

bool is_blank(std::string_view text) {
  return base::trim(text).empty();
}

// True where a block is about to be written: the line is still empty and deeper than the one above, or opens a block
// itself.
bool opens_block(std::string_view before, std::string_view line) {
  const std::string_view code = base::trim(is_blank(line) ? before : line);
  return !code.empty() && (code.back() == '{' || code.back() == ':');
}

}  // namespace

base::Result<std::optional<InlineQuestion>> read_inline_question(const Json& params, InlineDialect dialect,
                                                                 const DocumentPtr& document, const Settings& settings,
                                                                 PositionEncoding encoding) {
  const auto at = params.find("position");
  const auto position = at == params.end() ? std::nullopt : read_position(*at);
  if (!position) return base::invalid("inlineCompletion without a position");
  const std::string& text = document->text->bytes;
  InlineQuestion question;
  question.document = document;
  question.dialect = dialect;
  question.offset = question.replace_begin = question.replace_end = offset_of(*document->text, *position, encoding);

  const auto context = params.find("context");
  bool invoked = false;
  if (context != params.end() && context->is_object()) {
    invoked = base::json_int(*context, "triggerKind") == 1;  // InlineCompletionTriggerKind.Invoked
    const auto selected = context->find("selectedCompletionInfo");
    if (selected != context->end() && selected->is_object() && selected->contains("range")) {
      const auto range = read_range((*selected)["range"], *document->text, encoding);
      if (!range || range->begin > question.offset || range->end < question.offset)
        return base::invalid("inlineCompletion with a selectedCompletionInfo that is not at the cursor");
      question.replace_begin = range->begin;
      question.replace_end = range->end;
      question.selected = base::json_string(*selected, "text");
    }
  }
  if (question.replace_end < text.size() && is_word(text[question.replace_end])) return std::optional<InlineQuestion>();

  const size_t line = document->text->lines.line_of(question.offset);
  const size_t line_start = document->text->lines.line_start(line);
  const std::string_view whole = document->text->lines.line(text, line);
  const std::string_view before =
      whole.substr(0, question.replace_begin - std::min(line_start, question.replace_begin));
  const bool at_line_end = is_blank(whole.substr(std::min(question.replace_end - line_start, whole.size())));
  const std::string_view above(text.data(), line_start);
  question.single_line =
      !settings.completion_multiline || !at_line_end ||
      !(invoked || opens_block(above.substr(above.size() - std::min<size_t>(above.size(), 256)), before));
  return std::optional<InlineQuestion>(std::move(question));
}

std::vector<DocumentPtr> related_documents(const Documents& documents, const Document& document) {
  std::vector<DocumentPtr> related = documents.all();
  std::erase_if(related,
                [&](const DocumentPtr& d) { return d->uri == document.uri || d->language_id != document.language_id; });
  std::sort(related.begin(), related.end(), [](const auto& a, const auto& b) { return a->revision > b->revision; });
  if (related.size() > kMostRelated) related.resize(kMostRelated);
  return related;
}

agent::CompleteRequest complete_request(const InlineQuestion& question, const Settings& settings,
                                        const std::string& path) {
  const std::string& text = question.document->text->bytes;
  const size_t begin = question.replace_begin <= kNeighbourhoodBytes
                           ? 0
                           : (question.replace_begin - kNeighbourhoodBytes) / kNeighbourhoodStep * kNeighbourhoodStep;
  agent::CompleteRequest request;
  request.prefix = text.substr(begin, question.replace_begin - begin) + question.selected;
  request.suffix = text.substr(question.replace_end, kNeighbourhoodBytes);
  for (const DocumentPtr& other : question.others)
    request.other_texts.push_back(other->text->bytes.substr(0, kRelatedBytes));
  request.path = path;
  request.max_tokens = settings.completion_max_tokens;
  request.single_line = question.single_line;
  return request;
}

Json write_inline_answer(const InlineQuestion& question, const std::vector<std::string>& texts,
                         PositionEncoding encoding) {
  const Json range = write_range(*question.document->text, question.replace_begin, question.replace_end, encoding);
  Json items = Json::array();
  for (const std::string& text : texts) {
    if (question.dialect == InlineDialect::kStandard)
      items.push_back({{"insertText", question.selected + text}, {"range", range}});
    else
      items.push_back({{"text", question.selected + text},
                       {"textDocument", {{"uri", question.document->uri}, {"version", question.document->version}}},
                       {"range", range}});
  }
  return {{question.dialect == InlineDialect::kStandard ? "items" : "edits", std::move(items)}};
}

std::optional<std::string> ShownSuggestion::rest_for(const InlineQuestion& question) const {
  if (!document || document->uri != question.document->uri || document->opening != question.document->opening ||
      !question.selected.empty() || question.offset < offset)
    return std::nullopt;
  const std::string_view then = document->text->bytes, now = question.document->text->bytes;
  const size_t n_typed = question.offset - offset;
  const bool only_typed = now.size() == then.size() + n_typed && now.substr(0, offset) == then.substr(0, offset) &&
                          now.substr(question.offset) == then.substr(offset);
  if (!only_typed || n_typed >= text.size() || !std::string_view(text).starts_with(now.substr(offset, n_typed)))
    return std::nullopt;
  return text.substr(n_typed);
}

}  // namespace lsp
