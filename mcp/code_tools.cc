// SPDX-License-Identifier: Apache-2.0
// The tools that only read: completions at a place, the symbols of a file.
#include "agent/report_json.h"
#include "base/line_index.h"
#include "base/strings.h"
#include "mcp/tools.h"
#include "tools/syntax.h"

namespace mcp {
namespace {

using base::Json;
using Type = Parameter::Type;

struct NamedFile {
  std::string path, text;
};

base::Result<NamedFile> file_of(const Workplace& place, const Call& call) {
  auto path = Workplace::path_of(base::json_string(call.arguments, "file"));
  if (!path) return std::move(path).error().in("The argument `file`");
  const auto tree = place.tree();
  if (!tree) return tree.error();
  auto text = OpenFiles(*tree).read(*path);
  if (!text) return std::move(text).error().in("The argument `file`");
  return NamedFile{std::move(*path), std::move(*text)};
}

base::Result<Answer> complete(Workplace& place, const Call& call) {
  const auto file = file_of(place, call);
  if (!file) return file.error();
  auto request = agent::request_at(file->text, file->path, static_cast<int>(base::json_int(call.arguments, "line")),
                                   static_cast<int>(base::json_int(call.arguments, "column")));
  if (!request) return std::move(request).error();
  request->n = static_cast<int>(base::json_int(call.arguments, "n"));
  request->max_tokens = static_cast<int>(base::json_int(call.arguments, "max_tokens"));
  request->single_line = !base::json_bool(call.arguments, "multiline");
  const auto items = place.complete(*request, call.stop);
  if (!items) return items.error();
  return Answer{{{"completions", agent::completions_json(*items)}}};
}

std::string_view kind_name(tools::SymbolKind kind) {
  switch (kind) {
    case tools::SymbolKind::kFile:
      return "file";
    case tools::SymbolKind::kModule:
      return "module";
    case tools::SymbolKind::kClass:
      return "class";
    case tools::SymbolKind::kStruct:
      return "struct";
    case tools::SymbolKind::kEnum:
      return "enum";
    case tools::SymbolKind::kInterface:
      return "interface";
    case tools::SymbolKind::kFunction:
      return "function";
    case tools::SymbolKind::kMethod:
      return "method";
    case tools::SymbolKind::kField:
      return "field";
    case tools::SymbolKind::kVariable:
      return "variable";
    case tools::SymbolKind::kConstant:
      break;
  }
  return "constant";
}

base::Result<Answer> symbols(Workplace& place, const Call& call) {
  const auto file = file_of(place, call);
  if (!file) return file.error();
  const auto language = tools::language_of_path(file->path);
  if (!language)
    return base::invalid(base::cat("The language of ", file->path, " is not known here by the file's name."));
  const auto tree = tools::SyntaxTree::parse(*language, file->text, call.stop);
  if (!tree) return tree.error();
  const base::LineIndex lines(file->text);
  const std::vector<tools::Symbol> found = tree->symbols();
  Json list = Json::array();
  for (const tools::Symbol& symbol : found) {
    Json one = {{"name", symbol.name},
                {"kind", kind_name(symbol.kind)},
                {"line", lines.line_of(symbol.name_range.begin) + 1},
                {"end_line",
                 lines.line_of(symbol.range.end > symbol.range.begin ? symbol.range.end - 1 : symbol.range.begin) + 1}};
    if (symbol.parent >= 0) one["container"] = found[static_cast<size_t>(symbol.parent)].name;
    list.push_back(std::move(one));
  }
  return Answer{{{"language", tools::language_name(*language)}, {"symbols", std::move(list)}}};
}

}  // namespace

Tool complete_tool(Workplace& place) {
  Tool tool{.name = "complete", .title = "Complete code at a place"};
  tool.description =
      "What is likeliest to stand at a place of a file, by the small model on this machine and the files around; the "
      "best first, empty where nothing is worth showing. It finishes lines that resemble what the project says "
      "already; it does not invent code.";
  tool.parameters = {{"file", Type::kString, "Relative to the root", true},
                     {"line", Type::kInteger, "From 1", true, std::nullopt, 1, INT32_MAX},
                     {"column", Type::kInteger, "In bytes of UTF-8, from 1", true, std::nullopt, 1, INT32_MAX},
                     {"n", Type::kInteger, "At most so many", false, 1, 1, 64},
                     {"max_tokens", Type::kInteger, "Longest completion", false, 48, 1, 4096},
                     {"multiline", Type::kBoolean, "The block, not only the line", false, false}};
  tool.output_schema = object_of(
      {{"completions",
        list_of(object_of({{"text", schema_of("string")},
                           {"logprob", schema_of("number", "Natural log, sum over the tokens")},
                           {"tokens", schema_of("integer")},
                           {"sureness", schema_of("number", "Natural log of how likely it is what the author writes")}},
                          {"text"}))}},
      {"completions"});
  tool.hints = {.read_only = true, .idempotent = true};
  tool.run = [&place](const Call& call) { return complete(place, call); };
  return tool;
}

Tool symbols_tool(Workplace& place) {
  Tool tool{.name = "symbols", .title = "Symbols of a file"};
  tool.description =
      "The functions, classes, methods and so on that a file defines, in its order, each with its lines; from "
      "Tree-sitter, also where the file has errors. C, C++, CUDA, Python, JavaScript, TypeScript, Rust, Go, Java, "
      "JSON, Bash.";
  tool.parameters = {{"file", Type::kString, "Relative to the root", true}};
  tool.output_schema =
      object_of({{"language", schema_of("string")},
                 {"symbols", list_of(object_of({{"name", schema_of("string")},
                                                {"kind", schema_of("string")},
                                                {"line", schema_of("integer", "Of its name, from 1")},
                                                {"end_line", schema_of("integer", "Of its definition's end")},
                                                {"container", schema_of("string")}},
                                               {"name", "kind", "line", "end_line"}))}},
                {"language", "symbols"});
  tool.hints = {.read_only = true, .idempotent = true};
  tool.run = [&place](const Call& call) { return symbols(place, call); };
  return tool;
}

}  // namespace mcp
