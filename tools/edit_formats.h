// SPDX-License-Identifier: Apache-2.0
// tools/edit_formats.h: from what a model, a person or git wrote to an Edit. The formats stand in docs/edit-formats.md.
//
// Promise  An edit is applied where its own lines are found, at one place only, or it is refused. A line number alone
//          never decides. Lines that the edit does not change keep their bytes: line ends, BOM, blanks, a missing final
//          newline.
// Errors   kInvalidArgument: the text is not of that format, or its anchor is not unique; the message says where (line
//          of the edit, line of the file) and shows what is nearest. kNotFound, kDenied from `files` for a file that
//          can't be read.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tools/edit.h"

namespace tools {

enum class EditFormat { kSearchReplace, kUnified, kApplyPatch, kWholeFile, kLineOps };
std::optional<EditFormat> edit_format_of_name(std::string_view name);  // "search-replace", "unified", ...
std::string_view edit_format_name(EditFormat format);

struct LocatedEdit {
  Edit edit;
  // A sentence for each step that was not exact: "src/a.py: lines 12-14 match but for their indentation (4 blanks
  // more)".
  std::vector<std::string> notes;
};

inline constexpr size_t kMaxEditTextBytes = 64u << 20;

base::Result<LocatedEdit> read_edit(EditFormat format, std::string_view text, const FileSource& files);

}  // namespace tools
