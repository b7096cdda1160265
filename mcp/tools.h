// SPDX-License-Identifier: Apache-2.0
// mcp/tools.h: the tools, in the order of tools/list. They borrow `place` for their lives.
#pragma once
#include <vector>

#include "mcp/tool.h"
#include "mcp/workplace.h"

namespace mcp {

Tool fix_tool(Workplace& place);
Tool write_tests_tool(Workplace& place);
Tool apply_edit_tool(Workplace& place);
Tool undo_tool(Workplace& place);
Tool log_tool(Workplace& place);
Tool complete_tool(Workplace& place);
Tool symbols_tool(Workplace& place);

inline std::vector<Tool> all_tools(Workplace& place) {
  return {fix_tool(place), write_tests_tool(place), apply_edit_tool(place), undo_tool(place),
          log_tool(place), complete_tool(place),    symbols_tool(place)};
}

}  // namespace mcp
