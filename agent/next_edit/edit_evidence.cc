// SPDX-License-Identifier: Apache-2.0
#include "agent/next_edit/edit_evidence.h"

#include <cmath>

namespace agent {
namespace {

struct Weight {
  std::string_view name;
  double value;
};

constexpr std::array<Weight, kSigns> kWeights = {{
    {"bias", -3.4},         {"rename", 2.9},         {"rename use", 0.4},
    {"callee", 3.5},        {"member", 2.7},         {"type", 0.5},
    {"key", 0.2},           {"variable", -3.2},      {"literal", -2.9},
    {"string", 0.0},        {"comment", -8.3},       {"mark", -2.2},
    {"many", 0.3},          {"insert in list", 0.3}, {"insert between", 0.1},
    {"wrap", -1.1},         {"rewrite", 1.2},        {"words", 1.0},
    {"long literal", 1.3},  {"fresh", 2.6},          {"text same", -0.9},
    {"head same", 5.9},     {"head other", -5.1},    {"left 1", 0.6},
    {"left 2", 1.7},        {"right 1", 1.2},        {"right 2", 0.2},
    {"both sides", 3.5},    {"callee same", 0.3},    {"callee other", -1.6},
    {"argument same", 1.7}, {"key same", 0.6},       {"key other", 0.1},
    {"chain same", 0.5},    {"line same", 1.0},      {"sibling", 3.1},
    {"same length", 0.7},   {"two examples", 1.9},   {"less alike", -1.7},
}};

}  // namespace

double Evidence::likeness() const {
  double sum = 0;
  for (auto i = static_cast<size_t>(Sign::kLeft1); i <= static_cast<size_t>(Sign::kSameLength); ++i)
    sum += values[i] * kWeights[i].value;
  return sum;
}

double Evidence::probability() const {
  double sum = 0;
  for (size_t i = 0; i < kSigns; ++i) sum += values[i] * kWeights[i].value;
  return 1 / (1 + std::exp(-sum));
}

std::string_view sign_name(Sign sign) {
  return kWeights[static_cast<size_t>(sign)].name;
}

}  // namespace agent
