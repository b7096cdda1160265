// SPDX-License-Identifier: Apache-2.0
// Files in every language, whole or rubble, with lines completed in them, and what the file says of each. Input: a byte for the language, one for the
// cursor's place, one for where the completions come from, the text (the seeds are those of fuzz_syntax).
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "agent/code/name_uses.h"
#include "agent/complete/completed_file.h"
#include "agent/complete/line_evidence.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kMaxBytes = 20'000;  // as fuzz_syntax: the parse costs most
  if (size < 3 || size > kMaxBytes) return 0;
  const auto language = static_cast<tools::Language>(data[0] % 12);
  const std::string text(reinterpret_cast<const char*>(data) + 3, size - 3);
  const size_t cursor = data[1] * text.size() / 255;
  const std::string prefix = text.substr(0, cursor), suffix = text.substr(cursor);
  agent::CompletedFile file;
  file.set("a" + std::string(tools::usual_ending(language)), prefix, suffix, {});

  const size_t from = data[2] * text.size() / 255;
  const std::string completions[] = {"", text.substr(from, 7), text.substr(from, 40), "{", ")", "name\n"};
  std::vector<std::optional<agent::CompletedFile::With>> with;
  std::vector<agent::CompletedLine> lines;
  for (const std::string& completion : completions) {
    with.push_back(file.with(completion, {}));
    if (file.takes(with.back()) != file.takes(completion, {})) std::abort();
  }
  for (size_t i = 0; i < std::size(completions); ++i)
    lines.push_back({completions[i], -1.0, with[i] ? &with[i]->tree : nullptr, with[i] ? with[i]->n_errors_closed : 0});
  for (const agent::LineFacts& facts : agent::line_facts(prefix, suffix, lines)) {
    for (const float fact : facts)
      if (!std::isfinite(fact)) std::abort();
    if (!(agent::line_sureness(facts) <= 0)) std::abort();
  }
  for (const auto& completed : with) {
    if (!completed) continue;
    const agent::NameUses uses = agent::name_uses(completed->tree);
    for (const agent::NameUse& use : uses.names)
      if (use.range.end > completed->tree.text().size() || use.function >= static_cast<int>(uses.functions.size())) std::abort();
  }
  return 0;
}
