// SPDX-License-Identifier: Apache-2.0
// mcp/tool.h: what a tool is: its words, its parameters, and what it does.
//
// One table of parameters makes the JSON Schema that callers see and checks what they send, so that the two agree.
#pragma once
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "mcp/revision.h"

namespace mcp {

struct Parameter {
  enum class Type { kString, kInteger, kBoolean, kStrings };
  std::string name;
  Type type = Type::kString;
  std::string description;
  bool required = false;
  std::optional<base::Json> fallback =
      {};                                // where the call leaves it out; without one the tool sees that it is missing
  int64_t least = 0, most = 0;           // of kInteger
  std::vector<std::string> one_of = {};  // of kString; empty: any
};

// What a client may believe of a tool; MCP 2026-07-28, "ToolAnnotations".
struct Hints {
  bool read_only = false;
  bool destructive = false;  // changes or removes what was there; else it only adds
  bool idempotent = false;
};

// What a tool sees of a call.
struct Call {
  const base::Json& arguments;  // an object: checked, with fallbacks
  std::stop_token stop;
  const std::function<void(std::string)>& report;  // progress, in words
};

struct Answer {
  base::Json result;      // an object that fits the tool's output schema
  bool is_error = false;  // the honest "no" to a caller who should try something else
};

struct Tool {
  std::string name, title, description = {};
  std::vector<Parameter> parameters = {};
  base::Json output_schema = {};
  Hints hints = {};
  bool is_long = false;  // one of these runs at a time
  // An Error is a failed call, in words for the caller. On a worker; several at once.
  std::function<base::Result<Answer>(const Call&)> run = {};
};

// The tool as tools/list shows it to a client of this revision.
base::Json tool_json(const Tool& tool, const Revision& revision);

// The arguments with fallbacks for those left out. kInvalidArgument names the argument, what is wrong and what to give.
base::Result<base::Json> check_arguments(const std::vector<Parameter>& parameters, const base::Json& given);

// --- pieces of output schemas ---
base::Json schema_of(std::string_view type, std::string_view description = "");
base::Json list_of(base::Json items, std::string_view description = "");
// `required`: of the members' names.
base::Json object_of(base::Json members, std::vector<std::string> required);

}  // namespace mcp
