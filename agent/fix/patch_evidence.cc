// SPDX-License-Identifier: Apache-2.0
#include "agent/fix/patch_evidence.h"

#include <algorithm>

#include "agent/trace/coverage.h"
#include "base/line_index.h"
#include "tools/edit.h"

namespace agent {
namespace {

constexpr int kStatementLines = 10;  // back to the line that a tracer names a longer statement by

}  // namespace

PatchEvidence evidence_of(const Coverage& before, const tools::FileSource& base, const tools::Edit& edit) {
  PatchEvidence evidence;
  if (!before.has_tests || before.n_failed == 0) return evidence;  // those that failed were not seen
  for (const tools::FileEdit& file : edit.files) {
    const auto counts = before.lines.find(file.path);
    const auto text = base.read(file.path);
    if (counts == before.lines.end() || !text) continue;
    const base::LineIndex lines(*text);
    for (const tools::Replacement& part : file.replacements) {
      const int begin = static_cast<int>(lines.line_of(std::min(part.begin, text->size()))) + 1;
      int end = static_cast<int>(lines.line_of(std::min(part.end, text->size()))) + 1;
      const bool open_end = part.end == text->size() && !text->empty() && text->back() != '\n';
      if (part.begin == part.end || open_end) ++end;  // new lines stand for the one they are put before
      PatchEvidence most;
      const auto look = [&](int line) {
        const auto count = counts->second.find(line);
        if (count == counts->second.end() || count->second.failed + count->second.passed <= most.tests()) return;
        most = {true, count->second.failed, count->second.passed, before.cut};
      };
      for (int line = begin; line < end; ++line) look(line);
      for (int back = 1; !most.known && back <= kStatementLines; ++back) look(begin - back);
      if (most.tests() > evidence.tests()) evidence = most;
    }
  }
  return evidence;
}

}  // namespace agent
