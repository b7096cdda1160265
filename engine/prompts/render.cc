// SPDX-License-Identifier: Apache-2.0
// What the renderers of engine/prompts share.
#include "engine/prompts/family.h"
#include "engine/prompts/json_text.h"

namespace engine {

void PieceWriter::format(std::string_view text) {
  if (muted_) return;
  while (!text.empty()) {
    size_t found = std::string_view::npos, which = 0;
    for (size_t m = 0; m < markers_.size(); ++m)
      if (const size_t at = text.find(markers_[m]); at < found) {
        found = at;
        which = m;
      }
    plain(text.substr(0, found));
    if (found == std::string_view::npos) return;
    if (ids_[which])
      pieces_.push_back({ids_[which], std::string(markers_[which])});
    else
      plain(markers_[which]);
    text.remove_prefix(found + markers_[which].size());
  }
}

void PieceWriter::plain(std::string_view text) {
  if (muted_ || text.empty()) return;
  if (pieces_.empty() || pieces_.back().token) pieces_.push_back({});
  pieces_.back().text += text;
}

int64_t RenderInput::last_user() const {
  for (size_t i = messages.size(); i > 0; --i)
    if (messages[i - 1].role == Role::kUser) return static_cast<int64_t>(i) - 1;
  return -1;
}

std::string function_json(const Tool& tool) {
  std::string json = "{\"name\": " + json_quoted(tool.name);
  if (!tool.description.empty()) json += ", \"description\": " + json_quoted(tool.description);
  if (!tool.parameters.empty()) json += ", \"parameters\": " + tool.parameters;
  return json + "}";
}

std::string tool_json(const Tool& tool) {
  return "{\"type\": \"function\", \"function\": " + function_json(tool) + "}";
}

}  // namespace engine
