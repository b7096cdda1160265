// SPDX-License-Identifier: Apache-2.0
#include "agent/complete/likely_lines.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <iterator>

#include "base/strings.h"
#include "base/utf8.h"

namespace agent {
namespace {

using engine::Token;

// A beginning of the line, and the timeline that holds it.
struct Beam {
  std::vector<Token> tokens;
  std::string text;
  double logprob = 0;
  std::shared_ptr<engine::Session> session;
};

// One token more after a beam.
struct Step {
  size_t beam = 0;
  Token token = 0;
  double logprob = 0;  // of all tokens
};

double log_add(double a, double b) {
  const double most = std::max(a, b);
  return std::isinf(most) ? most : most + std::log(std::exp(a - most) + std::exp(b - most));
}

class Search {
 public:
  Search(const engine::Engine& model, const TokenBytes& bytes, const LineSearch& what) : model_(model), bytes_(bytes), what_(what) {}

  // Counts the ways in which `beam` may end here, and adds those to go on to `steps`.
  void expand(const Beam& beam, size_t number, std::span<const float> raw, std::vector<Step>& steps) {
    logits_.assign(raw.begin(), raw.end());
    if (what_.adjust) what_.adjust(beam.tokens, logits_);
    const double most = *std::max_element(logits_.begin(), logits_.end());
    if (!std::isfinite(most)) return;
    double sum = 0;
    for (const float logit : logits_) sum += std::exp(logit - most);
    const double shift = beam.logprob - most - std::log(sum);
    const size_t first = steps.size();
    // What must come again may hold the end of the line before.
    const size_t still_repeated = what_.start.size() - std::min(what_.start.size(), beam.text.size());
    for (size_t i = 0; i < logits_.size(); ++i) {
      const double logprob = logits_[i] + shift;
      if (std::isinf(logprob) || logprob < worst_of_worth()) continue;
      const auto token = static_cast<Token>(i);
      if (model_.ends_generation(token)) {
        finish(beam, "", logprob);
      } else if (const size_t end = bytes_.of(token).find_first_of("\r\n", still_repeated); end != std::string_view::npos) {
        finish(beam, bytes_.of(token).substr(0, end), logprob);
      } else if (!model_.is_special(token)) {
        steps.push_back({number, token, logprob});
      }
    }
    // No more of one beam than all may keep.
    const size_t kept = std::min(steps.size() - first, static_cast<size_t>(what_.width));
    std::partial_sort(steps.begin() + static_cast<std::ptrdiff_t>(first), steps.begin() + static_cast<std::ptrdiff_t>(first + kept), steps.end(), likelier);
    steps.resize(first + kept);
  }

  // The best `width` of `steps` as the next beams, their timelines forked but not yet a token further.
  base::Result<std::vector<Beam>> advance(const std::vector<Beam>& beams, std::vector<Step> steps) const {
    std::sort(steps.begin(), steps.end(), likelier);
    steps.resize(std::min(steps.size(), static_cast<size_t>(what_.width)));
    std::vector<Beam> next;
    std::vector<bool> taken(beams.size(), false);
    for (const Step& step : steps) {
      if (step.logprob < worst_of_worth()) break;
      const Beam& from = beams[step.beam];
      Beam beam{from.tokens, from.text + std::string(bytes_.of(step.token)), step.logprob, from.session};
      beam.tokens.push_back(step.token);
      next.push_back(std::move(beam));
    }
    // Forked while all still stand before their token; the last user of a timeline goes on in it.
    for (size_t i = next.size(); i-- > 0;) {
      if (const size_t at = steps[i].beam; !taken[at]) {
        taken[at] = true;
      } else {
        auto fork = next[i].session->fork();
        if (!fork) return std::move(fork).error();
        next[i].session = std::move(fork).value();
      }
    }
    return next;
  }

  std::vector<LikelyLine> lines() && {
    std::sort(lines_.begin(), lines_.end(), [](const auto& a, const auto& b) { return a.logprob > b.logprob; });
    lines_.resize(std::min(lines_.size(), n_wanted()));
    return {std::make_move_iterator(lines_.begin()), std::make_move_iterator(lines_.end())};
  }

 private:
  struct Line : LikelyLine {
    double of_likeliest = 0;  // spelling
  };
  static bool likelier(const Step& a, const Step& b) { return a.logprob != b.logprob ? a.logprob > b.logprob : a.token < b.token; }
  size_t n_wanted() const { return static_cast<size_t>(std::max(1, what_.n_lines)); }

  // A line that goes on only becomes less likely: below the least asked for, and once enough are finished below the last of those wanted, nothing matters.
  double worst_of_worth() const { return lines_.size() < n_wanted() ? what_.least : worst_; }

  void finish(const Beam& beam, std::string_view last, double logprob) {
    std::string text = beam.text + std::string(last);
    if (!std::string_view(text).starts_with(what_.start)) return;
    text.erase(0, what_.start.size());
    if (base::trim(text).empty() || !base::is_utf8(text)) return;
    auto line = std::find_if(lines_.begin(), lines_.end(), [&](const Line& l) { return l.text == text; });
    if (line == lines_.end()) line = lines_.insert(line, Line{{std::move(text), -INFINITY, 0}, -INFINITY});
    line->logprob = log_add(line->logprob, logprob);
    if (logprob > line->of_likeliest) line->of_likeliest = logprob, line->n_tokens = static_cast<int>(beam.tokens.size()) + 1;
    if (lines_.size() < n_wanted()) return;
    std::vector<double> all;
    for (const Line& each : lines_) all.push_back(each.logprob);
    const auto nth = all.begin() + static_cast<std::ptrdiff_t>(n_wanted() - 1);
    std::nth_element(all.begin(), nth, all.end(), std::greater<>());
    worst_ = *nth;
  }

  const engine::Engine& model_;
  const TokenBytes& bytes_;
  const LineSearch& what_;
  std::vector<float> logits_;
  std::vector<Line> lines_;
  double worst_ = -INFINITY;
};

}  // namespace

base::Result<std::vector<LikelyLine>> likely_lines(engine::Session& session, std::span<const Token> prompt, const TokenBytes& bytes,
                                                   const LineSearch& what, std::stop_token stop) {
  const std::shared_ptr<void> right_of_way = session.right_of_way();
  if (base::Status synced = session.sync(prompt, stop); !synced) return std::move(synced).error();
  auto fork = session.fork();
  if (!fork) return std::move(fork).error();
  std::vector<Beam> beams(1);
  beams[0].session = std::move(fork).value();
  Search search(session.engine(), bytes, what);
  for (int n = 0; n < what.max_tokens; ++n) {
    std::vector<Step> steps;
    for (size_t i = 0; i < beams.size(); ++i) search.expand(beams[i], i, beams[i].session->logits(), steps);
    auto next = search.advance(beams, std::move(steps));
    if (!next) return std::move(next).error();
    beams = std::move(next).value();
    if (beams.empty()) break;
    std::vector<engine::Session*> sessions;
    std::vector<Token> tokens;
    for (const Beam& beam : beams) sessions.push_back(beam.session.get()), tokens.push_back(beam.tokens.back());
    if (base::Status stepped = session.engine().step(sessions, tokens, stop); !stepped) return std::move(stepped).error();
  }
  return std::move(search).lines();
}

}  // namespace agent
