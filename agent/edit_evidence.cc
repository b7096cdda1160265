// SPDX-License-Identifier: Apache-2.0
#include "agent/edit_evidence.h"

#include <cmath>

namespace agent {
namespace {

struct Weight {
  std::string_view name;
  double value;
};

constexpr std::array<Weight, kSigns> kWeights = {{
    {"bias", -3.4},         {"rename", 2.7},         {"rename use", -0.1},
    {"callee", 2.7},        {"member", 2.4},         {"type", 0.6},
    {"key", 0.2},           {"variable", -2.6},      {"literal", -3.0},
    {"string", 0.0},        {"comment", -7.7},       {"mark", -1.9},
    {"many", 0.3},          {"insert in list", 0.5}, {"insert between", -0.8},
    {"wrap", -1.4},         {"rewrite", 1.0},        {"words", 1.3},
    {"long literal", 0.2},  {"fresh", 2.6},          {"text same", -1.3},
    {"head same", 4.1},     {"head other", -3.8},    {"left 1", 1.0},
    {"left 2", 0.7},        {"right 1", 1.4},        {"right 2", 0.4},
    {"both sides", 3.3},    {"callee same", 0.8},    {"callee other", -1.0},
    {"argument same", 0.9}, {"key same", 1.0},       {"key other", -0.3},
    {"chain same", -0.1},   {"line same", 1.3},      {"sibling", 2.3},
    {"same length", 0.8},   {"two examples", 2.3},   {"less alike", -1.3},
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
