// SPDX-License-Identifier: Apache-2.0
// bench/read_bandwidth.h: how fast this machine's memory is, at this moment.
#pragma once
#include <cstdint>
#include <vector>

namespace bench {

// Bytes per second that threads read from memory together. A virtual machine's figure may halve and double again within
// a minute: measure beside what it is compared with.
class ReadBandwidth {
 public:
  explicit ReadBandwidth(int threads);  // takes 256 MiB
  double measure() const;               // the best of three passes over them: some 20 ms

 private:
  const int threads_;
  const std::vector<uint64_t> memory_;
};

}  // namespace bench
