// SPDX-License-Identifier: Apache-2.0
#include "cli/sampling_options.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <limits>
#include <string>

#include "engine/engine.h"

namespace cli {
namespace {

constexpr int kMostLogprobs = 100;  // of a step
constexpr const char* kBiasForm = "needs ID=VALUE, a token's number and what is added to its logit (-inf: never)";

// "17=-2.5", "17=-inf"; false where it is anything else.
bool read_bias(const std::string& text, std::pair<engine::Token, float>& out) {
  const char *at = text.data(), *const end = at + text.size();
  const auto [after_id, wrong_id] = std::from_chars(at, end, out.first);
  if (wrong_id != std::errc() || out.first < 0 || after_id == end || *after_id != '=') return false;
  const auto [after, wrong] = std::from_chars(after_id + 1, end, out.second);
  // Nothing is certain to win but what is alone: NaN and +inf have no meaning.
  return wrong == std::errc() && after == end && out.second < std::numeric_limits<float>::infinity();
}

// "\n" and "\t" as a shell passes them in single quotes, for stops that begin a line.
std::string unescaped(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const char next = text[i] == '\\' && i + 1 < text.size() ? text[i + 1] : '\0';
    if (next != 'n' && next != 't' && next != '\\') {
      out += text[i];
      continue;
    }
    out += next == 'n' ? '\n' : next == 't' ? '\t' : '\\';
    ++i;
  }
  return out;
}

}  // namespace

void add_sampling_options(CLI::App& command, engine::GenerateOptions& options) {
  engine::SamplingOptions& sampling = options.sampling;
  command.add_option("--temperature", sampling.temperature, "0: the likeliest token each time")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  command.add_option("--top-k", sampling.top_k, "Of the so many likeliest tokens; 0: of all")
      ->check(CLI::Range(0, 1 << 20))
      ->capture_default_str();
  command.add_option("--top-p", sampling.top_p, "Of the likeliest tokens that together have this share; 1: of all")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command
      .add_option("--min-p", sampling.min_p,
                  "Of the tokens with this share of the likeliest one's probability; 0: of all")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command
      .add_option("--repetition-penalty", sampling.repetition_penalty,
                  "Above 1: what prompt or text hold already is less likely")
      ->check(CLI::Range(0.01, 100.0))
      ->capture_default_str();
  // A signed number would be taken for a very large one.
  command.add_option("--seed", sampling.seed, "Of the draws above temperature 0")
      ->check([](const std::string& text) {
        return text.starts_with('-') ? "must be a whole number from 0 on" : std::string();
      })
      ->capture_default_str();
  command
      .add_option_function<std::vector<std::string>>(
          "--logit-bias",
          [&sampling](const std::vector<std::string>& given) {
            for (const std::string& text : given)
              if (!read_bias(text, sampling.logit_bias.emplace_back()))
                throw CLI::ValidationError("--logit-bias", kBiasForm);
          },
          "ID=VALUE: added to a token's logit, -inf: never; may be given again")
      ->allow_extra_args(false);
  command
      .add_option_function<std::vector<std::string>>(
          "--stop",
          [&options](const std::vector<std::string>& given) {
            for (const std::string& text : given)
              if (!text.empty()) options.stop.push_back(unescaped(text));
          },
          "The text ends before it (\\n, \\t and \\\\ stand for what they do in C); may be given again")
      ->allow_extra_args(false);
  command
      .add_option("--logprobs", options.n_top_logprobs,
                  "With --json: so many likeliest tokens of each step, and the chosen one's own")
      ->check(CLI::Range(0, kMostLogprobs))
      ->capture_default_str();
}

}  // namespace cli
