// SPDX-License-Identifier: Apache-2.0
// Blocks shared between real processes: found, kept when their maker has ended, never believed when they are not what they should be.
#include "base/shared_block.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <optional>
#include <thread>

#include "base/file.h"
#include "base/strings.h"
#include "tests/support/temp_dir.h"

namespace {

using namespace std::chrono_literals;
using base::SharedBlock;
using base::SharedBlockPlace;

constexpr size_t kBytes = 300'001;

void fill(std::span<std::byte> bytes, int seed) {
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 7 + static_cast<size_t>(seed));
}

bool holds(const SharedBlock& block, int seed) {
  for (size_t i = 0; i < block.bytes().size(); ++i)
    if (block.bytes()[i] != static_cast<std::byte>(i * 7 + static_cast<size_t>(seed))) return false;
  return block.bytes().size() == kBytes;
}

base::Result<SharedBlock> get(const SharedBlockPlace& place, int seed) {
  return SharedBlock::find_or_make(place, kBytes, [&](std::span<std::byte> bytes) { fill(bytes, seed); });
}

// Another process: runs `work`, says that it is done, waits for leave and ends without any clean-up.
class Process {
 public:
  template <typename Work>
  explicit Process(Work work) {
    REQUIRE(::pipe(said_) == 0);
    REQUIRE(::pipe(leave_) == 0);
    child_ = ::fork();
    REQUIRE(child_ >= 0);
    if (child_ > 0) {
      ::close(said_[1]);
      return;
    }
    ::close(leave_[1]);
    const char result = work() ? 'y' : 'n';
    static_cast<void>(!::write(said_[1], &result, 1));
    char end;
    static_cast<void>(!::read(leave_[0], &end, 1));
    ::_exit(0);
  }
  ~Process() {
    end();
    ::close(said_[0]);
    ::close(leave_[0]);
  }
  bool worked() {
    char result = 'n';
    return ::read(said_[0], &result, 1) == 1 && result == 'y';
  }
  void end() {
    if (child_ <= 0) return;
    ::close(leave_[1]);
    ::waitpid(child_, nullptr, 0);
    child_ = -1;
  }
  pid_t id() const { return child_; }

 private:
  pid_t child_ = -1;
  int said_[2] = {}, leave_[2] = {};
};

struct Fixture {
  ::test::TempDir dir;
  SharedBlockPlace place{"weights-1", dir.path() / "shared", 5s};
  std::filesystem::path list = dir.path() / "shared" / "weights-1.holders";

  std::string listed() const {
    auto text = base::read_file(list, 1 << 16);
    return text ? *text : "";
  }
  void write_list(const std::string& text) const { std::ofstream(list) << text; }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "shared block: made once in a process, gone with its last holder") {
  CHECK_FALSE(SharedBlock::exists(place));
  {
    auto first = get(place, 1);
    REQUIRE_MESSAGE(first, first.error().message);
    CHECK_FALSE(first->found());
    CHECK(holds(*first, 1));
    CHECK(SharedBlock::exists(place));
    std::optional<SharedBlock> second;
    {
      auto again = get(place, 2);  // its content is the first's
      REQUIRE(again);
      CHECK(again->found());
      second = std::move(*again);
    }
    CHECK(holds(*second, 1));
    *first = std::move(*second);  // the first's own is let go of
    second.reset();
    CHECK(holds(*first, 1));
    CHECK(SharedBlock::exists(place));
    auto other = get({"weights-2", place.folder, 5s}, 3);
    REQUIRE(other);
    CHECK(holds(*other, 3));
  }
  CHECK_FALSE(SharedBlock::exists(place));
  CHECK_FALSE(std::filesystem::exists(list));
  CHECK(std::filesystem::is_empty(place.folder));
}

TEST_CASE_FIXTURE(Fixture, "shared block: a block outlives the process that made it, as long as another holds it") {
  std::optional<SharedBlock> mine;
  {
    Process maker([&] {
      static auto made = get(place, 5);
      return made && !made->found();
    });
    REQUIRE(maker.worked());
    auto found = get(place, 6);
    REQUIRE_MESSAGE(found, found.error().message);
    CHECK(found->found());
    CHECK(holds(*found, 5));
    mine = std::move(*found);
  }
  CHECK(holds(*mine, 5));
  Process third([&] {
    static auto found = get(place, 7);
    return found && found->found() && holds(*found, 5);
  });
  CHECK(third.worked());
  third.end();
  mine.reset();
  CHECK_FALSE(SharedBlock::exists(place));
}

TEST_CASE_FIXTURE(Fixture, "shared block: a maker that dies leaves nothing that anybody waits for or believes") {
  Process maker([&] {
    static_cast<void>(SharedBlock::find_or_make(place, kBytes, [](std::span<std::byte> bytes) {
      bytes[0] = std::byte{1};
      ::_exit(1);
    }));
    return true;
  });
  CHECK_FALSE(maker.worked());
  auto block = get(place, 2);
  REQUIRE_MESSAGE(block, block.error().message);
  CHECK_FALSE(block->found());
  CHECK(holds(*block, 2));
}

TEST_CASE_FIXTURE(Fixture, "shared block: who asks while it is being made waits, as long as patience lasts") {
  int begun[2];
  REQUIRE(::pipe(begun) == 0);
  Process maker([&] {
    static auto made = SharedBlock::find_or_make(place, kBytes, [&](std::span<std::byte> bytes) {
      static_cast<void>(!::write(begun[1], "b", 1));
      std::this_thread::sleep_for(200ms);
      fill(bytes, 8);
    });
    return static_cast<bool>(made);
  });
  char b;
  REQUIRE(::read(begun[0], &b, 1) == 1);
  auto hasty = get({place.key, place.folder, 20ms}, 9);
  REQUIRE_FALSE(hasty);
  CHECK(hasty.error().code == base::ErrorCode::kExhausted);
  auto block = get(place, 9);
  REQUIRE_MESSAGE(block, block.error().message);
  CHECK(block->found());
  CHECK(holds(*block, 8));
  ::close(begun[0]);
  ::close(begun[1]);
}

TEST_CASE_FIXTURE(Fixture, "shared block: it cannot be written, not even by its holders") {
  auto block = get(place, 1);
  REQUIRE(block);
  std::string line = listed();
  const std::string fd = line.substr(line.find(' ') + 1, line.find('\n') - line.find(' ') - 1);
  const base::UniqueFd again(::open(base::cat("/proc/self/fd/", fd).c_str(), O_RDWR | O_CLOEXEC));
  REQUIRE(again);
  CHECK(::pwrite(again.get(), "x", 1, 0) == -1);
  CHECK(::ftruncate(again.get(), 5) == -1);
  CHECK(::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, again.get(), 0) == MAP_FAILED);
}

TEST_CASE_FIXTURE(Fixture, "shared block: lists that are wrong, old or hostile are not believed") {
  // A true copy of a block, its end included, but not sealed; a block of another key; a plain file.
  const base::UniqueFd unsealed(::memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  {
    auto block = get(place, 1);
    REQUIRE(block);
    const std::string line = listed();
    const base::UniqueFd real(::open(base::cat("/proc/self/fd/", line.substr(line.find(' ') + 1, line.find('\n') - line.find(' ') - 1)).c_str(), O_RDONLY | O_CLOEXEC));
    REQUIRE(real);
    std::string bytes(kBytes + 4096, '\0');
    const ssize_t n = ::pread(real.get(), bytes.data(), bytes.size(), 0);
    REQUIRE(n > static_cast<ssize_t>(kBytes));
    REQUIRE(::write(unsealed.get(), bytes.data(), static_cast<size_t>(n)) == n);
  }
  auto other = get({"weights-2", place.folder, 5s}, 4);
  REQUIRE(other);
  auto others = base::read_file(place.folder / "weights-2.holders", 1 << 16);
  REQUIRE(others);
  const base::UniqueFd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  const std::string mine = base::cat(::getpid(), " ");
  for (const std::string& text :
       {std::string("garbage\n"), std::string("1 1\n"), std::string("-1 3\n"), std::string("99999999999999999999 3\n"), mine + "x\n", mine + "3 4\n",
        mine + "999999\n", base::cat(mine, unsealed.get(), "\n"), base::cat(mine, file.get(), "\n"), *others, std::string(100'000, '7'),
        std::string("\n\n\n"), std::string("\0\0 \0", 4)}) {
    CAPTURE(text.substr(0, 40));
    write_list(text);
    CHECK_FALSE(SharedBlock::exists(place));
    write_list(text);
    auto block = get(place, 2);
    REQUIRE_MESSAGE(block, block.error().message);
    CHECK_FALSE(block->found());
    CHECK(holds(*block, 2));
    // Among wrong lines the right one is found.
    const std::string right = listed();
    write_list(text.substr(0, 1000) + "\n" + right);
    CHECK(get(place, 3)->found());
  }
}

TEST_CASE_FIXTURE(Fixture, "shared block: a content of another size is refused, not made twice") {
  auto block = get(place, 1);
  REQUIRE(block);
  const auto larger = SharedBlock::find_or_make(place, kBytes + 1, [](std::span<std::byte>) { FAIL("made"); });
  REQUIRE_FALSE(larger);
  CHECK(larger.error().code == base::ErrorCode::kIo);
  CHECK_FALSE(SharedBlock::find_or_make(place, 0, [](std::span<std::byte>) {}));
  CHECK_FALSE(SharedBlock::find_or_make(place, SIZE_MAX - 3, [](std::span<std::byte>) {}));
}

TEST_CASE_FIXTURE(Fixture, "shared block: only in a folder of this user alone, under a key that is a name") {
  REQUIRE(::mkdir(place.folder.c_str(), 0755) == 0);
  REQUIRE(::chmod(place.folder.c_str(), 0755) == 0);
  const auto open_to_all = get(place, 1);
  REQUIRE_FALSE(open_to_all);
  CHECK(open_to_all.error().code == base::ErrorCode::kDenied);
  CHECK(open_to_all.error().message.find("chmod 700") != std::string::npos);
  std::filesystem::create_directory_symlink(place.folder, dir.path() / "link");
  REQUIRE(::chmod(place.folder.c_str(), 0700) == 0);
  CHECK_FALSE(get({place.key, dir.path() / "link", 1s}, 1));
  for (const char* key : {"", "a/b", "..", ".hidden", "a b"}) CHECK_FALSE(get({key, place.folder, 1s}, 1));
  CHECK_FALSE(get({std::string(65, 'a'), place.folder, 1s}, 1));
  CHECK(get({std::string(64, 'a'), place.folder, 1s}, 1));
  // A list that leads elsewhere.
  std::ofstream(dir.path() / "victim") << "precious";
  std::filesystem::create_symlink(dir.path() / "victim", list);
  CHECK_FALSE(get(place, 1));
  CHECK(base::read_file(dir.path() / "victim", 100).value() == "precious");
}
