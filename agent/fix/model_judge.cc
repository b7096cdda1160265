// SPDX-License-Identifier: Apache-2.0
#include "agent/fix/model_judge.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "agent/code/lexed_tokens.h"
#include "base/strings.h"

namespace agent {
namespace {

constexpr int kPromptTokens = 384;  // context on both sides: the line's surroundings decide, and every token costs
constexpr int kMaxMiddle = 96;      // tokens of a changed line, or of a few
constexpr int kContext = kPromptTokens + kMaxMiddle + 32;
// What a judgement is worth was fitted on the published repairs of HumanEvalPack's Python and JavaScript tasks, of the
// half that docs/evaluation.md does not report, read by the shipped model. A longer line is less likely token by token:
// part of what a token costs is given back.
constexpr double kTokenCost = .8;
constexpr double kTrust = .4, kGainBound = ModelJudge::kMostGain / kTrust;
// Of the lines that a model writes itself. Those of a model of a few million parameters were not seen to hold repairs;
// larger ones were not measured.
constexpr double kWrittenShareSmall = .05, kWrittenShare = .35;
constexpr uint64_t kSmallModel = 100'000'000;              // parameters
constexpr size_t kPlaces = 6, kGaps = 4;                   // lines rewritten, gaps filled
constexpr std::array kSampleShares{.39, .26, .195, .155};  // the greedy one and three drawn with fixed seeds
constexpr double kGapShare = .25;                          // of a place's: between the line before and it
constexpr float kTemperature = .8f;

struct Span {
  size_t begin = 0, end = 0;  // from the first changed line's indentation to the last one's end
  friend auto operator<=>(const Span&, const Span&) = default;
};

size_t after_indent(const CodeFile& file, int line) {
  const tools::Range range = file.line_range(line);
  const size_t first = file.text().find_first_not_of(" \t", range.begin);
  return first == std::string::npos || first > range.end ? range.end : first;
}

Span changed_span(const CodeFile& file, const Candidate& candidate) {
  const size_t begin = candidate.replacements.front().begin, end = candidate.replacements.back().end;
  const int first = file.line_of(begin);
  const int last = file.line_of(end > begin ? end - 1 : end);
  // A change of the indentation itself starts at the margin.
  return {std::min(after_indent(file, first), begin), file.line_range(last).end};
}

std::string middle_of(const CodeFile& file, const Span& span, const std::vector<tools::Replacement>& replacements) {
  std::string text;
  size_t at = span.begin;
  for (const tools::Replacement& replacement : replacements) {
    text.append(file.text(), at, replacement.begin - at);
    text += replacement.text;
    at = replacement.end;
  }
  if (at < span.end) text.append(file.text(), at, span.end - at);
  return text;
}

// Lines on which a token begins: what lies between, as in comments and long texts, is no code.
std::set<int> code_lines(const CodeFile& file) {
  std::set<int> lines;
  for (const LexedToken& token : lexed_tokens(file.text(), file.tree.language()))
    if (token.kind != LexedKind::kLineEnd) lines.insert(file.line_of(token.range.begin));
  return lines;
}

std::vector<std::string_view> words_of(std::string_view line, tools::Language language) {
  std::vector<std::string_view> words;
  for (const LexedToken& token : lexed_tokens(line, language))
    if (token.kind != LexedKind::kLineEnd)
      words.push_back(line.substr(token.range.begin, token.range.end - token.range.begin));
  return words;
}

bool knows_names(const CodeBase& code, const CodeFile& file, std::string_view line) {
  std::set<std::string_view> known;
  for (std::string_view name : identifiers(file.text())) known.insert(name);
  for (std::string_view name : identifiers(line))
    if (!known.contains(name) && !code.defines(name)) return false;
  return true;
}

}  // namespace

base::Result<std::unique_ptr<ModelJudge>> ModelJudge::open(std::shared_ptr<const engine::Engine> model) {
  if (!model->has_capability("fim"))
    return base::invalid("The model cannot fill in the middle, so it cannot judge lines of code.");
  auto session = model->open_session(std::min(kContext, model->info().n_ctx_train));
  if (!session) return std::move(session).error();
  return std::unique_ptr<ModelJudge>(new ModelJudge(std::move(model), std::move(*session)));
}

double ModelJudge::written_share() const {
  return model_->info().n_parameters < kSmallModel ? kWrittenShareSmall : kWrittenShare;
}

base::Result<std::vector<engine::Token>> ModelJudge::prompt(const CodeFile& file, size_t prefix_end,
                                                            size_t suffix_begin) const {
  engine::FimRequest request;
  request.prefix = std::string_view(file.text()).substr(0, prefix_end);
  request.suffix = std::string_view(file.text()).substr(suffix_begin);
  request.path = file.path;
  request.max_prompt_tokens = std::min(kPromptTokens, session_->n_ctx() - kMaxMiddle - 8);
  return model_->fim_prompt(request);
}

base::Status ModelJudge::rate(const CodeBase& code, std::vector<Candidate>& candidates, size_t n,
                              std::chrono::steady_clock::time_point deadline, std::stop_token stop) {
  std::map<std::pair<const CodeFile*, Span>, std::vector<size_t>> by_place;
  std::vector<std::pair<const CodeFile*, Span>> order;  // by the best candidate of each place
  for (size_t i = 0; i < std::min(n, candidates.size()); ++i) {
    const CodeFile* file = code.file(candidates[i].path);
    if (file == nullptr || candidates[i].replacements.empty() || !candidates[i].also.empty() ||
        candidates[i].two_places)
      continue;
    const std::pair place{file, changed_span(*file, candidates[i])};
    auto& list = by_place[place];
    if (list.empty()) order.push_back(place);
    list.push_back(i);
  }
  for (const auto& place : order) {
    if (std::chrono::steady_clock::now() >= deadline) return base::ok();
    const auto& [file, span] = place;
    auto tokens = prompt(*file, span.begin, span.end);
    if (!tokens) continue;
    auto score = [&](const std::string& text) -> base::Result<double> {
      const std::vector<engine::Token> middle = model_->tokenize(text);
      if (middle.empty() || middle.size() > static_cast<size_t>(kMaxMiddle)) return base::invalid("too long");
      auto logprob = engine::continuation_logprob(*session_, *tokens, middle, stop);
      if (!logprob) return std::move(logprob).error();
      return *logprob + kTokenCost * static_cast<double>(middle.size());
    };
    const auto present = score(middle_of(*file, span, {}));
    if (!present) {
      if (present.error().code == base::ErrorCode::kCancelled) return present.error();
      continue;
    }
    for (size_t i : by_place[place]) {
      const auto changed = score(middle_of(*file, span, candidates[i].replacements));
      if (changed)
        candidates[i].model_gain = kTrust * std::clamp(*changed - *present, -kGainBound, kGainBound);
      else if (changed.error().code == base::ErrorCode::kCancelled)
        return changed.error();
    }
  }
  return base::ok();
}

base::Result<std::vector<Candidate>> ModelJudge::write_lines(const CodeBase& code, const Suspects& suspects,
                                                             double total_score,
                                                             std::chrono::steady_clock::time_point deadline,
                                                             std::stop_token stop) {
  struct SuspectLine {
    double weight;
    const CodeFile* file;
    int line;
  };
  std::vector<SuspectLine> places;
  for (const auto& [path, lines] : suspects.lines) {
    const CodeFile* file = code.file(path);
    if (file == nullptr || !file->editable) continue;
    const std::set<int> with_code = code_lines(*file);
    for (const auto& [line, weight] : lines) {
      const tools::Range range = file->line_range(line);
      const std::string_view text =
          base::trim(std::string_view(file->text()).substr(range.begin, range.end - range.begin));
      if (text.size() > 2 && with_code.contains(line) && !text.starts_with("#") && !text.starts_with("\"\"\""))
        places.push_back({weight, file, line});
    }
  }
  std::stable_sort(places.begin(), places.end(),
                   [](const SuspectLine& a, const SuspectLine& b) { return a.weight > b.weight; });
  if (places.size() > kPlaces) places.resize(kPlaces);
  double all = 0;
  for (const SuspectLine& place : places) all += place.weight;
  std::vector<Candidate> written;
  for (size_t p = 0; p < places.size(); ++p) {
    const auto& [weight, file, line] = places[p];
    const tools::Range range = file->line_range(line);
    const size_t begin = after_indent(*file, line);
    const std::string present = file->text().substr(begin, range.end - begin);
    const std::string indent = file->text().substr(range.begin, begin - range.begin);
    for (bool gap : {false, true}) {
      if (gap && p >= kGaps) continue;
      // A gap in front of the line: the suffix starts with the line break before it.
      auto tokens = prompt(*file, begin, gap ? range.begin : range.end);
      if (gap && range.begin > 0) tokens = prompt(*file, begin, range.begin - 1);
      if (!tokens) continue;
      std::set<std::string> seen;
      for (size_t sample = 0; sample < kSampleShares.size(); ++sample) {
        if (std::chrono::steady_clock::now() >= deadline) return written;
        engine::GenerateOptions options;
        options.max_tokens = 48;
        options.stop = {"\n"};
        if (sample > 0) options.sampling = {kTemperature, 40, .95f, sample};
        auto generated = engine::generate(*session_, *tokens, options, stop);
        if (!generated) {
          if (generated.error().code == base::ErrorCode::kCancelled) return std::move(generated).error();
          break;
        }
        const std::string text(base::trim(generated->text));
        // A mark that opens a comment would take what follows with it.
        if ((text.find("/*") == std::string::npos) != (text.find("*/") == std::string::npos)) continue;
        // A comment more, or other words in one, changes nothing.
        const tools::Language language = file->tree.language();
        if (words_of(text, language) == (gap ? std::vector<std::string_view>() : words_of(present, language))) continue;
        if (!seen.insert(text).second || !knows_names(code, *file, text)) continue;
        Candidate candidate;
        candidate.path = file->path;
        candidate.line = line;
        candidate.proposer = gap ? "model: new line" : "model: line";
        candidate.description =
            gap ? base::cat("new line `", text, "`") : base::cat("`", present, "` becomes `", text, "`");
        candidate.score = total_score * weight / all * (gap ? kGapShare : 1 - kGapShare) * kSampleShares[sample];
        candidate.replacements.push_back(
            gap ? tools::Replacement{range.begin, range.begin, base::cat(indent, text, "\n")}
                : tools::Replacement{begin, range.end, text});
        written.push_back(std::move(candidate));
      }
    }
  }
  return written;
}

}  // namespace agent
