// SPDX-License-Identifier: Apache-2.0
#include "agent/code/near_files.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <tuple>

#include "agent/code/file_roles.h"
#include "base/utf8.h"
#include "tools/syntax.h"
#include "tools/work_tree.h"

namespace agent {
namespace {

using tools::Language;

// One name for languages whose files speak of each other.
Language family_of(Language language) {
  switch (language) {
    case Language::kC: return Language::kCpp;
    case Language::kJavaScript:
    case Language::kTsx: return Language::kTypeScript;
    default: return language;
  }
}

std::string_view folder_of(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash + 1);
}

std::string_view stem_of(std::string_view path) {
  std::string_view name = path.substr(folder_of(path).size());
  return name.substr(0, name.find('.'));
}

// Folders to go up and down from one file to the other.
size_t steps_between(std::string_view a, std::string_view b) {
  a = folder_of(a), b = folder_of(b);
  size_t same = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()) && a[i] == b[i]; ++i)
    if (a[i] == '/') same = i + 1;
  return static_cast<size_t>(std::count(a.begin() + static_cast<std::ptrdiff_t>(same), a.end(), '/') +
                             std::count(b.begin() + static_cast<std::ptrdiff_t>(same), b.end(), '/'));
}

bool named_alike(std::string_view a, std::string_view b) {
  const auto [shorter, longer] = std::minmax({stem_of(a), stem_of(b)}, [](auto x, auto y) { return x.size() < y.size(); });
  return shorter.size() >= 3 && longer.find(shorter) != std::string_view::npos;
}

// A stop token that also fires when time is over.
class Limit {
 public:
  Limit(std::chrono::milliseconds time, const std::stop_token& stop)
      : asked_(stop, Forward{source_}), timer_([this, time](std::stop_token done) {
          std::mutex mutex;
          std::condition_variable_any never;
          std::unique_lock lock(mutex);
          never.wait_for(lock, done, time, [] { return false; });
          if (!done.stop_requested()) source_.request_stop();
        }) {
    if (time <= std::chrono::milliseconds::zero()) source_.request_stop();  // no thread has to wake up first
  }
  std::stop_token token() const { return source_.get_token(); }
  bool is_over() const { return source_.stop_requested(); }

 private:
  struct Forward {
    std::stop_source source;
    void operator()() { source.request_stop(); }
  };
  std::stop_source source_;
  std::stop_callback<Forward> asked_;
  std::jthread timer_;
};

// At most `n_bytes` of `text`, whole lines where there are any.
void shorten(std::string& text, size_t n_bytes) {
  if (text.size() <= n_bytes) return;
  const size_t newline = text.rfind('\n', n_bytes - 1);
  text.resize(newline == std::string::npos ? 0 : newline + 1);
}

}  // namespace

base::Result<std::vector<std::string>> near_files(const std::filesystem::path& root, std::string_view path, std::chrono::milliseconds patience,
                                                  std::stop_token stop) {
  std::vector<std::string> texts;
  const auto language = tools::language_of_path(path);
  if (!language) return texts;
  const auto tree = tools::WorkTree::open(root);
  if (!tree) return tree.error();
  const Limit limit(patience, stop);
  auto files = tree->list(limit.token());
  if (!files && limit.is_over() && !stop.stop_requested()) return texts;
  if (!files) return std::move(files).error();
  std::erase_if(*files, [&](const tools::FileEntry& file) {
    const auto other = tools::language_of_path(file.path);
    return file.path == path || file.size_bytes == 0 || !other || family_of(*other) != family_of(*language) || is_foreign_path(file.path);
  });
  const auto order = [&](const tools::FileEntry& file) {
    return std::tuple(steps_between(path, file.path), !named_alike(path, file.path), ~std::min<uint64_t>(file.size_bytes, kBytesOfNearFile),
                      std::string_view(file.path));
  };
  std::sort(files->begin(), files->end(), [&](const auto& a, const auto& b) { return order(a) < order(b); });
  size_t left = kBytesOfNearFiles;
  for (const tools::FileEntry& file : *files) {
    if (texts.size() == kMostNearFiles || left == 0) break;
    if (stop.stop_requested()) return base::cancelled();
    if (file.size_bytes > tools::WorkTree::kMaxFileBytes) continue;
    auto text = tree->read(file.path);
    if (!text || !base::is_utf8(*text)) continue;  // gone meanwhile, or no text
    shorten(*text, std::min(left, kBytesOfNearFile));
    left -= text->size();
    if (!text->empty()) texts.push_back(std::move(*text));
  }
  return texts;
}

}  // namespace agent
