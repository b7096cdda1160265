// SPDX-License-Identifier: Apache-2.0
// An edit in each of the five formats, against a file. Input: the edit, then optionally a NUL and the file's text.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "tools/edit_formats.h"

namespace {

constexpr std::string_view kFile =
    "class Stack:\n    \"\"\"A stack of items.\"\"\"\n\n    def __init__(self):\n        self.items = []\n\n    def "
    "push(self, item):\n"
    "        self.items.append(item)\n\n    def top(self):\n        return self.items[0]\n\n    def pop(self):\n       "
    " item = self.items[-1]\n"
    "        return item\n";

class OneFile final : public tools::FileSource {
 public:
  explicit OneFile(std::string_view text) : text_(text) {}
  base::Result<std::string> read(std::string_view path) const override {
    if (path == "src/f.x") return std::string(text_);
    return base::Error{base::ErrorCode::kNotFound, "no such file"};
  }

 private:
  std::string_view text_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t cut = input.find('\0');
  const std::string_view edit = input.substr(0, cut);
  const OneFile files(cut == std::string_view::npos ? kFile : input.substr(cut + 1));
  const std::string old_text = *files.read("src/f.x");
  for (const auto format :
       {tools::EditFormat::kSearchReplace, tools::EditFormat::kUnified, tools::EditFormat::kApplyPatch,
        tools::EditFormat::kWholeFile, tools::EditFormat::kLineOps}) {
    const auto located = tools::read_edit(format, edit, files);
    if (!located) {
      if (located.error().message.empty()) std::abort();
      continue;
    }
    // What read_edit() gives must be applicable as it is.
    if (!tools::check_edit(located->edit)) std::abort();
    for (const tools::FileEdit& file : located->edit.files) {
      if (file.action == tools::FileAction::kDelete) continue;
      const bool fresh = file.action == tools::FileAction::kCreate;
      if (!tools::new_text(file, fresh ? std::string_view() : std::string_view(old_text))) std::abort();
    }
  }
  return 0;
}
