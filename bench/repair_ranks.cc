// SPDX-License-Identifier: Apache-2.0
// repair_ranks FOLDER OUTPUT PATH CORRECT [CHECK]: where among the candidates of a failing program its known repair stands.
//
// FOLDER is the broken program, OUTPUT a file with what its check wrote, PATH the file to be repaired, relative, CORRECT its
// repaired text. Prints one line: the rank among the mutations before any run (0: not there), how many there are, the kind.
// Without CHECK nothing is run, so that a hundred programs take seconds, and traces of Python programs are not seen; with it
// the check runs once under the tracer, in the sandbox.
#include <cstdio>

#include "agent/check_output.h"
#include "agent/code_base.h"
#include "agent/proposals.h"
#include "base/file.h"

namespace {

constexpr uint64_t kMaxBytes = 16u << 20;
constexpr std::chrono::seconds kTraceTime{30};

// Without what the layout alone decides.
std::string bare(const std::string& text) {
  std::string out;
  for (const char c : text)
    if (c != ' ' && c != '\t' && c != '\n' && c != '\r' && c != ';') out += c;
  return out;
}

int fail(const base::Error& error) {
  std::fprintf(stderr, "repair_ranks: %s\n", error.message.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5 && argc != 6) return std::fprintf(stderr, "usage: repair_ranks FOLDER OUTPUT PATH CORRECT [CHECK]\n"), 2;
  auto tree = tools::WorkTree::open(argv[1]);
  if (!tree) return fail(tree.error());
  const auto output = base::read_file(argv[2], kMaxBytes), correct = base::read_file(argv[4], kMaxBytes);
  if (!output) return fail(output.error());
  if (!correct) return fail(correct.error());
  auto listed = tree->list({});
  if (!listed) return fail(listed.error());
  std::vector<std::string> paths;
  for (const tools::FileEntry& entry : *listed) paths.push_back(entry.path);
  const agent::PathResolver resolver(tree->root(), paths);
  agent::Ground ground{{}, {}, agent::read_check_output(*output, resolver), *output};
  auto code = agent::CodeBase::load(*tree, argc == 6 ? argv[5] : "", {}, {});
  if (!code) return fail(code.error());
  agent::Coverage coverage;
  if (argc == 6) {
    coverage = agent::trace_check(tree->root(), argv[5], kTraceTime, false, resolver, {}, ground.reading.failing);
    for (const agent::TracedFailure& failure : coverage.failures) agent::read_symptoms(failure.message, ground.reading.symptoms);
  }
  const std::vector<std::string> changed;
  agent::FixRequest request;
  const auto proposals = agent::propose({*code, coverage, changed, request, nullptr}, ground, {});
  if (!proposals) return fail(proposals.error());
  const std::string wanted = bare(*correct), path = argv[3];
  const agent::CodeFile* file = code->file(path);
  int rank = 0;
  for (const agent::Candidate& candidate : proposals->candidates) {
    ++rank;
    if (file == nullptr || candidate.path != path || bare(agent::apply(file->text(), candidate.replacements)) != wanted) continue;
    std::printf("%d\t%zu\t%s\t%s\n", rank, proposals->candidates.size(), candidate.proposer.c_str(), candidate.description.c_str());
    return 0;
  }
  std::printf("0\t%zu\t\t\n", proposals->candidates.size());
  return 0;
}
