// SPDX-License-Identifier: Apache-2.0
#include "agent/ci_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "agent/evidence_words.h"
#include "base/json.h"
#include "base/line_index.h"
#include "base/strings.h"

namespace agent {
namespace {

using base::Json;

// Whole lines [begin_line, end_line) of a file, 1-based, and what stands there instead.
struct Change {
  std::string path;
  size_t begin_line, end_line;
  std::string text;
};

size_t line_before(const Change& change) {
  return std::max(change.begin_line, change.end_line - 1);
}

base::Result<std::vector<Change>> changes_of(const FixReport& report, const tools::FileSource& files) {
  std::vector<Change> changes;
  for (const tools::FileEdit& file : report.edit.files) {
    auto text = files.read(file.path);
    if (!text) return std::move(text).error();
    if (tools::content_hash(*text) != file.base)
      return base::invalid(base::cat(file.path, " changed while the repair was made: run the command again."));
    const base::LineIndex lines(*text);
    for (const tools::Replacement& replacement : file.replacements) {
      // A last line without its end mark ends on itself, not on a line that does not exist.
      const bool at_end = replacement.end == text->size() && (text->empty() || text->back() != '\n');
      changes.push_back({file.path, lines.line_of(replacement.begin) + 1,
                         lines.line_of(replacement.end) + (at_end ? 2 : 1), replacement.text});
    }
  }
  return changes;
}

std::string message_of(const FixReport& report, const std::string& check) {
  std::string message = base::cat("`", check, "` fails; this change makes it pass. ", report.summary,
                                  " Evidence: ", strength_name(strength_of(report)), ": ", evidence_words(report), ".");
  for (const Alternative& one : report.alternatives)
    message += base::cat(" Also passes: ", one.summary, " (", kAlternativeChecked, ").");
  return message;
}

std::string sarif(const FixReport& report, const std::vector<Change>& changes, const std::string& check,
                  const std::string& version) {
  Json results = Json::array();
  if (!changes.empty()) {
    Json artifact_changes = Json::array();
    for (const Change& change : changes) {
      Json replacement = {
          {"deletedRegion",
           {{"startLine", change.begin_line}, {"startColumn", 1}, {"endLine", change.end_line}, {"endColumn", 1}}},
          {"insertedContent", {{"text", change.text}}}};
      if (!artifact_changes.empty() && artifact_changes.back()["artifactLocation"]["uri"] == change.path)
        artifact_changes.back()["replacements"].push_back(std::move(replacement));
      else
        artifact_changes.push_back(
            {{"artifactLocation", {{"uri", change.path}}}, {"replacements", Json::array({std::move(replacement)})}});
    }
    const Change& first = changes.front();
    Json evidence = Json::object();
    add_evidence(evidence, report);
    results.push_back(
        {{"ruleId", "verified-fix"},
         {"level", "error"},
         {"message", {{"text", message_of(report, check)}}},
         {"locations",
          Json::array({{{"physicalLocation",
                         {{"artifactLocation", {{"uri", first.path}}},
                          {"region", {{"startLine", first.begin_line}, {"endLine", line_before(first)}}}}}}})},
         {"fixes", Json::array({{{"description", {{"text", report.summary}}},
                                 {"artifactChanges", std::move(artifact_changes)}}})},
         {"properties", {{"graft", std::move(evidence)}}}});
  }
  const Json driver = {
      {"name", "graft"},
      {"version", version},
      {"rules", Json::array({{{"id", "verified-fix"},
                              {"shortDescription",
                               {{"text", "A change that makes a failing check pass, proven in a sandbox"}}}}})}};
  const Json log = {{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
                    {"version", "2.1.0"},
                    {"runs", Json::array({{{"tool", {{"driver", driver}}}, {"results", std::move(results)}}})}};
  return base::dump_json(log, 2) + "\n";
}

std::string rdjsonl(const FixReport& report, const std::vector<Change>& changes, const std::string& check) {
  std::string out;
  for (const Change& change : changes) {
    const Json range = {{"start", {{"line", change.begin_line}, {"column", 1}}},
                        {"end", {{"line", change.end_line}, {"column", 1}}}};
    out += base::dump_json({{"message", message_of(report, check)},
                            {"location", {{"path", change.path}, {"range", range}}},
                            {"severity", "ERROR"},
                            {"source", {{"name", "graft"}}},
                            {"suggestions", Json::array({{{"range", range}, {"text", change.text}}})}}) +
           "\n";
  }
  return out;
}

// Workflow commands end at a line break; the runner undoes this escaping.
std::string github_escaped(std::string_view text, bool property) {
  std::string out;
  for (char ch : text) {
    if (ch == '%')
      out += "%25";
    else if (ch == '\r')
      out += "%0D";
    else if (ch == '\n')
      out += "%0A";
    else if (property && ch == ':')
      out += "%3A";
    else if (property && ch == ',')
      out += "%2C";
    else
      out += ch;
  }
  return out;
}

std::string github(const FixReport& report, const std::vector<Change>& changes, const std::string& check) {
  std::string out;
  for (const Change& change : changes)
    out += base::cat("::error file=", github_escaped(change.path, true), ",line=", change.begin_line,
                     ",endLine=", line_before(change), ",title=graft%3A verified fix::",
                     github_escaped(base::cat(message_of(report, check), "\n\n", report.patch), false), "\n");
  return out;
}

std::string gitlab(const FixReport& report, const std::vector<Change>& changes, const std::string& check) {
  Json entries = Json::array();
  for (const Change& change : changes)
    entries.push_back(
        {{"description", message_of(report, check)},
         {"check_name", "graft verified-fix"},
         {"fingerprint", tools::content_hash(base::cat(change.path, "\n", check, "\n", change.text))},
         {"severity", "major"},
         {"location",
          {{"path", change.path}, {"lines", {{"begin", change.begin_line}, {"end", line_before(change)}}}}}});
  return base::dump_json(entries, 2) + "\n";
}

}  // namespace

std::optional<CiFormat> ci_format_of(std::string_view name) {
  if (name == "patch") return CiFormat::kPatch;
  if (name == "sarif") return CiFormat::kSarif;
  if (name == "rdjsonl") return CiFormat::kRdjsonl;
  if (name == "github") return CiFormat::kGithub;
  if (name == "gitlab") return CiFormat::kGitlab;
  return std::nullopt;
}

base::Result<std::string> ci_report(CiFormat format, const FixReport& report, const tools::FileSource& files,
                                    const std::string& check, const std::string& version) {
  auto changes = changes_of(report, files);
  if (!changes) return std::move(changes).error();
  switch (format) {
    case CiFormat::kPatch:
      return report.patch;
    case CiFormat::kSarif:
      return sarif(report, *changes, check, version);
    case CiFormat::kRdjsonl:
      return rdjsonl(report, *changes, check);
    case CiFormat::kGithub:
      return github(report, *changes, check);
    case CiFormat::kGitlab:
      return gitlab(report, *changes, check);
  }
  return std::string();
}

}  // namespace agent
