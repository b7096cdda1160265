// SPDX-License-Identifier: Apache-2.0
// agent/fix/patch_evidence.h: which of the check's tests run the lines that a patch changes.
//
// A check that passes says something about a patch only where its tests run those lines.
// Note     Of languages with a tracer (tracers.h), and of lines that run in tests: what a module does while it loads
// belongs to none.
#pragma once

namespace tools {
struct Edit;
class FileSource;
}  // namespace tools

namespace agent {

struct Coverage;

struct PatchEvidence {
  bool known = false;  // a tracer saw tests run the changed lines
  int failed = 0;      // tests that run a changed line and failed before the patch; of several lines, of the one that
  int passed = 0;      // most run. Those that passed before
  bool at_least = false;         // not all tests were seen: there may be more
  bool turns_condition = false;  // the patch turns a whole condition round, or drops it (candidate.h)
  int tests() const { return failed + passed; }
};

// `before` is of the work tree as it is, whose files `base` reads.
PatchEvidence evidence_of(const Coverage& before, const tools::FileSource& base, const tools::Edit& edit);

}  // namespace agent
