// SPDX-License-Identifier: Apache-2.0
// repair_ranks [--model FILE] FOLDER OUTPUT PATH CORRECT [CHECK]: where among the candidates of a failing program its known repair stands.
//
// FOLDER is the broken program, OUTPUT a file with what its check wrote, PATH the file to be repaired, relative, CORRECT its
// repaired text. Prints a line: the rank among the candidates before any run (0: not there), how many there are, the kind; with a
// model a second line, of the order that it has a say in.
// Without CHECK nothing is run, so that a hundred programs take seconds, and traces are not seen; with it
// the check runs once under the tracer, in the sandbox.
#include <cstdio>
#include <memory>
#include <string_view>
#include <vector>

#include "agent/check/check_output.h"
#include "agent/code/code_base.h"
#include "agent/fix/model_judge.h"
#include "agent/fix/proposals.h"
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

// Prints where `wanted`, bare, stands.
void print_rank(const agent::CodeFile* file, const std::vector<agent::Candidate>& candidates, const std::string& wanted) {
  int rank = 0;
  for (const agent::Candidate& candidate : candidates) {
    ++rank;
    if (file == nullptr || candidate.path != file->path || bare(agent::apply(file->text(), candidate.replacements)) != wanted) continue;
    std::printf("%d\t%zu\t%s\t%s\n", rank, candidates.size(), candidate.proposer.c_str(), candidate.description.c_str());
    return;
  }
  std::printf("0\t%zu\t\t\n", candidates.size());
}

base::Result<std::unique_ptr<agent::ModelJudge>> judge_of(const char* path) {
  auto model = engine::Engine::load(path, {});
  if (!model) return std::move(model).error();
  return agent::ModelJudge::open(std::move(*model));
}

}  // namespace

int main(int argc, char** argv) {
  const bool asks = argc > 2 && std::string_view(argv[1]) == "--model";
  const std::vector<const char*> words(argv + (asks ? 3 : 1), argv + argc);
  if (words.size() != 4 && words.size() != 5)
    return std::fprintf(stderr, "usage: repair_ranks [--model FILE] FOLDER OUTPUT PATH CORRECT [CHECK]\n"), 2;
  const std::string check = words.size() == 5 ? words[4] : "";
  auto tree = tools::WorkTree::open(words[0]);
  if (!tree) return fail(tree.error());
  const auto output = base::read_file(words[1], kMaxBytes), correct = base::read_file(words[3], kMaxBytes);
  if (!output) return fail(output.error());
  if (!correct) return fail(correct.error());
  auto listed = tree->list({});
  if (!listed) return fail(listed.error());
  std::vector<std::string> paths;
  for (const tools::FileEntry& entry : *listed) paths.push_back(entry.path);
  const agent::PathResolver resolver(tree->root(), paths);
  agent::Ground ground{{}, {}, agent::read_check_output(*output, resolver), *output};
  auto code = agent::CodeBase::load(*tree, check, {}, {});
  if (!code) return fail(code.error());
  agent::Coverage coverage;
  if (!check.empty()) {
    coverage = agent::trace_check(tree->root(), check, kTraceTime, false, resolver, {}, ground.reading.failing);
    for (const agent::TracedFailure& failure : coverage.failures) agent::read_symptoms(failure.message, ground.reading.symptoms);
  }
  std::unique_ptr<agent::ModelJudge> judge;
  std::vector<agent::ModelJudge*> asked{nullptr};
  if (asks) {
    auto opened = judge_of(argv[2]);
    if (!opened) return fail(opened.error());
    judge = std::move(*opened);
    asked.push_back(judge.get());
  }
  const std::vector<std::string> changed;
  const agent::FixRequest request;
  for (agent::ModelJudge* const model : asked) {
    const auto proposals = agent::propose({*code, coverage, changed, request, model}, ground, {});
    if (!proposals) return fail(proposals.error());
    print_rank(code->file(words[2]), proposals->candidates, bare(*correct));
  }
  return 0;
}
