// SPDX-License-Identifier: Apache-2.0
#include "agent/test_writer/test_probe_cpp.h"

#include <algorithm>

#include "base/strings.h"

namespace agent {
namespace {

using Kind = CppType::Kind;

// What every probe begins with: C++ source text for values, and one child process for each call.
constexpr std::string_view kPrelude = R"CC(
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

namespace graft_probe {

struct Unusable { const char* reason; };

void show(std::string& out, bool value) { out += value ? "true" : "false"; }
void show(std::string& out, const std::string& value) {
  out += '"';
  for (const char c : value) {
    const unsigned char byte = static_cast<unsigned char>(c);
    char octal[8];
    if (c == '"' || c == '\\') (out += '\\') += c;
    else if (c == '\n') out += "\\n";
    else if (c == '\t') out += "\\t";
    else if (byte < 32 || byte > 126) { std::snprintf(octal, sizeof octal, "\\%03o", byte); out += octal; }
    else out += c;
  }
  out += '"';
}
void show(std::string& out, std::string_view value) { show(out, std::string(value)); }
void show(std::string& out, const char* value) { if (value == nullptr) throw Unusable{"null"}; show(out, std::string(value)); }
void show(std::string& out, char value) {
  if (value == '\'' || value == '\\') { out += "'\\"; out += value; out += '\''; return; }
  if (value == '\n') { out += "'\\n'"; return; }
  if (static_cast<unsigned char>(value) < 32 || static_cast<unsigned char>(value) > 126) throw Unusable{"odd character"};
  out += '\''; out += value; out += '\'';
}
template <typename T>
void show_number(std::string& out, T value) {
  if constexpr (std::is_floating_point_v<T>) {
    if (!std::isfinite(value)) throw Unusable{"not finite"};
    char text[64];
    std::snprintf(text, sizeof text, "%.17g", static_cast<double>(value));
    for (int digits = 1; digits < 17; ++digits) {  // the shortest text that reads back the same
      char shorter[64];
      std::snprintf(shorter, sizeof shorter, "%.*g", digits, static_cast<double>(value));
      if (std::strtod(shorter, nullptr) == static_cast<double>(value)) { out += shorter; 
        if (std::string(shorter).find_first_of(".e") == std::string::npos) out += ".0";
        return; }
    }
    out += text;
  } else if constexpr (std::is_signed_v<T>) {
    if (value == std::numeric_limits<T>::min() && sizeof(T) >= 4) throw Unusable{"smallest number"};
    out += std::to_string(value);
  } else {
    out += std::to_string(value) + "u";
  }
}
template <typename T>
  requires(std::is_arithmetic_v<T> && !std::is_same_v<T, bool> && !std::is_same_v<T, char>)
void show(std::string& out, T value) { show_number(out, value); }
)CC";

constexpr std::string_view kMain = R"CC(
using Call = void (*)(std::string& kind, std::string& form, std::string& text);

void answer(int fd, const std::string& kind, const std::string& form, const std::string& text) {
  const std::string line = kind + "\t" + form + "\t" + text + "\n";
  if (write(fd, line.data(), line.size()) < 0) _exit(1);
}

std::string outcome_of(Call call) {
  constexpr unsigned kCallSeconds = 2;
  constexpr size_t kMaxLine = 1000;
  int fds[2];
  if (pipe(fds) != 0) std::exit(3);
  const pid_t child = fork();
  if (child < 0) std::exit(3);
  if (child == 0) {
    close(fds[0]);
    const int quiet = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; ++fd) dup2(quiet, fd);
    const rlimit memory{rlim_t{2} << 30, rlim_t{2} << 30};
    setrlimit(RLIMIT_AS, &memory);
    alarm(kCallSeconds);
    std::string kind = "unusable", form, text;
    try {
      call(kind, form, text);
    } catch (const Unusable& unusable) {
      kind = "unusable"; form.clear(); text = unusable.reason;
    } catch (const std::bad_alloc&) {
      kind = "unusable"; form.clear(); text = "out of memory";
#define GRAFT_PROBE_CATCH(type) } catch (const type& error) { \
      if (typeid(error) == typeid(type)) { kind = "raised"; form.clear(); text = #type; } \
      else { kind = "unusable"; text = "unknown exception"; }
    GRAFT_PROBE_CATCH(std::invalid_argument)
    GRAFT_PROBE_CATCH(std::out_of_range)
    GRAFT_PROBE_CATCH(std::domain_error)
    GRAFT_PROBE_CATCH(std::length_error)
    GRAFT_PROBE_CATCH(std::overflow_error)
    GRAFT_PROBE_CATCH(std::underflow_error)
    GRAFT_PROBE_CATCH(std::range_error)
    GRAFT_PROBE_CATCH(std::runtime_error)
    GRAFT_PROBE_CATCH(std::logic_error)
    } catch (...) {
      kind = "unusable"; form.clear(); text = "unknown exception";
    }
    if (text.size() > kMaxLine) { kind = "unusable"; form.clear(); text = "long result"; }
    answer(fds[1], kind, form, text);
    _exit(0);
  }
  close(fds[1]);
  std::string line;
  char buffer[4096];
  for (ssize_t n; (n = read(fds[0], buffer, sizeof buffer)) > 0;) line.append(buffer, static_cast<size_t>(n));
  close(fds[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return WTERMSIG(status) == SIGALRM ? "unusable\t\thangs\n" : "unusable\t\tcrashes\n";
  return line.empty() ? "unusable\t\tcrashes\n" : line;
}

}  // namespace graft_probe

int main(int argc, char** argv) {
  using namespace graft_probe;
  if (argc < 2) return 2;
  const bool reverse = argc > 2;
  constexpr size_t n_calls = sizeof kCalls / sizeof kCalls[0];
  std::vector<std::string> lines(n_calls);
  int hangs = 0;
  for (size_t k = 0; k < n_calls; ++k) {
    const size_t i = reverse ? n_calls - 1 - k : k;
    lines[i] = hangs == 3 ? "unusable\t\thangs\n" : outcome_of(kCalls[i]);
    if (lines[i] == "unusable\t\thangs\n") ++hangs;
  }
  FILE* out = std::fopen(argv[1], "w");
  if (out == nullptr) return 3;
  for (const std::string& line : lines) std::fputs(line.c_str(), out);
  return std::fclose(out) == 0 ? 0 : 3;
}
)CC";

// show() for the containers, structs and enumerations that the result holds, inner ones first.
void add_printers(const CppType& type, const CppTypes& types, std::vector<std::string>& names, std::string& out) {
  for (const CppType& inner : type.inside) add_printers(inner, types, names, out);
  const std::string head = "void show(std::string& out, const " + type.name + "& value) {\n";
  const bool known = std::find(names.begin(), names.end(), type.name) != names.end();
  if (type.kind == Kind::kStruct && !known) {
    names.push_back(type.name);
    const CppStruct& fields = *types.find_struct(type.name);
    std::string body = base::cat("  out += \"", type.name, "{\";\n");
    for (size_t i = 0; i < fields.fields.size(); ++i) {
      add_printers(types.parse(fields.fields[i].type, type.name), types, names, out);
      body += base::cat(i > 0 ? "  out += \", \";\n" : "", "  show(out, value.", fields.fields[i].name, ");\n");
    }
    out += head + body + "  out += \"}\";\n}\n";
  } else if (type.kind == Kind::kEnum && !known) {
    names.push_back(type.name);
    out += base::cat("void show(std::string& out, ", type.name, " value) {\n");
    for (const std::string& member : *types.find_enum(type.name))
      out += base::cat("  if (value == ", member, ") { out += \"", member, "\"; return; }\n");
    out += "  throw Unusable{\"no enumerator\"};\n}\n";
  } else if (type.kind == Kind::kVector && !known) {
    names.push_back(type.name);
    out += base::cat(head, "  out += \"", type.name, "{\";\n  bool first = true;\n  for (const auto& item : value) {\n",
                     "    if (!first) out += \", \";\n    first = false;\n    show(out, static_cast<const ",
                     type.inside[0].name, "&>(item));\n  }\n  out += \"}\";\n}\n");
  } else if (type.kind == Kind::kOptional && !known) {
    names.push_back(type.name);
    out += base::cat(head, "  if (!value) { out += \"", type.name, "()\"; return; }\n  out += \"", type.name,
                     "(\";\n  show(out, *value);\n  out += \")\";\n}\n");
  } else if (type.kind == Kind::kPair && !known) {
    names.push_back(type.name);
    out += base::cat(head, "  out += \"", type.name,
                     "{\";\n  show(out, value.first);\n  out += \", \";\n  show(out, value.second);\n  out += \"}\";\n}\n");
  }
}

std::string record_statement(const CppType& result) {
  switch (result.kind) {
    case Kind::kBool: return "form = \"truth\"; show(text, value);";
    case Kind::kFloat:
      return "form = value == std::floor(value) && std::fabs(value) < 1e15 ? \"==\" : \"approx\"; show(text, value);";
    case Kind::kOptional:
      return "form = value ? \"==\" : \"empty\"; if (value) show(text, *value);";
    default: return "form = \"==\"; show(text, value);";
  }
}

}  // namespace

std::string cpp_call(const TestTarget& target, const TestCase& one) {
  std::string text = one.receiver.empty() ? target.qualified("::") : one.receiver + "." + target.name;
  text += "(";
  for (size_t i = 0; i < one.arguments.size(); ++i) text += (i > 0 ? ", " : "") + one.arguments[i];
  return text + ")";
}

std::string cpp_probe(const TestTarget& target, const CppTypes& types, const std::string& include,
                      const std::vector<TestCase>& cases) {
  CppType result = types.parse(target.result_type, target.scope);
  std::string text = include + "\n";
  text += kPrelude;
  std::vector<std::string> names;
  add_printers(result, types, names, text);
  text += "\nusing Record = void (*)(std::string&, std::string&, std::string&);\nconst Record kCalls[] = {\n";
  for (const TestCase& one : cases) {
    text += base::cat("  [](std::string& kind, std::string& form, std::string& text) {\n    const auto value = ",
                      cpp_call(target, one), ";\n    ", record_statement(result), "\n    kind = \"returned\";\n  },\n");
  }
  text += "};\n";
  text += kMain;
  return text;
}

base::Result<std::vector<Behaviour>> read_cpp_probe(std::string_view text, size_t n_cases) {
  std::vector<Behaviour> seen;
  for (const std::string_view line : base::split_lines(text)) {
    const size_t first = line.find('\t');
    const size_t second = first == std::string_view::npos ? first : line.find('\t', first + 1);
    if (second == std::string_view::npos) return base::corrupt("A line of the probe's answer has no three fields.");
    Behaviour behaviour;
    const std::string_view kind = line.substr(0, first);
    if (kind == "returned") behaviour.kind = Behaviour::Kind::kReturned;
    if (kind == "raised") behaviour.kind = Behaviour::Kind::kRaised;
    behaviour.form = line.substr(first + 1, second - first - 1);
    (behaviour.kind == Behaviour::Kind::kUnusable ? behaviour.reason : behaviour.text) = line.substr(second + 1);
    seen.push_back(std::move(behaviour));
  }
  if (seen.size() != n_cases) return base::corrupt("The probe did not answer for every call.");
  return seen;
}

}  // namespace agent
