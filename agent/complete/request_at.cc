// SPDX-License-Identifier: Apache-2.0
#include "agent/complete.h"
#include "base/line_index.h"
#include "base/strings.h"

namespace agent {

base::Result<CompleteRequest> request_at(std::string_view text, std::string path, int line, int column) {
  const base::LineIndex lines(text);
  if (line < 1 || static_cast<size_t>(line) > lines.n_lines())
    return base::invalid(base::cat(path, " has ", lines.n_lines(), " lines; line ", line, " is none of them."));
  const auto row = static_cast<size_t>(line) - 1;
  const size_t n_bytes = lines.line(text, row).size();
  if (column < 1 || static_cast<size_t>(column) - 1 > n_bytes)
    return base::invalid(base::cat("Line ", line, " of ", path, " has ", n_bytes, " bytes; column ", column,
                                   " is not in 1 to ", n_bytes + 1, "."));
  const size_t at = lines.line_start(row) + static_cast<size_t>(column) - 1;
  CompleteRequest request;
  request.prefix = text.substr(0, at);
  request.suffix = text.substr(at);
  request.path = std::move(path);
  return request;
}

}  // namespace agent
