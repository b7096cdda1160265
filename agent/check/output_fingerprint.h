// SPDX-License-Identifier: Apache-2.0
// agent/check/output_fingerprint.h: a check's output as one number that two equal runs share.
//
// Left out  What differs between two runs of the same program: addresses, times, dates, process and thread numbers.
// Source    FNV-1a, 64 bits.
#pragma once
#include <cstdint>
#include <string_view>

namespace agent {

class OutputFingerprint {
 public:
  void add(std::string_view line);
  uint64_t value() const { return hash_; }

 private:
  void add_byte(char byte) { hash_ = (hash_ ^ static_cast<unsigned char>(byte)) * 1099511628211ull; }

  uint64_t hash_ = 14695981039346656037ull;
};

}  // namespace agent
