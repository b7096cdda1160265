// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target without libFuzzer: every seed as it is, then mutations of seeds from a fixed random sequence, until the
// time is over. The input of a run that fails is written beside the program as crash-input.
//
//   fuzz_gguf [--seconds N] [--runs N] SEED_FILE_OR_FOLDER...
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));
// A parser that believes a count in its input shows itself by a huge allocation.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() {
  return "max_allocation_size_mb=1024";
}

namespace {

using Bytes = std::vector<uint8_t>;

constexpr unsigned kMaxSecondsPerInput = 30;
constexpr size_t kMaxInputBytes = size_t{1} << 20;

Bytes g_input;  // the present one, for the handlers

void save_input() {
  if (FILE* file = std::fopen("crash-input", "wb")) {
    std::fwrite(g_input.data(), 1, g_input.size(), file);
    std::fclose(file);
    std::fprintf(stderr, "the failing input is in ./crash-input (%zu bytes)\n", g_input.size());
  }
}

void on_signal(int signal) {
  if (signal == SIGALRM)
    std::fprintf(stderr, "one input took over %u seconds\n", kMaxSecondsPerInput);
  else
    std::fprintf(stderr, "ended by signal %d\n", signal);
  save_input();
  std::_Exit(1);
}

void run_one() {
  alarm(kMaxSecondsPerInput);
  LLVMFuzzerTestOneInput(g_input.data(), g_input.size());
  alarm(0);
}

void add_seeds(const std::filesystem::path& path, std::vector<Bytes>& seeds) {
  if (std::filesystem::is_directory(path)) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(path))
      if (entry.is_regular_file()) files.push_back(entry.path());
    std::sort(files.begin(), files.end());  // one order everywhere
    for (const auto& file : files) add_seeds(file, seeds);
    return;
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    std::fprintf(stderr, "cannot read the seed %s\n", path.c_str());
    std::exit(2);
  }
  seeds.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

class Mutator {
 public:
  explicit Mutator(const std::vector<Bytes>& seeds) : seeds_(seeds) {}

  Bytes next() {
    Bytes bytes = seeds_[below(seeds_.size())];
    for (size_t n = 1 + below(4); n > 0; --n) mutate(bytes);
    if (bytes.size() > kMaxInputBytes) bytes.resize(kMaxInputBytes);
    return bytes;
  }

 private:
  size_t below(size_t n) { return n == 0 ? 0 : static_cast<size_t>(random_() % n); }
  // Headers stand in front: half of all changes go to the first 1024 bytes.
  size_t position(const Bytes& bytes) {
    return below(random_() % 2 == 0 ? std::min<size_t>(bytes.size(), 1024) : bytes.size());
  }

  void mutate(Bytes& bytes) {
    const size_t at = position(bytes);
    switch (random_() % 9) {
      case 0:
        if (!bytes.empty()) bytes[at] ^= static_cast<uint8_t>(1u << below(8));
        break;
      case 1:
        if (!bytes.empty()) bytes[at] = static_cast<uint8_t>(random_());
        break;
      case 2: put_number(bytes, at); break;
      case 3: bytes.resize(at); break;
      case 4: {  // a piece left out
        const size_t n = below(std::min<size_t>(bytes.size() - at, 64) + 1);
        bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                    bytes.begin() + static_cast<std::ptrdiff_t>(at + n));
        break;
      }
      case 5: {  // a piece said twice
        const size_t n = below(std::min<size_t>(bytes.size() - at, 64) + 1);
        const Bytes piece(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                          bytes.begin() + static_cast<std::ptrdiff_t>(at + n));
        bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), piece.begin(), piece.end());
        break;
      }
      case 6: {  // the front of this, the back of another
        const Bytes& other = seeds_[below(seeds_.size())];
        const size_t from = below(other.size() + 1);
        bytes.resize(at);
        bytes.insert(bytes.end(), other.begin() + static_cast<std::ptrdiff_t>(from), other.end());
        break;
      }
      case 7: {  // a word that text formats give a meaning
        static constexpr const char* kWords[] = {"\"",
                                                 "\\",
                                                 "{",
                                                 "}",
                                                 "[",
                                                 "]",
                                                 "null",
                                                 "-1",
                                                 "1e999",
                                                 "18446744073709551615",
                                                 "9223372036854775808",
                                                 "\\ud800",
                                                 "../",
                                                 "\n",
                                                 "\r\n",
                                                 ",",
                                                 ":",
                                                 "\xff"};
        const char* word = kWords[below(std::size(kWords))];
        bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), word, word + std::strlen(word));
        break;
      }
      default: swap_digits(bytes, at); break;
    }
  }

  // A number at a border of its type, in 1 to 8 bytes, little-endian.
  void put_number(Bytes& bytes, size_t at) {
    static constexpr uint64_t kNumbers[] = {0,
                                            1,
                                            0x7F,
                                            0x80,
                                            0xFF,
                                            0x7FFF,
                                            0xFFFF,
                                            0x7FFFFFFF,
                                            0x80000000,
                                            0xFFFFFFFF,
                                            0x100000000,
                                            0x7FFFFFFFFFFFFFFF,
                                            0x8000000000000000,
                                            0xFFFFFFFFFFFFFFFF,
                                            0x1000000000000000,
                                            0x3FFFFFFFFFFFFFFF};
    const uint64_t number = kNumbers[below(std::size(kNumbers))];
    const size_t width = size_t{1} << below(4);
    for (size_t i = 0; i < width && at + i < bytes.size(); ++i) bytes[at + i] = static_cast<uint8_t>(number >> (8 * i));
  }

  // The next decimal digit becomes another one.
  void swap_digits(Bytes& bytes, size_t at) {
    const auto digit = std::find_if(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end(),
                                    [](uint8_t b) { return b >= '0' && b <= '9'; });
    if (digit != bytes.end()) *digit = static_cast<uint8_t>('0' + below(10));
  }

  const std::vector<Bytes>& seeds_;
  std::mt19937_64 random_{20260101};  // fixed: a failure comes again
};

}  // namespace

int main(int argc, char** argv) {
  double seconds = 3;
  uint64_t max_runs = UINT64_MAX;
  std::vector<Bytes> seeds{{}};
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--seconds" && i + 1 < argc)
      seconds = std::atof(argv[++i]);
    else if (argument == "--runs" && i + 1 < argc)
      max_runs = std::strtoull(argv[++i], nullptr, 10);
    else
      add_seeds(argument, seeds);
  }
  for (const int s : {SIGALRM, SIGABRT, SIGILL, SIGTRAP}) signal(s, on_signal);
  if (__sanitizer_set_death_callback != nullptr) {
    __sanitizer_set_death_callback(save_input);
  } else {
    for (const int s : {SIGSEGV, SIGFPE, SIGBUS}) signal(s, on_signal);
    const rlimit limit{rlim_t{4} << 30, rlim_t{4} << 30};
    setrlimit(RLIMIT_AS, &limit);
  }
  for (const Bytes& seed : seeds) {
    g_input = seed;
    run_one();
  }
  const auto start = std::chrono::steady_clock::now();
  const auto over = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() > seconds;
  };
  Mutator mutator(seeds);
  uint64_t runs = 0;
  for (; runs < max_runs && !over(); ++runs) {
    g_input = mutator.next();
    run_one();
  }
  std::printf("%zu seeds and %llu mutations passed\n", seeds.size(), static_cast<unsigned long long>(runs));
  return 0;
}
