// SPDX-License-Identifier: Apache-2.0
// agent/fix/diagnostic_repairs.h: what a compiler's or interpreter's message itself suggests: a missing include or import,
// a name that is nearly one in scope, a lost mark, a lost `const`, `self` or `await`.
//
// Errors   None: a message that no rule fits gives nothing.
#pragma once
#include <stop_token>
#include <vector>

#include "agent/check/check_output.h"
#include "agent/code/code_base.h"
#include "agent/fix/candidate.h"

namespace agent {

// Scores lie far above those of mutations: a message that names the fault is the best evidence there is.
std::vector<Candidate> diagnostic_repairs(const CodeBase& code, const CheckReading& reading, std::stop_token stop);

// What the rule files share. Used only inside agent/.
struct RepairSink {
  const CodeBase& code;
  std::vector<Candidate> found;

  void offer(const CodeFile& file, tools::Replacement replacement, std::string proposer, double score,
             std::string description);
};

// A message in the file and line that it speaks of.
struct Complaint {
  const CodeFile* file;
  int line, column;  // 1-based; column 0 where not told
  std::string message;
};

void repair_cpp(const Complaint& complaint, const CheckReading& reading, RepairSink& sink);  // repair_cpp.cc
void repair_script(const Complaint& complaint, const CheckReading& reading,
                   RepairSink& sink);  // repair_script.cc: Python, JavaScript
void repair_compiled(const Complaint& complaint, RepairSink& sink);  // repair_compiled.cc: Go, Rust, Java
void repair_syntax(const CheckReading& reading, RepairSink& sink, std::stop_token stop);  // repair_syntax.cc

inline bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }
// A line of the file, without its end mark; 1-based.
std::string_view line_text(const CodeFile& file, int line);
// The text in quotes of any kind after `words` in the message; empty where it does not stand there.
std::string quoted_after(std::string_view message, std::string_view words);
// All quoted texts of the message, in order.
std::vector<std::string> quoted_texts(std::string_view message);
// A line for the file's block of imports or includes, in its sorted place.
tools::Replacement import_line(const CodeFile& file, const std::string& line);
// Names near `name` among those that the file and the definitions of the tree know, nearest first.
std::vector<std::string> near_names(const CodeBase& code, const CodeFile& file, std::string_view name, size_t at_most);
// Offers each near name in place of `name` at every occurrence on the line.
void offer_near_names(const Complaint& complaint, std::string_view name, double score, RepairSink& sink);
// Where `word` stands on the line, as byte offsets of the file.
std::vector<size_t> occurrences(const CodeFile& file, int line, std::string_view word);

}  // namespace agent
