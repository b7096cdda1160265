// SPDX-License-Identifier: Apache-2.0
// Messages of the Go, Rust and Java compilers: an import too many or too few, a variable nobody reads, one that may not change, a
// misspelt name.
//
// Source   go.dev/ref/spec, "Import declarations" and "Declarations and scope"; doc.rust-lang.org/error_codes, E0384, E0412, E0425,
//          E0433, E0596; the class names of the java.base module, docs.oracle.com/en/java/javase/17
#include <algorithm>
#include <array>
#include <cctype>

#include "agent/fix/diagnostic_repairs.h"
#include "base/strings.h"

namespace agent {
namespace {

bool is_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

std::string_view leading_name(std::string_view text) {
  size_t end = 0;
  while (end < text.size() && is_name(text[end])) ++end;
  return text.substr(0, end);
}

// The file without the line, its end mark included.
tools::Replacement without_line(const CodeFile& file, int line) {
  const tools::Range range = file.line_range(line);
  return {range.begin, std::min(range.end + 1, file.text().size()), ""};
}

// --- Go ------------------------------------------------------------------------------------------------------------
// Packages of the standard library whose last element is their name in the code.
constexpr std::array kGoPackages = {
    "bufio",        "bytes",         "container/heap", "container/list", "context",  "crypto/md5",    "crypto/sha256", "encoding/base64",
    "encoding/csv", "encoding/hex",  "encoding/json",  "errors",         "flag",     "fmt",           "html/template", "io",
    "io/fs",        "io/ioutil",     "log",            "maps",           "math",     "math/big",      "math/bits",     "math/rand",
    "net",          "net/http",      "net/url",        "os",             "os/exec",  "os/signal",     "path",          "path/filepath",
    "reflect",      "regexp",        "runtime",        "slices",         "sort",     "strconv",       "strings",       "sync",
    "sync/atomic",  "testing",       "text/tabwriter", "time",           "unicode",  "unicode/utf8"};

void unused_import(const Complaint& c, RepairSink& sink) {
  if (!has(c.message, "imported ") || !has(c.message, "and not used")) return;  // "imported as y and not used"
  const std::string_view line = base::trim(line_text(*c.file, c.line));
  if (!line.starts_with("import") && line.find('"') == std::string_view::npos) return;
  if (has(line, "(")) return;  // a block on one line
  sink.offer(*c.file, without_line(*c.file, c.line), "unused import", .95, base::cat("`", line, "` goes away"));
}

// In its sorted place of the block of imports; else behind the package clause.
tools::Replacement go_import(const CodeFile& file, std::string_view package) {
  int package_line = 1, block = 0;
  for (int i = 1; i <= file.n_lines(); ++i) {
    const std::string_view text = base::trim(line_text(file, i));
    if (text.starts_with("package ")) package_line = i;
    if (text.starts_with("import (")) block = i;
    if (text.starts_with("import \"")) {
      const size_t at = file.line_range(i).begin;
      return {at, at, base::cat("import \"", package, "\"\n")};
    }
    if (block == 0 || i == block) continue;
    if (text.starts_with(")") || (text.starts_with("\"") && text > base::cat("\"", package, "\""))) {
      const size_t at = file.line_range(i).begin;
      return {at, at, base::cat("\t\"", package, "\"\n")};
    }
  }
  const size_t at = file.line_range(package_line).end;
  return {at, at, base::cat("\n\nimport \"", package, "\"")};
}

void undefined_in_go(const Complaint& c, RepairSink& sink) {
  const size_t at = c.message.find("undefined: ");
  if (at == std::string::npos) return;
  const std::string name(leading_name(std::string_view(c.message).substr(at + 11)));
  if (name.empty()) return;
  for (const std::string_view package : kGoPackages) {
    const std::string_view last = package.substr(package.rfind('/') + 1);
    if (last != name || !has(line_text(*c.file, c.line), base::cat(name, ".")) || has(c.file->text(), base::cat("\"", package, "\""))) continue;
    sink.offer(*c.file, go_import(*c.file, package), "missing import", .95, base::cat("import \"", package, "\""));
  }
  offer_near_names(c, name, .9, sink);
}

// "x.total undefined (type T has no field or method total, but does have Total)"
void unknown_member_in_go(const Complaint& c, RepairSink& sink) {
  const size_t lacks = c.message.find("has no field or method "), owns = c.message.find("but does have ");
  if (lacks == std::string::npos) return;
  offer_near_names(c, leading_name(std::string_view(c.message).substr(lacks + 23)), .9, sink);
  if (owns == std::string::npos) return;
  std::string_view other = std::string_view(c.message).substr(owns + 14);
  for (const std::string_view word : {"field ", "method "})
    if (other.starts_with(word)) other.remove_prefix(word.size());
  const std::string name(leading_name(std::string_view(c.message).substr(lacks + 23)));
  other = leading_name(other);
  if (name.empty() || other.empty()) return;
  for (const size_t at : occurrences(*c.file, c.line, name))
    sink.offer(*c.file, {at, at + name.size(), std::string(other)}, "misspelt name", .95, base::cat("`", name, "` becomes `", other, "`"));
}

// A name that is declared and never read is written `_`; where it was the only one, nothing is declared any more.
void unread_in_go(const Complaint& c, RepairSink& sink) {
  std::string name;
  for (const std::string_view words : {"declared and not used: ", "declared but not used: "})
    if (const size_t at = c.message.find(words); at != std::string::npos) name = leading_name(std::string_view(c.message).substr(at + words.size()));
  if (name.empty() && (has(c.message, " declared but not used") || has(c.message, " declared and not used"))) name = leading_name(base::trim(c.message));
  if (name.empty()) return;
  const tools::Range range = c.file->line_range(c.line);
  const std::string_view line = line_text(*c.file, c.line);
  const size_t mark = line.find(":=");
  if (const size_t var = line.find("var "); var != std::string_view::npos && mark == std::string_view::npos)
    for (const size_t at : occurrences(*c.file, c.line, name))
      if (at == range.begin + var + 4) sink.offer(*c.file, {at, at + name.size(), "_"}, "unread name", .8, base::cat("`", name, "` is not kept"));
  for (const size_t at : occurrences(*c.file, c.line, name)) {
    if (mark == std::string_view::npos || at > range.begin + mark) continue;
    const std::string_view left = line.substr(0, mark);
    size_t begin = at - range.begin;
    // Whether another name is declared beside it.
    const bool others = left.find(',') != std::string_view::npos;
    std::string text(line.substr(begin, mark + 2 - begin));
    text.replace(0, name.size(), "_");
    if (!others) text.replace(text.size() - 2, 2, "=");
    sink.offer(*c.file, {at, range.begin + mark + 2, text}, "unread name", .8, base::cat("`", name, "` is not kept"));
    break;
  }
}

// --- Rust ----------------------------------------------------------------------------------------------------------
struct Home {
  std::string_view name, from;
};
constexpr std::array kRustHomes = {
    Home{"HashMap", "std::collections"},  Home{"HashSet", "std::collections"}, Home{"BTreeMap", "std::collections"}, Home{"BTreeSet", "std::collections"},
    Home{"VecDeque", "std::collections"}, Home{"BinaryHeap", "std::collections"}, Home{"Rc", "std::rc"},            Home{"Arc", "std::sync"},
    Home{"Mutex", "std::sync"},           Home{"RwLock", "std::sync"},         Home{"RefCell", "std::cell"},         Home{"Cell", "std::cell"},
    Home{"Ordering", "std::cmp"},         Home{"Reverse", "std::cmp"},         Home{"Duration", "std::time"},        Home{"Instant", "std::time"},
    Home{"Path", "std::path"},            Home{"PathBuf", "std::path"},        Home{"File", "std::fs"},              Home{"FromStr", "std::str"},
    Home{"Cow", "std::borrow"},           Home{"fmt", "std"},                  Home{"fs", "std"},                    Home{"mem", "std"}};

std::string in_backticks(std::string_view message, std::string_view words) {
  const size_t at = message.find(base::cat(words, " `"));
  if (at == std::string_view::npos) return "";
  const size_t begin = at + words.size() + 2, end = message.find('`', begin);
  return end == std::string_view::npos ? "" : std::string(message.substr(begin, end - begin));
}

void unknown_in_rust(const Complaint& c, RepairSink& sink) {
  for (const std::string_view words : {"undeclared type", "cannot find type", "cannot find value", "cannot find function", "cannot find struct, variant or union type",
                                       "use of undeclared crate or module", "use of unresolved module or unlinked crate", "cannot find trait", "cannot find macro",
                                       "no method named", "no field", "no variant or associated item named", "no function or associated item named", "no variant named"}) {
    const std::string name = in_backticks(c.message, words);
    if (name.empty() || occurrences(*c.file, c.line, name).empty()) continue;
    for (const Home& home : kRustHomes) {
      if (home.name != name) continue;
      const std::string line = base::cat("use ", home.from, "::", name, ";");
      size_t at = 0;  // in front of the first `use`, behind the attributes and comments of the file
      for (int i = 1; i <= c.file->n_lines(); ++i) {
        const std::string_view text = base::trim(line_text(*c.file, i));
        if (text.empty() || text.starts_with("//!") || text.starts_with("#![")) continue;
        at = c.file->line_range(i).begin;
        break;
      }
      sink.offer(*c.file, {at, at, line + "\n"}, "missing import", .95, base::cat("new line `", line, "`"));
    }
    offer_near_names(c, name, .9, sink);
    return;
  }
}

// E0384, E0596: the declaration, above, lacks `mut`.
void lost_mut(const Complaint& c, RepairSink& sink) {
  std::string name;
  for (const std::string_view words : {"cannot assign twice to immutable variable", "cannot assign to immutable argument"})
    if (name.empty()) name = in_backticks(c.message, words);
  if (name.empty() && has(c.message, "as mutable, as it is not declared as mutable")) name = in_backticks(c.message, "cannot borrow");
  if (name.empty()) return;
  for (int i = c.line; i > 0; --i)
    for (const size_t at : occurrences(*c.file, i, name)) {
      const size_t line = c.file->line_range(i).begin;
      const std::string_view front = std::string_view(c.file->text()).substr(line, at - line), behind = std::string_view(c.file->text()).substr(at + name.size(), 1);
      const bool declared = front.ends_with("let ") || ((front.ends_with("(") || front.ends_with(", ")) && behind == ":");
      if (!declared) continue;
      sink.offer(*c.file, {at, at, "mut "}, "lost mut", .95, base::cat("`mut ", name, "`"));
      return;
    }
}

// --- Java ----------------------------------------------------------------------------------------------------------
constexpr std::array kJavaHomes = {
    Home{"List", "java.util"},         Home{"ArrayList", "java.util"},      Home{"LinkedList", "java.util"},        Home{"Map", "java.util"},
    Home{"HashMap", "java.util"},      Home{"TreeMap", "java.util"},        Home{"LinkedHashMap", "java.util"},     Home{"Set", "java.util"},
    Home{"HashSet", "java.util"},      Home{"TreeSet", "java.util"},        Home{"LinkedHashSet", "java.util"},     Home{"Arrays", "java.util"},
    Home{"Collections", "java.util"},  Home{"Collection", "java.util"},     Home{"Objects", "java.util"},           Home{"Optional", "java.util"},
    Home{"Iterator", "java.util"},     Home{"Comparator", "java.util"},     Home{"Queue", "java.util"},             Home{"Deque", "java.util"},
    Home{"ArrayDeque", "java.util"},   Home{"PriorityQueue", "java.util"},  Home{"Stack", "java.util"},             Home{"Random", "java.util"},
    Home{"Scanner", "java.util"},      Home{"UUID", "java.util"},           Home{"BitSet", "java.util"},            Home{"StringJoiner", "java.util"},
    Home{"Stream", "java.util.stream"}, Home{"IntStream", "java.util.stream"}, Home{"Collectors", "java.util.stream"},
    Home{"Function", "java.util.function"}, Home{"Predicate", "java.util.function"}, Home{"Supplier", "java.util.function"},
    Home{"Consumer", "java.util.function"}, Home{"BiFunction", "java.util.function"}, Home{"Pattern", "java.util.regex"},
    Home{"Matcher", "java.util.regex"}, Home{"BigDecimal", "java.math"},    Home{"BigInteger", "java.math"},        Home{"File", "java.io"},
    Home{"IOException", "java.io"},    Home{"InputStream", "java.io"},      Home{"BufferedReader", "java.io"},      Home{"Path", "java.nio.file"},
    Home{"Paths", "java.nio.file"},    Home{"Files", "java.nio.file"},      Home{"StandardCharsets", "java.nio.charset"},
    Home{"Duration", "java.time"},     Home{"Instant", "java.time"},        Home{"LocalDate", "java.time"}};

// "cannot find symbol" says on a later line, which is read with it, what it looks for: "symbol:   method total(int)".
std::string_view missing_symbol(std::string_view message) {
  const size_t at = message.find("symbol:");
  if (at == std::string_view::npos) return {};
  std::string_view symbol = base::trim(message.substr(at + 7));
  symbol.remove_prefix(std::min(symbol.size(), symbol.find(' ')));
  return leading_name(base::trim(symbol));
}

void unknown_in_java(const Complaint& c, RepairSink& sink) {
  if (!has(c.message, "cannot find symbol") && !has(c.message, "does not exist")) return;
  for (const Home& home : kJavaHomes) {
    if (occurrences(*c.file, c.line, home.name).empty() || has(c.file->text(), base::cat("import ", home.from, ".", home.name, ";")) ||
        has(c.file->text(), base::cat("import ", home.from, ".*;")))
      continue;
    const std::string line = base::cat("import ", home.from, ".", home.name, ";");
    int package_line = 0, first_import = 0;
    for (int i = 1; i <= c.file->n_lines(); ++i) {
      const std::string_view text = line_text(*c.file, i);
      if (text.starts_with("package ")) package_line = i;
      if (first_import == 0 && text.starts_with("import ")) first_import = i;
    }
    tools::Replacement added;
    if (first_import != 0) {
      added = import_line(*c.file, line);
    } else if (package_line != 0) {
      const size_t at = c.file->line_range(package_line).end;
      added = {at, at, base::cat("\n\n", line)};
    } else {
      added = {0, 0, line + "\n\n"};
    }
    sink.offer(*c.file, added, "missing import", .95, base::cat("new line `", line, "`"));
  }
  if (const std::string_view name = missing_symbol(c.message); !name.empty()) return offer_near_names(c, name, .9, sink);
  // Any name of the line may be the misspelt one: those that the file knows nowhere else.
  const std::vector<std::string_view> all = identifiers(c.file->text());
  for (const std::string_view name : identifiers(line_text(*c.file, c.line)))
    if (name.size() >= 3 && std::count(all.begin(), all.end(), name) == 1) offer_near_names(c, name, .8, sink);
}

}  // namespace

void repair_compiled(const Complaint& c, RepairSink& sink) {
  switch (c.file->tree.language()) {
    case tools::Language::kGo:
      unused_import(c, sink);
      undefined_in_go(c, sink);
      unknown_member_in_go(c, sink);
      unread_in_go(c, sink);
      break;
    case tools::Language::kRust:
      unknown_in_rust(c, sink);
      lost_mut(c, sink);
      break;
    case tools::Language::kJava:
      unknown_in_java(c, sink);
      break;
    default:
      break;
  }
}

}  // namespace agent
