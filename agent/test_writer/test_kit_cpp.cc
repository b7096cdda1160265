// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>

#include "agent/test_writer/test_build_cpp.h"
#include "agent/test_writer/test_inputs_cpp.h"
#include "agent/test_writer/test_kit.h"
#include "agent/test_writer/test_probe_cpp.h"
#include "base/strings.h"

namespace agent {
namespace {

constexpr uint64_t kMaxProbeAnswerBytes = 4u << 20;
constexpr uint64_t kMaxSampleBytes = 1u << 20;
constexpr std::chrono::seconds kBuildLimit{180};
constexpr std::chrono::seconds kRunLimit{60};

std::string folder_of(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? "" : std::string(path.substr(0, slash));
}
std::string name_of(std::string_view path) {
  const size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

// The stem that a test file is for: "date" of date_test.cc, test_date.cpp, DateTest.cpp.
struct TestFileName {
  std::string prefix, suffix, ending;
  std::string of(const std::string& stem) const { return prefix + stem + suffix + ending; }
};

TestFileName split_name(const std::string& name) {
  TestFileName parts;
  const size_t dot = name.rfind('.');
  parts.ending = name.substr(dot);
  const std::string stem = name.substr(0, dot);
  for (const char* prefix : {"test_", "test-"})
    if (stem.starts_with(prefix)) parts.prefix = prefix;
  for (const char* suffix : {"_test", "_tests", "-test", ".test", "Test", "_unittest"})
    if (stem.ends_with(suffix)) parts.suffix = suffix;
  return parts;
}

class CppTestKit final : public TestKit {
 public:
  CppTestKit(const TestKitOptions& options, std::vector<tools::FileEntry> files, SyntaxNodes nodes)
      : tree_(*options.tree), workspace_(*options.workspace), file_(options.file), nodes_(std::move(nodes)),
        build_(plan_cpp_build(tree_, files, options.file, options.text)), targets_(cpp_targets(nodes_)) {
    types_.read(nodes_);
    for (const std::string& header : build_.headers) read_header(header);
    for (TestTarget& target : targets_) check(target);
    choose_test_file(options, files);
    policy_.limits.wall = kBuildLimit;
  }

  base::Status check_tools(std::stop_token stop) {
    const std::string folder(kProbeFolder);
    for (const char* header : {"<doctest/doctest.h>", "<doctest.h>", "\"doctest.h\""}) {
      if (doctest_named_ && style_.doctest != header) continue;
      style_.doctest = header;
      const std::string main = base::cat("#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN\n#include ", header, "\n");
      if (base::Status written = workspace_.write_file(folder + "/main.cc", main); !written) return written;
      auto outcome = run(compile(folder + "/main.cc", folder + "/main.o"), kBuildLimit, stop);
      if (!outcome) return std::move(outcome).error();
      if (outcome->passed()) return base::ok();
      if (outcome->ending == sandbox::Ending::kCancelled) return base::cancelled();
    }
    return base::invalid(base::cat("No program with doctest could be compiled by `", build_.compiler,
                                   "` in the sandbox. Install compiler and doctest, on Debian: apt install g++ doctest-dev."));
  }

  const std::vector<TestTarget>& targets() const override { return targets_; }
  std::string_view separator() const override { return "::"; }
  bool named_by_tests(const TestTarget& target) const override {
    return std::any_of(test_texts_.begin(), test_texts_.end(), [&](const std::string& text) {
      return text.find(target.name + "(") != std::string::npos;
    });
  }

  base::Result<std::vector<TestCase>> propose(const TestTarget& target, size_t at_most, std::stop_token stop) override {
    auto corpus = read_cpp_corpus(tree_, target, types_, stop);
    if (!corpus) return std::move(corpus).error();
    return propose_cpp_cases(target, types_, *corpus, at_most);
  }

  base::Result<std::vector<Behaviour>> record(const TestTarget& target, const std::vector<TestCase>& cases,
                                              bool reverse, std::stop_token stop) override {
    const std::string folder(kProbeFolder);
    const std::string probe = cpp_probe(target, types_, build_.include, cases);
    if (base::Status ready = prepare(folder + "/probe.cc", folder + "/probe.o", probe, probe_text_, stop); !ready)
      return std::move(ready).error();
    auto linked = link(folder + "/probe.o", folder + "/probe", stop);
    if (!linked) return std::move(linked).error();
    // A mutant that ends the probe must not leave the answer of the one before it.
    const std::string out = folder + "/out.txt";
    if (base::Status emptied = workspace_.write_file(out, ""); !emptied) return std::move(emptied).error();
    auto outcome = run(base::cat(reverse ? ": & wait; " : "", folder, "/probe ", out, reverse ? " reverse" : ""), kRunLimit, stop);
    if (!outcome) return std::move(outcome).error();
    if (outcome->ending == sandbox::Ending::kCancelled) return base::cancelled();
    if (!outcome->passed())
      return base::Error{base::ErrorCode::kNotFound, "the program with the calls ended with " + sandbox::describe(*outcome)};
    auto answer = workspace_.read_file(out, kMaxProbeAnswerBytes);
    if (!answer) return std::move(answer).error();
    auto seen = read_cpp_probe(*answer, cases.size());
    if (!seen) return base::Error{base::ErrorCode::kNotFound, seen.error().message};
    return seen;
  }

  RenderedTests render(const TestTarget& target, const std::vector<TestCase>& cases,
                       const std::vector<Behaviour>& seen) override {
    return render_cpp_tests(target, build_.include, cases, seen, style_, taken_);
  }

  const std::string& test_path() const override { return test_path_; }
  const std::string& test_old_text() const override { return old_text_; }
  std::string test_text(const RenderedTests& tests) const override { return place_cpp_tests(old_text_, tests, style_); }

  base::Result<sandbox::Outcome> run_tests(const std::vector<std::string>& names, std::stop_token stop) override {
    const std::string folder(kProbeFolder);
    auto text = workspace_.read_file(test_path_, kMaxSampleBytes);
    if (!text) return std::move(text).error();
    if (base::Status ready = prepare(test_path_, folder + "/test.o", *text, test_text_, stop); !ready)
      return std::move(ready).error();
    const bool own_main = text->find("DOCTEST_CONFIG_IMPLEMENT") != std::string::npos;
    auto linked = link(base::cat(folder, "/test.o", own_main ? "" : " " + folder + "/main.o"), folder + "/tests", stop);
    if (!linked) return std::move(linked).error();
    auto outcome = run(base::cat(folder, "/tests --no-version --test-case=", filter(names)), kRunLimit, stop);
    if (outcome && outcome->ending == sandbox::Ending::kCancelled) return base::cancelled();
    return outcome;
  }

  std::string command(const std::vector<std::string>& names) const override {
    return "the test program with --test-case=" + filter(names);
  }
  std::string note() const override {
    if (!old_text_.empty()) return "";
    return base::cat("Name ", test_path_, " in the project's build if it lists its test files one by one.");
  }

 private:
  void read_header(const std::string& path) {
    auto text = tree_.read(path);
    if (!text) return;
    auto syntax = tools::SyntaxTree::parse(tools::Language::kCpp, *text);
    if (!syntax) return;
    const SyntaxNodes nodes(*syntax);
    types_.read(nodes);
    header_text_ += *text;
    // `static int parse(...)` inside a class: the definition elsewhere does not say it.
    for (int i = 0; i < nodes.size(); ++i)
      if (nodes[i].type == "field_declaration" && nodes.text(i).starts_with("static"))
        static_members_ += std::string(nodes.text(i)) + "\n";
  }

  // Fills TestTarget::unsupported with what only the types can tell.
  void check(TestTarget& target) const {
    if (!target.unsupported.empty()) return;
    if (!build_.problem.empty()) {
      target.unsupported = build_.problem;
      return;
    }
    const bool member = types_.knows_scope(target.scope);
    if (!member) target.call = TestTarget::Call::kFunction;
    if (member && static_members_.find(target.name + "(") != std::string::npos)
      target.call = TestTarget::Call::kClassMethod;
    const bool declared = is_cpp_header(file_) || header_text_.find(target.name + "(") != std::string::npos;
    if (!declared) target.unsupported = "no header of the project declares it";
    if (target.call == TestTarget::Call::kMethod) {
      CppType object;
      object.kind = CppType::Kind::kStruct;
      object.name = target.scope;
      if (target.may_change_object) target.unsupported = "it is a method that may change its object";
      if (std::string why = types_.cannot_make(object); !why.empty()) target.unsupported = "no object can be made: " + why;
    }
    for (const Parameter& parameter : target.parameters) {
      const std::string why = types_.cannot_make(types_.parse(parameter.type, target.scope));
      if (!why.empty() && target.unsupported.empty())
        target.unsupported = base::cat("parameter `", parameter.name, "` has ", why);
    }
    const std::string why = types_.cannot_compare(types_.parse(target.result_type, target.scope));
    if (!why.empty() && target.unsupported.empty()) target.unsupported = why;
  }

  base::Result<sandbox::Outcome> run(const std::string& command, std::chrono::milliseconds limit, std::stop_token stop) {
    policy_.limits.wall = limit;
    return workspace_.run(sandbox::shell_command(command), policy_, stop);
  }

  // Assertions of the library turn an index that is out of range into a crash, which is no behaviour to test for.
  std::string compile(const std::string& source, const std::string& object) const {
    std::string text = build_.compiler + " -O0 -w -D_GLIBCXX_ASSERTIONS";
    for (const std::string& flag : build_.flags) text += " " + flag;
    return text + " -c -o " + shell_quoted(object) + " " + shell_quoted(source);
  }

  // Compiles `source` (with this text) and all that it is linked with, as far as they changed.
  base::Status prepare(const std::string& source, const std::string& object, const std::string& text, std::string& built,
                       std::stop_token stop) {
    const std::string folder(kProbeFolder);
    const bool header = is_cpp_header(file_);
    if (text != built || header) {
      if (source != test_path_) {
        if (base::Status written = workspace_.write_file(source, text); !written) return written;
      }
      built.clear();
      if (base::Status compiled = compile_all(compile(source, object), stop); !compiled) return compiled;
      built = text;
    }
    std::string commands = header ? "" : compile(file_, folder + "/target.o");
    std::vector<std::string> objects = objects_;
    if (objects.empty() || header) {
      objects.clear();
      for (size_t i = 0; i < build_.sources.size(); ++i) {
        objects.push_back(base::cat(folder, "/object", i, ".o"));
        commands += (commands.empty() ? "" : " && ") + compile(build_.sources[i], objects.back());
      }
      if (!header) objects.push_back(folder + "/target.o");
    }
    if (!commands.empty()) {
      if (base::Status compiled = compile_all(commands, stop); !compiled) return compiled;
    }
    objects_ = std::move(objects);
    return base::ok();
  }

  base::Status compile_all(const std::string& commands, std::stop_token stop) {
    auto outcome = run(commands, kBuildLimit, stop);
    if (!outcome) return std::move(outcome).error();
    if (outcome->ending == sandbox::Ending::kCancelled) return base::cancelled();
    if (outcome->passed()) return base::ok();
    return base::Error{base::ErrorCode::kNotFound, "it could not be compiled: " + first_error(outcome->output)};
  }

  base::Status link(const std::string& objects, const std::string& program, std::stop_token stop) {
    std::string text = build_.compiler + " -o " + program + " " + objects;
    for (const std::string& object : objects_) text += " " + object;
    return compile_all(text + " -pthread", stop);
  }

  static std::string first_error(const std::string& output) {
    for (const std::string_view line : base::split_lines(output))
      if (line.find("error") != std::string_view::npos || line.find("undefined") != std::string_view::npos)
        return std::string(line);
    return output.substr(0, 200);
  }

  static std::string filter(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ",") + name;
    return shell_quoted(text);
  }

  // The test file of this source if there is one; else a new one beside the others, named as they are.
  void choose_test_file(const TestKitOptions& options, const std::vector<tools::FileEntry>& files) {
    const std::string stem = std::filesystem::path(options.file).stem().string();
    std::map<std::string, int> folders;
    std::map<std::string, std::pair<int, TestFileName>> names;
    for (const tools::FileEntry& file : files) {
      if (!is_cpp_source(file.path) || file.size_bytes > kMaxSampleBytes) continue;
      auto text = tree_.read(file.path);
      if (!text || text->find("doctest.h") == std::string::npos || text->find("TEST_CASE") == std::string::npos) continue;
      ++folders[folder_of(file.path)];
      const TestFileName name = split_name(name_of(file.path));
      auto& counted = names[name.of("*")];
      ++counted.first;
      counted.second = name;
      if (const size_t at = text->find("doctest.h"); at != std::string::npos) note_doctest(*text, at);
      if (name_of(file.path) == name.of(stem) && (!name.prefix.empty() || !name.suffix.empty())) {
        test_path_ = file.path;
        old_text_ = *text;
      }
      test_texts_.push_back(std::move(*text));
    }
    for (const std::string_view line : base::split_lines(old_text_)) {
      if (!line.starts_with("TEST_CASE(\"")) continue;
      taken_.emplace_back(line.substr(11, line.find('"', 11) == std::string_view::npos ? 0 : line.find('"', 11) - 11));
    }
    if (!test_path_.empty()) return;
    std::string folder = "tests";
    int most = 0;
    for (const auto& [name, n] : folders)
      if (n > most) folder = name, most = n;
    TestFileName chosen{"", "_test", std::string(options.file.substr(options.file.rfind('.')))};
    if (is_cpp_header(options.file)) chosen.ending = ".cc";
    most = 0;
    for (const auto& [pattern, counted] : names)
      if (counted.first > most && pattern != "*" + counted.second.ending) chosen = counted.second, most = counted.first;
    test_path_ = (folder.empty() ? "" : folder + "/") + chosen.of(stem);
    if (options.text.starts_with("// SPDX")) style_.first_line = options.text.substr(0, options.text.find('\n'));
  }

  void note_doctest(const std::string& text, size_t at) {
    const size_t line = text.rfind('\n', at) == std::string::npos ? 0 : text.rfind('\n', at) + 1;
    const size_t open = text.find_first_of("<\"", line);
    const size_t close = text.find_first_of(">\"", open + 1);
    if (open > at || close == std::string::npos) return;
    style_.doctest = text.substr(open, close - open + 1);
    doctest_named_ = style_.doctest.front() == '<';
  }

  const tools::WorkTree& tree_;
  sandbox::Workspace& workspace_;
  const std::string file_;
  const SyntaxNodes nodes_;
  const CppBuild build_;
  std::vector<TestTarget> targets_;
  CppTypes types_;
  std::string header_text_, static_members_;
  std::string test_path_, old_text_;
  std::vector<std::string> test_texts_, taken_;
  CppTestStyle style_;
  bool doctest_named_ = false;
  sandbox::Policy policy_;
  std::string probe_text_, test_text_;  // as compiled last; empty: not yet
  std::vector<std::string> objects_;    // of the project, to link with
};

}  // namespace

base::Result<std::unique_ptr<TestKit>> make_cpp_test_kit(const TestKitOptions& options, std::stop_token stop) {
  auto files = options.tree->list(stop);
  if (!files) return std::move(files).error();
  auto syntax = tools::SyntaxTree::parse(tools::Language::kCpp, options.text, stop);
  if (!syntax) return std::move(syntax).error();
  auto kit = std::make_unique<CppTestKit>(options, std::move(*files), SyntaxNodes(*syntax));
  if (base::Status ready = kit->check_tools(stop); !ready) return std::move(ready).error();
  return std::unique_ptr<TestKit>(std::move(kit));
}

}  // namespace agent
