// SPDX-License-Identifier: Apache-2.0
// Texts in every language, whole and broken, and all small edits that are tried on them. Input: a byte for the language, then the text.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "agent/mutations.h"
#include "base/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kMaxBytes = 3'000;  // more edits than a run of seconds has time for
  if (size < 1 || size > kMaxBytes) return 0;
  const auto language = static_cast<tools::Language>(data[0] % 12);
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto tree = tools::SyntaxTree::parse(language, text);
  if (!tree) return 0;
  for (const agent::Mutation& mutation : agent::enumerate_mutations(*tree, {0, text.size()})) {
    const tools::Replacement& edit = mutation.replacement;
    if (edit.begin > edit.end || edit.end > text.size()) std::abort();
    if (text.compare(edit.begin, edit.end - edit.begin, edit.text) == 0) std::abort();
    if (!(mutation.weight > 0 && mutation.weight <= 1) || mutation.description.empty()) std::abort();
    // What is taken out is taken out whole: a part of a character left behind is no text.
    std::string after = text;
    after.replace(edit.begin, edit.end - edit.begin, edit.text);
    if (base::is_utf8(text) && !(base::is_utf8(after) && base::is_utf8(mutation.description))) std::abort();
  }
  return 0;
}
