// SPDX-License-Identifier: Apache-2.0
// constrain_bench TOKENS FILE...: JSON Schemas as constraints over a vocabulary; time of masks, and whether instances
// pass.
//
// TOKENS   a token per line, its bytes in hexadecimal, by id; an empty line is a token without text. The end token
//          is added.
// FILE     JSON: {"schema": S, "tests": [{"data": D, "valid": B}]} or an array of such, as MaskBench and the JSON
//          Schema Test Suite have them. "-v" in front of the files prints each that did not pass, "-m N" measures the first N masks
//          of an instance alone (0: none).
// Prints   CSV: schemas taken and refused, instances that went as their file says, compile and mask times.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/json.h"
#include "engine/constrain.h"
#include "engine/constrain/vocabulary.h"

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point from) {
  return std::chrono::duration<double>(Clock::now() - from).count();
}

std::shared_ptr<const engine::Vocabulary> read_vocabulary(const char* path) {
  std::ifstream in(path);
  std::vector<std::string> tokens;
  for (std::string line; std::getline(in, line);) {
    std::string bytes;
    for (size_t i = 0; i + 1 < line.size(); i += 2)
      bytes += static_cast<char>(std::stoi(line.substr(i, 2), nullptr, 16));
    tokens.push_back(bytes);
  }
  const auto end = static_cast<engine::Token>(tokens.size());
  tokens.push_back("");
  return engine::Vocabulary::make(std::move(tokens), {end});
}

double quantile(std::vector<double>& sorted, double q) {
  return sorted.empty()
             ? 0
             : sorted[std::min(sorted.size() - 1, static_cast<size_t>(q * static_cast<double>(sorted.size())))];
}

class Bench {
 public:
  Bench(std::shared_ptr<const engine::Vocabulary> vocabulary, bool verbose, int max_masks)
      : vocabulary_(std::move(vocabulary)), verbose_(verbose), max_masks_(max_masks), bits_(vocabulary_->mask_words()) {
    for (engine::Token t = 0; t < vocabulary_->n_tokens(); ++t) ids_.emplace(vocabulary_->bytes_of(t), t);
  }

  void run(const std::string& file, const base::Json& group) {
    const std::string schema = base::dump_json(group["schema"]);
    const auto began = Clock::now();
    const auto made = engine::Constraint::from_json_schema(schema, vocabulary_);
    compile_.push_back(seconds_since(began));
    if (!made) {
      ++refused_;
      if (verbose_) std::printf("refused,%s,%s\n", file.c_str(), made.error().message.c_str());
      return;
    }
    ++taken_;
    for (const base::Json& test : group["tests"]) {
      const std::string text = base::dump_json(test["data"]);
      std::string problem;
      const bool accepted = follow(*made, text, problem);
      const bool expected = test["valid"].get<bool>();
      ++(accepted == expected ? passed_ : expected ? rejected_valid_ : accepted_invalid_);
      if (!problem.empty()) ++exhausted_;
      if (verbose_ && accepted != expected)
        std::printf("%s,%s,%s,%s\n", expected ? "rejected valid" : "accepted invalid", file.c_str(),
                    text.substr(0, 300).c_str(), problem.c_str());
    }
  }

  void report() {
    std::sort(compile_.begin(), compile_.end());
    std::sort(masks_.begin(), masks_.end());
    const auto mean = [](const std::vector<double>& all) {
      double sum = 0;
      for (const double x : all) sum += x;
      return all.empty() ? 0 : sum / static_cast<double>(all.size());
    };
    std::printf(
        "tokens,schemas taken,refused,instances passed,valid rejected,invalid accepted,gave up,compile mean ms,compile "
        "p99 ms,"
        "masks,mask mean us,p50,p90,p99,p99.9,max\n");
    std::printf("%d,%d,%d,%d,%d,%d,%d,%.3f,%.3f,%zu,%.2f,%.2f,%.2f,%.2f,%.2f,%.1f\n", vocabulary_->n_tokens(), taken_,
                refused_, passed_, rejected_valid_, accepted_invalid_, exhausted_, mean(compile_) * 1e3,
                quantile(compile_, 0.99) * 1e3, masks_.size(), mean(masks_) * 1e6, quantile(masks_, 0.5) * 1e6,
                quantile(masks_, 0.9) * 1e6, quantile(masks_, 0.99) * 1e6, quantile(masks_, 0.999) * 1e6,
                quantile(masks_, 1) * 1e6);
  }

 private:
  // Takes the longest token each time. Whether the text may be written and ended; every mask is asked for and held to
  // accept().
  bool follow(const std::shared_ptr<const engine::Constraint>& constraint, const std::string& text,
              std::string& problem) {
    engine::ConstraintState state(constraint);
    int n = 0;
    for (size_t at = 0; at < text.size(); ++n) {
      size_t length = std::min(text.size() - at, vocabulary_->max_bytes());
      auto token = ids_.end();
      for (; length > 0 && token == ids_.end(); --length) token = ids_.find(std::string_view(text).substr(at, length));
      if (token == ids_.end()) return false;
      if (max_masks_ < 0 || n < max_masks_) {
        const auto began = Clock::now();
        const auto masked = state.mask(bits_);
        masks_.push_back(seconds_since(began));
        if (!masked) problem = masked.error().message;
        if (!masked) return false;
      }
      const bool allowed = bits_[static_cast<size_t>(token->second) / 32] >> (token->second % 32) & 1;
      const auto accepted = state.accept(token->second);
      if ((max_masks_ < 0 || n < max_masks_) && allowed != bool(accepted)) {
        std::fprintf(stderr, "the mask and accept() disagree at byte %zu of %s\n", at, text.c_str());
        std::exit(1);
      }
      if (!accepted) return false;
      at += token->first.size();
    }
    const auto end = state.can_end();
    return end && *end;
  }

  std::shared_ptr<const engine::Vocabulary> vocabulary_;
  const bool verbose_;
  const int max_masks_;
  std::vector<uint32_t> bits_;
  std::map<std::string_view, engine::Token> ids_;
  std::vector<double> compile_, masks_;
  int taken_ = 0, refused_ = 0, passed_ = 0, rejected_valid_ = 0, accepted_invalid_ = 0, exhausted_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  int at = 2, max_masks = -1;
  bool verbose = false;
  for (; at < argc && argv[at][0] == '-'; ++at) {
    if (std::strcmp(argv[at], "-v") == 0) verbose = true;
    if (std::strcmp(argv[at], "-m") == 0 && at + 1 < argc) max_masks = std::atoi(argv[++at]);
  }
  if (at >= argc) {
    std::fprintf(stderr, "usage: constrain_bench TOKENS [-v] [-m N] FILE...\n");
    return 2;
  }
  Bench bench(read_vocabulary(argv[1]), verbose, max_masks);
  for (; at < argc; ++at) {
    std::ifstream in(argv[at]);
    std::stringstream text;
    text << in.rdbuf();
    const auto json = base::parse_json(text.str());
    if (!json) {
      std::fprintf(stderr, "%s: %s\n", argv[at], json.error().message.c_str());
      continue;
    }
    if (json->is_array())
      for (const base::Json& group : *json) bench.run(argv[at], group);
    else if (json->contains("schema") && json->contains("tests"))
      bench.run(argv[at], *json);
  }
  bench.report();
}
