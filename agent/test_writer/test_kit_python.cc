// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cctype>
#include <map>

#include "agent/test_writer/test_corpus_python.h"
#include "agent/test_writer/test_inputs.h"
#include "agent/test_writer/test_kit.h"
#include "agent/test_writer/test_probe_python.h"
#include "agent/test_writer/test_render_python.h"
#include "base/strings.h"

namespace agent {
namespace {

constexpr uint64_t kMaxProbeAnswerBytes = 4u << 20;
constexpr std::chrono::seconds kProbeLimit{30};
constexpr std::chrono::seconds kTestLimit{60};

std::string folder_of(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? "" : std::string(path.substr(0, slash));
}

bool names_word(std::string_view text, std::string_view word) {
  const auto is_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const bool begins = at == 0 || !is_word(text[at - 1]);
    const bool ends = at + word.size() == text.size() || !is_word(text[at + word.size()]);
    if (begins && ends) return true;
  }
  return false;
}

class PythonTestKit final : public TestKit {
 public:
  PythonTestKit(const TestKitOptions& options, std::vector<tools::FileEntry> files, SyntaxNodes nodes)
      : tree_(*options.tree), workspace_(*options.workspace), nodes_(std::move(nodes)),
        targets_(python_targets(nodes_)), module_(python_module(tree_, options.file)) {
    choose_test_file(options, files);
    // A patch that comes and goes within a second would be judged by the compiled file of the state before it.
    policy_.environment["PYTHONDONTWRITEBYTECODE"] = "1";
    policy_.environment["PYTHONUTF8"] = "1";
  }

  base::Status check_tools(std::stop_token stop) {
    auto outcome = run("python3 -c 'import pytest'", kTestLimit, stop);
    if (!outcome) return std::move(outcome).error();
    if (outcome->passed()) return base::ok();
    if (outcome->ending == sandbox::Ending::kCancelled) return base::cancelled();
    return base::invalid("python3 cannot import pytest in the sandbox. Install it, on Debian: apt install python3-pytest.");
  }

  const std::vector<TestTarget>& targets() const override { return targets_; }
  std::string_view separator() const override { return "."; }
  bool named_by_tests(const TestTarget& target) const override {
    return std::any_of(test_texts_.begin(), test_texts_.end(),
                       [&](const std::string& text) { return names_word(text, target.name); });
  }

  base::Result<std::vector<TestCase>> propose(const TestTarget& target, size_t at_most,
                                              std::stop_token stop) override {
    auto corpus = read_python_corpus(tree_, target, python_classes_of(target), stop);
    if (!corpus) return std::move(corpus).error();
    return propose_python_cases(target, *corpus, at_most);
  }

  base::Result<std::vector<Behaviour>> record(const TestTarget& target, const std::vector<TestCase>& cases,
                                              bool reverse, std::stop_token stop) override {
    PythonProbe probe{&target, module_, {}, cases};
    for (const TestCase& one : cases)
      for (const std::string& line : one.hints) add_unique(probe.hints, line);
    const std::string folder(kProbeFolder);
    for (const auto& [name, text] : {std::pair<std::string, std::string>{"/probe.py", python_probe()},
                                     {"/spec.json", python_probe_spec(probe, reverse)},
                                     {"/out.json", ""}}) {
      if (base::Status written = workspace_.write_file(folder + name, text); !written) return std::move(written).error();
    }
    // The second time with other hashes and, by a process more before it, another process id.
    auto outcome = run(base::cat(reverse ? ": & wait; PYTHONHASHSEED=2" : "PYTHONHASHSEED=1", " python3 ", folder, "/probe.py ", folder,
                                 "/spec.json ", folder, "/out.json"),
                       kProbeLimit, stop);
    if (!outcome) return std::move(outcome).error();
    if (outcome->ending == sandbox::Ending::kCancelled) return base::cancelled();
    if (!outcome->passed()) return did_not_load(*outcome);
    auto answer = workspace_.read_file(folder + "/out.json", kMaxProbeAnswerBytes);
    if (!answer) return std::move(answer).error();
    auto seen = read_python_probe(*answer, cases.size());
    if (!seen) return base::Error{base::ErrorCode::kNotFound, seen.error().message};
    return seen;
  }

  RenderedTests render(const TestTarget& target, const std::vector<TestCase>& cases,
                       const std::vector<Behaviour>& seen) override {
    return render_python_tests(target, module_.name, cases, seen, style_, taken_);
  }

  const std::string& test_path() const override { return test_path_; }
  const std::string& test_old_text() const override { return old_text_; }
  std::string test_text(const RenderedTests& tests) const override {
    return place_python_tests(old_text_, tests, module_.name.substr(0, module_.name.find('.')), style_);
  }

  base::Result<sandbox::Outcome> run_tests(const std::vector<std::string>& names, std::stop_token stop) override {
    auto outcome = run(command(names) + " -x -p no:cacheprovider", kTestLimit, stop);
    if (outcome && outcome->ending == sandbox::Ending::kCancelled) return base::cancelled();
    return outcome;
  }

  std::string command(const std::vector<std::string>& names) const override {
    std::string text = "python3 -m pytest -q";
    if (old_text_.empty()) return text + " " + quoted(test_path_);
    for (const std::string& name : names) text += " " + quoted(test_path_ + "::" + name);
    return text;
  }
  std::string note() const override { return ""; }

 private:
  static std::string quoted(const std::string& word) {
    const bool plain = std::all_of(word.begin(), word.end(), [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || std::string_view("_./:-").find(c) != std::string_view::npos;
    });
    if (plain) return word;
    std::string text = "'";
    for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return text + "'";
  }

  base::Result<sandbox::Outcome> run(const std::string& command, std::chrono::milliseconds limit, std::stop_token stop) {
    policy_.limits.wall = limit;
    return workspace_.run(sandbox::shell_command(command), policy_, stop);
  }

  base::Error did_not_load(const sandbox::Outcome& outcome) const {
    std::string_view last = sandbox::describe(outcome);
    const auto lines = base::split_lines(outcome.output);
    if (!lines.empty()) last = base::trim(lines.back());
    return {base::ErrorCode::kNotFound, base::cat("module ", module_.name, " could not be loaded: ", last)};
  }

  // The test file of the module if there is one; else a new one beside the others, named as they are.
  void choose_test_file(const TestKitOptions& options, const std::vector<tools::FileEntry>& files) {
    std::string stem = module_.name.substr(module_.name.rfind('.') + 1);
    if (stem == "__main__") stem = module_.name.substr(0, module_.name.find('.'));
    std::map<std::string, int> folders;
    int n_suffix = 0, n_prefix = 0;
    std::string licence = options.text.starts_with("# SPDX") ? options.text.substr(0, options.text.find('\n')) : "";
    for (const tools::FileEntry& file : files) {
      if (!is_python_test_file(file.path) || file.size_bytes > kMaxCorpusFileBytes) continue;
      ++folders[folder_of(file.path)];
      const std::string name = file.path.substr(folder_of(file.path).empty() ? 0 : folder_of(file.path).size() + 1);
      (name.starts_with("test_") ? n_prefix : n_suffix) += 1;
      auto text = tree_.read(file.path);
      if (!text) continue;
      if (name == "test_" + stem + ".py" || name == stem + "_test.py") {
        test_path_ = file.path;
        old_text_ = *text;
      }
      test_texts_.push_back(std::move(*text));
    }
    if (test_path_.empty()) {
      std::string folder = "tests";
      int most = 0;
      for (const auto& [name, n] : folders)
        if (n > most) folder = name, most = n;
      test_path_ = (folder.empty() ? "" : folder + "/") + (n_suffix > n_prefix ? stem + "_test.py" : "test_" + stem + ".py");
      style_.first_line = licence;
    }
    const std::string& sample = old_text_.empty() ? options.text : old_text_;
    style_.double_quotes = std::count(sample.begin(), sample.end(), '"') >= std::count(sample.begin(), sample.end(), '\'');
    taken_ = python_top_level_names(old_text_);
  }

  const tools::WorkTree& tree_;
  sandbox::Workspace& workspace_;
  const SyntaxNodes nodes_;
  const std::vector<TestTarget> targets_;
  const PythonModule module_;
  std::string test_path_, old_text_;
  std::vector<std::string> test_texts_;
  std::vector<std::string> taken_;
  PythonTestStyle style_;
  sandbox::Policy policy_;
};

}  // namespace

base::Result<std::unique_ptr<TestKit>> make_python_test_kit(const TestKitOptions& options, std::stop_token stop) {
  auto files = options.tree->list(stop);
  if (!files) return std::move(files).error();
  auto syntax = tools::SyntaxTree::parse(tools::Language::kPython, options.text, stop);
  if (!syntax) return std::move(syntax).error();
  auto kit = std::make_unique<PythonTestKit>(options, std::move(*files), SyntaxNodes(*syntax));
  if (base::Status ready = kit->check_tools(stop); !ready) return std::move(ready).error();
  return std::unique_ptr<TestKit>(std::move(kit));
}

}  // namespace agent
