// SPDX-License-Identifier: Apache-2.0
#include "bench/read_bandwidth.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <thread>

namespace bench {
namespace {

constexpr size_t kWords = (size_t{256} << 20) / sizeof(uint64_t);
constexpr int kPasses = 3;

}  // namespace

ReadBandwidth::ReadBandwidth(int threads) : threads_(threads), memory_(kWords, 1) {}

double ReadBandwidth::measure() const {
  double best = 0.0;
  for (int pass = 0; pass < kPasses; ++pass) {
    std::vector<uint64_t> sums(static_cast<size_t>(threads_));
    std::vector<std::thread> team;
    const auto start = std::chrono::steady_clock::now();
    for (size_t i = 0; i < sums.size(); ++i)
      team.emplace_back([&, i] {
        const size_t first = kWords * i / sums.size(), last = kWords * (i + 1) / sums.size();
        uint64_t a = 0, b = 0, c = 0, d = 0;  // four chains, or the additions would be slower than the memory
        for (size_t w = first; w + 4 <= last; w += 4) a += memory_[w], b += memory_[w + 1], c += memory_[w + 2], d += memory_[w + 3];
        sums[i] = a + b + c + d;
      });
    for (std::thread& thread : team) thread.join();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (std::accumulate(sums.begin(), sums.end(), uint64_t{0}) > 0)  // used, so not optimised away
      best = std::max(best, static_cast<double>(kWords * sizeof(uint64_t)) / seconds);
  }
  return best;
}

}  // namespace bench
