// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <random>

#include "base/strings.h"
#include "tests/support/temp_dir.h"
#include "tests/tools/run_git.h"
#include "tools/work_tree.h"

namespace {

using tools::FileAction;
using tools::FileEdit;

FileEdit replace(const std::string& path, const std::string& old_text, std::vector<tools::Replacement> replacements) {
  return {FileAction::kModify, path, "", tools::content_hash(old_text), std::move(replacements), std::nullopt};
}
FileEdit create(const std::string& path, const std::string& text, bool executable = false) {
  return {FileAction::kCreate, path, "", "", {{0, 0, text}}, executable};
}
FileEdit remove(const std::string& path, const std::string& old_text) {
  return {FileAction::kDelete, path, "", tools::content_hash(old_text), {}, std::nullopt};
}

struct Trees {
  explicit Trees(const test::TempDir& dir) : made(tools::CandidateTrees::create(*tools::WorkTree::open(dir.path()))) {
    REQUIRE(made);
  }
  tools::CandidateTrees* operator->() { return made->get(); }
  base::Result<std::unique_ptr<tools::CandidateTrees>> made;
};

// Everything below a folder: path, mode and bytes.
std::string snapshot(const std::filesystem::path& root) {
  const auto files = tools::WorkTree::open(root)->list({});
  std::string out;
  for (const auto& file : *files)
    out += base::cat(file.path, " ", file.mode & 0111 ? "x" : "-", " ",
                     tools::content_hash(*tools::WorkTree::open(root)->read(file.path)), "\n");
  return out;
}

}  // namespace

TEST_CASE("CandidateTrees: reads its own files, falls through to the base, and leaves the disk alone") {
  test::TempDir dir;
  dir.write("a", "one");
  dir.write("b", "two");
  Trees trees(dir);
  const auto id = trees->add({{replace("a", "one", {{0, 1, "0"}}), create("c/d", "new")}});
  INFO((id ? "" : id.error().message));
  REQUIRE(id);
  CHECK(id->size() == 40);
  CHECK(*trees->read(*id, "a") == "0ne");
  CHECK(*trees->read(*id, "b") == "two");
  CHECK(*trees->read(*id, "c/d") == "new");
  CHECK(trees->read(*id, "e").error().code == base::ErrorCode::kNotFound);
  CHECK(trees->read("0123", "a").error().code == base::ErrorCode::kNotFound);
  CHECK(trees->changed_paths(*id) == std::vector<std::string>{"a", "c/d"});
  CHECK(snapshot(dir.path()) ==
        base::cat("a - ", tools::content_hash("one"), "\nb - ", tools::content_hash("two"), "\n"));
}

TEST_CASE("CandidateTrees: two edits that lead to the same bytes have one id, a different path another") {
  test::TempDir dir;
  dir.write("a", "one two");
  dir.write("b", "one two");
  Trees trees(dir);
  const auto first = trees->add({{replace("a", "one two", {{0, 3, "1"}})}});
  CHECK(*trees->add({{replace("a", "one two", {{0, 4, "1 "}})}}) == *first);
  CHECK(*trees->add({{replace("a", "one two", {{0, 3, "1"}}), replace("b", "one two", {})}}) == *first);
  CHECK(*trees->add({{replace("b", "one two", {{0, 3, "1"}})}}) != *first);
  const auto base = trees->add({{}});
  CHECK(*trees->add({{replace("a", "one two", {{0, 3, "one"}})}}) == *base);
  CHECK(trees->patch(*base)->empty());
  CHECK(*trees->add({{remove("a", "one two")}}) != *trees->add({{create("removed/a", "")}}));
}

TEST_CASE("CandidateTrees: an edit for another state of a file is refused") {
  test::TempDir dir;
  dir.write("a", "one");
  Trees trees(dir);
  for (const FileEdit& wrong :
       {replace("a", "ane", {{0, 1, ""}}), create("a", "x"), replace("a", "one", {{0, 9, ""}}), remove("b", ""),
        FileEdit{FileAction::kMove, "a", "a/b", tools::content_hash("ane"), {}, {}}}) {
    const auto refused = trees->add({{wrong}});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == base::ErrorCode::kInvalidArgument);
  }
}

TEST_CASE("patch: git's own apply takes it and gives the same bytes and modes") {
  if (!test::have_git()) {
    MESSAGE("skipped: git is not installed");
    return;
  }
  const std::string no_newline = "one\ntwo\nthree", crlf = "a\r\nb\r\nc\r\n", latin = "caf\xe9\n",
                    binary("\0\1\2binary\0", 10),
                    utf16(
                        "\xff\xfe"
                        "a\0\n\0",
                        6);
  const std::string mixed = "a\r\nb\nc\rd\n", bom = "\xef\xbb\xbfint a;\nint b;\n";
  test::TempDir dir;
  for (const auto& [path, text] : std::vector<std::pair<std::string, std::string>>{{"no_newline", no_newline},
                                                                                   {"crlf", crlf},
                                                                                   {"sp ace/la\"tin", latin},
                                                                                   {"binary", binary},
                                                                                   {"utf16", utf16},
                                                                                   {"mixed", mixed},
                                                                                   {"bom", bom},
                                                                                   {"script.sh", "#!/bin/sh\n"},
                                                                                   {"old name", crlf + "x\r\n"},
                                                                                   {"gone", "x\n"},
                                                                                   {"empty", ""},
                                                                                   {"gone_empty", ""},
                                                                                   {"m\xc3\xb6ve", mixed}})
    dir.write(path, text);
  REQUIRE(::chmod((dir.path() / "script.sh").c_str(), 0755) == 0);
  Trees trees(dir);
  FileEdit mode = replace("mixed", mixed, {{0, 1, "A"}});
  mode.executable = true;
  FileEdit only_mode = replace("script.sh", "#!/bin/sh\n", {});
  only_mode.executable = false;
  const auto id =
      trees->add({{replace("no_newline", no_newline, {{13, 13, "\n"}}),
                   replace("crlf", crlf, {{3, 4, "B"}}),
                   replace("sp ace/la\"tin", latin, {{0, 1, "C"}, {5, 5, "no newline"}}),
                   replace("binary", binary, {{0, 1, "\0\0"}}),
                   replace("utf16", utf16, {{2, 3, "b"}}),
                   mode,
                   replace("bom", bom, {{7, 8, "x"}}),
                   only_mode,
                   {FileAction::kMove, "old name", "new/name", tools::content_hash(crlf + "x\r\n"), {{0, 1, "z"}}, {}},
                   {FileAction::kMove, "m\xc3\xb6ve", "moved", tools::content_hash(mixed), {}, {}},
                   remove("gone", "x\n"),
                   remove("gone_empty", ""),
                   replace("empty", "", {{0, 0, "\n"}}),
                   create("new/file", "text"),
                   create("new/empty", ""),
                   create("new/run", "#!\n", true),
                   create("new/binary", binary)}});
  REQUIRE(id);
  const auto patch = trees->patch(*id);
  REQUIRE(patch);
  test::TempDir elsewhere;
  elsewhere.write("p.patch", *patch);
  const std::filesystem::path patch_file = elsewhere.path() / "p.patch";
  const auto check = test::run_git(dir.path(), "apply --verbose '" + patch_file.string() + "'");
  CAPTURE(*patch);
  CAPTURE(check.output);
  REQUIRE(check.status == 0);
  for (const std::string& path : trees->changed_paths(*id)) {
    CAPTURE(path);
    const auto wanted = trees->read(*id, path);
    CHECK(std::filesystem::exists(dir.path() / path) == bool(wanted));
    if (wanted) CHECK(dir.read(path) == *wanted);
  }
  const auto executable = [&](const char* path) {
    return (std::filesystem::status(dir.path() / path).permissions() & std::filesystem::perms::owner_exec) !=
           std::filesystem::perms::none;
  };
  CHECK(executable("mixed"));
  CHECK(executable("new/run"));
  CHECK_FALSE(executable("script.sh"));
  CHECK_FALSE(executable("new/file"));
}

TEST_CASE("patch: random edits of random texts apply with git to the bytes of the tree") {
  if (!test::have_git()) {
    MESSAGE("skipped: git is not installed");
    return;
  }
  std::mt19937 random(13);
  constexpr const char* kLines[] = {"alpha\n",
                                    "beta\r\n",
                                    "\n",
                                    "gamma\n",
                                    "  delta\n",
                                    "\t\n",
                                    "-- dash\n",
                                    "++ plus\n",
                                    "@@ -1 +1 @@\n",
                                    "\xff\xfe\n",
                                    "diff --git a/x b/x\n"};
  for (int round = 0; round < 40; ++round) {
    test::TempDir dir, elsewhere;
    std::string text;
    for (size_t n = random() % 60; n > 0; --n) text += kLines[random() % std::size(kLines)];
    if (random() % 3 == 0 && !text.empty()) text.pop_back();
    dir.write("f", text);
    std::vector<tools::Replacement> replacements;
    for (size_t at = 0; at < text.size();) {
      const size_t begin = at + random() % 40, end = begin + random() % 20;
      if (end >= text.size()) break;
      replacements.push_back({begin, end, random() % 2 ? kLines[random() % std::size(kLines)] : "x"});
      at = end + 1;
    }
    Trees trees(dir);
    const auto id = trees->add({{replace("f", text, replacements)}});
    REQUIRE(id);
    const std::string patch = *trees->patch(*id);
    if (patch.empty()) continue;
    elsewhere.write("p.patch", patch);
    const auto applied =
        test::run_git(dir.path(), "apply --whitespace=nowarn '" + (elsewhere.path() / "p.patch").string() + "'");
    CAPTURE(patch);
    CAPTURE(applied.output);
    CHECK(applied.status == 0);
    CHECK(dir.read("f") == *trees->read(*id, "f"));
  }
}

TEST_CASE("CandidateTrees: thousands of candidates of a large file cost what they change") {
  test::TempDir dir;
  const std::string text(1u << 20, 'x');
  dir.write("a", text);
  Trees trees(dir);
  std::string last;
  for (int i = 0; i < 300; ++i) {
    const auto id = trees->add({{replace("a", text, {{static_cast<size_t>(i), static_cast<size_t>(i) + 1, "y"}})}});
    REQUIRE(id);
    CHECK(*id != last);
    last = *id;
  }
  CHECK(trees->read(last, "a")->find('y') == 299);
}
