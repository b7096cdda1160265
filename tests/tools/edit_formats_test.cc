// SPDX-License-Identifier: Apache-2.0
#include "tools/edit_formats.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "base/file.h"
#include "base/strings.h"
#include "tests/tools/memory_files.h"

namespace {

using tools::EditFormat;

// The text of "f" after the edit, or "refused: message".
std::string apply(EditFormat format, const std::string& file, const std::string& edit,
                  std::vector<std::string>* notes = nullptr) {
  const test::MemoryFiles files(test::FileMap{{"f", file}});
  const auto located = tools::read_edit(format, edit, files);
  if (!located) return "refused: " + located.error().message;
  if (notes != nullptr) *notes = located->notes;
  return files.after(located->edit)["f"];
}
bool refused(const std::string& result, const std::string& part) {
  CAPTURE(result);
  return result.compare(0, 8, "refused:") == 0 && result.find(part) != std::string::npos;
}

std::string block(const std::string& search, const std::string& replace) {
  return "f\n<<<<<<< SEARCH\n" + search + "=======\n" + replace + ">>>>>>> REPLACE\n";
}
constexpr auto kSr = EditFormat::kSearchReplace;
constexpr auto kUni = EditFormat::kUnified;
constexpr auto kPatch = EditFormat::kApplyPatch;
constexpr auto kWhole = EditFormat::kWholeFile;
constexpr auto kOps = EditFormat::kLineOps;

const std::string kText = "int a() {\n  return 1;\n}\n\nint b() {\n  return 2;\n}\n";

}  // namespace

TEST_CASE("formats: each has a name that leads back to it") {
  for (const char* name : {"search-replace", "unified", "apply-patch", "whole-file", "line-ops"})
    CHECK(tools::edit_format_name(*tools::edit_format_of_name(name)) == name);
  CHECK_FALSE(tools::edit_format_of_name("xml"));
}

TEST_CASE("search-replace: one block and several, in any order, with prose and fences around") {
  CHECK(apply(kSr, "a\nb\nc\n", block("b\n", "B\n")) == "a\nB\nc\n");
  CHECK(apply(kSr, kText,
              "Here it is:\n\n**f**\n```cpp\n<<<<<<< SEARCH\n  return 2;\n=======\n  return 3;\n>>>>>>> "
              "REPLACE\n```\n\n```\nf\n<<<<<<< SEARCH\nint a() {\n=======\nlong a() {\n>>>>>>> REPLACE\n```\nThat's "
              "all.\n") == "long a() {\n  return 1;\n}\n\nint b() {\n  return 3;\n}\n");
  CHECK(apply(kSr, "a\nb\n", block("b\n", "")) == "a\n");
  CHECK(apply(kSr, "a\nb\n", block("a\n", "a\nx\n")) == "a\nx\nb\n");
  CHECK(apply(kSr, "a\n=======\nb\n", "f\n<<<<<<<<< SEARCH\n=======\n=========\n-------\n>>>>>>>>> REPLACE\n") ==
        "a\n-------\nb\n");
}

TEST_CASE("search-replace: an anchor that stands twice is refused with the lines named") {
  CHECK(refused(apply(kSr, "x\ny\nx\n", block("x\n", "z\n")), "2 places (lines 1, 3)"));
  CHECK(refused(apply(kSr, "x\r\ny\nx\n", block("x\n", "z\n")), "2 places"));  // line ends don't tell places apart
}

TEST_CASE("search-replace: an anchor that is not there is refused with what is nearest") {
  const std::string result = apply(kSr, kText, block("int b() {\n  return 22;\n}\n", "x\n"));
  CHECK(refused(result, "line 2 of the edit: f: the lines to be changed were not found"));
  CHECK(refused(result, "lines 5-7 (2 of 3 lines are there; line 6 is `return 2;`, the edit has `return 22;`)"));
  CHECK(refused(apply(kSr, kText, block("  retrun 2;\n", "x\n")), "Nearest: line 6 is `return 2;`"));
  CHECK(refused(apply(kSr, kText, block("zzzzzz\n", "x\n")), "Nothing in the file is like them"));
}

TEST_CASE("search-replace: blocks that are not whole are refused with their line") {
  CHECK(refused(apply(kSr, "a\n", "f\n<<<<<<< SEARCH\na\n=======\nb\n"), "line 2 of the edit: this block has no end"));
  CHECK(refused(apply(kSr, "a\n", "f\n<<<<<<< SEARCH\na\n>>>>>>> REPLACE\n"), "no divider"));
  CHECK(
      refused(apply(kSr, "a\n", "f\n<<<<<<< SEARCH\na\n=======\nb\n=======\nc\n>>>>>>> REPLACE\n"), "second divider"));
  CHECK(refused(apply(kSr, "a\n", "f\n<<<<<<< SEARCH\n<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n"),
                "inside a block"));
  CHECK(refused(apply(kSr, "a\n", "<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n"), "no file is named"));
  CHECK(refused(apply(kSr, "a\n", "g.c\n<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n"), "g.c does not exist"));
  CHECK(
      refused(apply(kSr, "a\n", "../f\n<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n"), "leads out of its folder"));
  CHECK(refused(apply(kSr, "a\n", "just prose"), "no SEARCH/REPLACE block"));
  CHECK(refused(apply(kSr, "a\nb\n", block("a\nb\n", "x\n") + block("b\n", "y\n")), "two replacements"));
  CHECK(refused(apply(kSr, "a\n", block("a\n", "a\n")), "changes nothing"));
}

TEST_CASE("search-replace: an empty SEARCH makes a file and overwrites none") {
  const test::MemoryFiles files(test::FileMap{{"old", "x\n"}, {"empty", ""}});
  const auto made = tools::read_edit(kSr, "src/new.py\n<<<<<<< SEARCH\n=======\nx = 1\n>>>>>>> REPLACE\n", files);
  REQUIRE(made);
  CHECK(files.after(made->edit)["src/new.py"] == "x = 1\n");
  CHECK(files.after(
            tools::read_edit(kSr, "empty\n<<<<<<< SEARCH\n=======\nx\n>>>>>>> REPLACE\n", files)->edit)["empty"] ==
        "x\n");
  CHECK_FALSE(tools::read_edit(kSr, "old\n<<<<<<< SEARCH\n=======\ny\n>>>>>>> REPLACE\n", files));
}

TEST_CASE("locate: line ends, a BOM and a missing final newline are kept") {
  CHECK(apply(kSr, "a\r\nb\r\nc\r\n", block("b\n", "B\nBB\n")) == "a\r\nB\r\nBB\r\nc\r\n");
  CHECK(apply(kSr, "a\nb\r\nc\n", block("a\nb\n", "a\nB\n")) == "a\nB\r\nc\n");
  CHECK(apply(kSr, "a\nb", block("b\n", "B\nC\n")) == "a\nB\nC");
  CHECK(apply(kSr, "a\r\nb", block("b\n", "b\nc\n")) == "a\r\nb\r\nc");
  CHECK(apply(kSr, "a\nb", block("b\n", "")) == "a");
  CHECK(apply(kSr, "a\r\nb\r\nc", block("b\n", "B\n") + block("c\n", "")) == "a\r\nB");
  CHECK(apply(kSr, "b", block("b\n", "")).empty());
  CHECK(apply(kSr,
              "\xef\xbb\xbf"
              "a\nb\n",
              block("a\n", "A\n")) ==
        "\xef\xbb\xbf"
        "A\nb\n");
  CHECK(apply(kSr,
              "\xef\xbb\xbf"
              "a\nb\n",
              block("a\nb\n", "a\nB\n")) ==
        "\xef\xbb\xbf"
        "a\nB\n");
  CHECK(apply(kSr, "a\nb\n",
              "\xef\xbb\xbf"
              "f\r\n<<<<<<< SEARCH\r\nb\r\n=======\r\nB\r\n>>>>>>> REPLACE\r\n") == "a\nB\n");
  CHECK(apply(kSr, "caf\xe9\nb\0\n", block("caf\xe9\n", "t\xe9\n")) == "t\xe9\nb\0\n");
}

TEST_CASE("locate: blanks at line ends may differ, say so, and stay where the edit keeps the line") {
  std::vector<std::string> notes;
  CHECK(apply(kSr, "first line  \nsecond line\t\nthird\n", block("first line\nsecond line\n", "first line\nnew line\n"),
              &notes) == "first line  \nnew line\nthird\n");
  REQUIRE(notes.size() == 1);
  CHECK(notes[0] == "f: lines 1-2 match but for blanks at line ends, which are kept");
}

TEST_CASE("locate: one indentation for all lines may differ, and the new lines move with it") {
  std::vector<std::string> notes;
  const std::string file = "class A:\n    def f(self):\n        return 1\n\n    def g(self):\n        return 2\n";
  CHECK(apply(kSr, file, block("def g(self):\n    return 2\n", "def g(self):\n    x = 2\n\n    return x\n"), &notes) ==
        "class A:\n    def f(self):\n        return 1\n\n    def g(self):\n        x = 2\n\n        return x\n");
  REQUIRE(notes.size() == 1);
  CHECK(notes[0].find("4 characters more") != std::string::npos);
  CHECK(apply(kSr, "\tif (ready) {\n\t\tgo();\n\t}\n",
              block("\t\tif (ready) {\n\t\t\tgo();\n\t\t}\n", "\t\tif (ready) {\n\t\t\tstop();\n\t\t}\n")) ==
        "\tif (ready) {\n\t\tstop();\n\t}\n");
  // Not the same shift for all lines, or a new line that can't be shifted: refused.
  CHECK(
      refused(apply(kSr, "    first_line();\n      second_line();\n", block("first_line();\nsecond_line();\n", "x\n")),
              "not found"));
  CHECK(refused(apply(kSr, "first_line();\n", block("    first_line();\n", "x();\n")), "can't be moved likewise"));
  // Too little to be an anchor once bytes differ.
  CHECK(refused(apply(kSr, "f() {\n  }\n", block("}\n", "x\n")), "not found"));
  // Two places that differ only in their indentation.
  CHECK(refused(apply(kSr, "  call(one);\n    call(one);\n", block("call(one);\n", "x\n")), "2 places"));
}

TEST_CASE("locate: a placeholder for left out text is refused") {
  CHECK(refused(
      apply(kSr, kText, block("int a() {\n  return 1;\n}\n", "int a() {\n  // ... rest of the code unchanged\n}\n")),
      "stands for text that is left out"));
  CHECK(refused(apply(kWhole, kText, "f\n```\nint a() {\n// ... existing code ...\n```\n"), "stands for text"));
  CHECK(apply(kSr, "x = 1\n", block("x = 1\n", "x = ...\n")) == "x = ...\n");
}

TEST_CASE("unified: hunks without hash are placed by their lines, not by their numbers") {
  const std::string diff =
      "--- a/f\n+++ b/f\n@@ -77,3 +77,3 @@ int wrong()\n int b() {\n-  return 2;\n+  return 3;\n }\n";
  CHECK(apply(kUni, kText, diff) == "int a() {\n  return 1;\n}\n\nint b() {\n  return 3;\n}\n");
  // The number names the first of two equal places: still refused.
  CHECK(refused(apply(kUni, "x\ny\nx\n", "--- f\n+++ f\n@@ -1 +1 @@\n-x\n+z\n"), "2 places"));
}

TEST_CASE("unified: where the index line proves the file, the numbers count") {
  const std::string file = "x\ny\nx\n";
  const std::string id = tools::content_hash(file).substr(0, 7);
  CHECK(apply(kUni, file,
              "diff --git a/f b/f\nindex " + id + "..1234567 100644\n--- a/f\n+++ b/f\n@@ -3 +3 @@ y\n-x\n+z\n") ==
        "x\ny\nz\n");
  CHECK(apply(kUni, file,
              "diff --git a/f b/f\nindex " + id + "..1234567 100644\n--- a/f\n+++ b/f\n@@ -2,0 +3 @@\n+new\n") ==
        "x\ny\nnew\nx\n");
  CHECK(refused(apply(kUni, file,
                      "diff --git a/f b/f\nindex " + id + "..1234567 100644\n--- a/f\n+++ b/f\n@@ -2 +2 @@\n-x\n+z\n"),
                "is not what the edit says"));
  CHECK(refused(
      apply(kUni, file, "diff --git a/f b/f\nindex 0123456..1234567 100644\n--- a/f\n+++ b/f\n@@ -2,0 +3 @@\n+new\n"),
      "names no line"));
}

TEST_CASE("unified: the order of hunks can make a place unique") {
  const std::string file = "x\nfirst\nx\nsecond\nx\n";
  CHECK(apply(kUni, file, "--- f\n+++ f\n@@ @@\n-second\n+SECOND\n@@ @@\n-x\n+z\n") == "x\nfirst\nx\nSECOND\nz\n");
  CHECK(refused(apply(kUni, file, "--- f\n+++ f\n@@ @@\n-first\n+FIRST\n@@ @@\n-x\n+z\n"), "places"));
  CHECK(refused(apply(kUni, file, "--- f\n+++ f\n@@ @@\n-second\n+S\n@@ @@\n-first\n+F\n"),
                "before those of the part above"));
}

TEST_CASE("unified: line ends, missing newlines and odd bytes are applied as the diff shows them") {
  CHECK(apply(kUni, "a\r\nb\r\n", "--- f\n+++ f\n@@ -1,2 +1,2 @@\n a\r\n-b\r\n+B\n") == "a\r\nB\n");
  CHECK(apply(kUni, "a\r\nb\r\n", "--- f\n+++ f\n@@ -1,2 +1,2 @@\n a\n-b\n+B\n") == "a\r\nB\r\n");
  CHECK(apply(kUni, "a\nb", "--- f\n+++ f\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n") == "a\nb\n");
  CHECK(apply(kUni, "a\nb\n", "--- f\n+++ f\n@@ -1,2 +1,2 @@\n a\n-b\n+b\n\\ No newline at end of file\n") == "a\nb");
  CHECK(apply(kUni, "a\nb", "--- f\n+++ f\n@@ -1,2 +1,3 @@\n a\n b\n+c\n") == "a\nb\nc");
  CHECK(apply(kUni,
              "\xef\xbb\xbf"
              "a\n",
              "--- f\n+++ f\n@@ -1 +1 @@\n-\xef\xbb\xbf"
              "a\n+a\n") == "a\n");
  CHECK(apply(kUni,
              "\xef\xbb\xbf"
              "a\n",
              "--- f\n+++ f\n@@ -1 +1 @@\n-a\n+b\n") ==
        "\xef\xbb\xbf"
        "b\n");
  CHECK(apply(kUni, "-- a\n++ b\n", "--- f\n+++ f\n@@ -1,2 +1,2 @@\n--- a\n+-- c\n ++ b\n") == "-- c\n++ b\n");
}

TEST_CASE("unified: wrong counts, missing counts, fences and mail around do not matter") {
  const std::string wanted = "int a() {\n  return 1;\n}\n\nint b() {\n  return 3;\n}\n";
  for (const std::string header : {"@@ -5,9 +5,9 @@", "@@ -5,1 +5,1 @@", "@@ ... @@", "@@", "@@ -5,3 +5,3 @@"}) {
    CAPTURE(header);
    CHECK(apply(kUni, kText,
                "From: x\nSubject: y\n\n```diff\n--- a/f\t2026-01-01\n+++ b/f\n" + header +
                    "\n int b() {\n-  return 2;\n+  return 3;\n }\n```\n") == wanted);
  }
  CHECK(apply(kUni, kText,
              "--- a/f\n+++ b/f\n@@ -5,3 +5,3 @@\n int b() {\n-  return 2;\n+  return 3;\n }\n-- \n2.39.2\n") ==
        wanted);
  CHECK(refused(apply(kUni, kText, "@@ -1 +1 @@\n-x\n+y\n"), "before any file header"));
  CHECK(refused(apply(kUni, kText, "hello"), "no unified diff"));
}

TEST_CASE("unified: new, deleted, renamed files and modes") {
  const test::MemoryFiles files(test::FileMap{{"f", "a\nb\n"}, {"a/x", "1\n"}, {"sp ace", "s\n"}});
  const auto after = [&](const std::string& diff) {
    const auto located = tools::read_edit(kUni, diff, files);
    INFO((located ? "" : located.error().message));
    REQUIRE(located);
    return files.after(located->edit);
  };
  CHECK(after("diff --git a/n b/n\nnew file mode 100755\nindex 0000000..1\n--- /dev/null\n+++ b/n\n@@ -0,0 +1 "
              "@@\n+x\n\\ No newline at end of file\n")["n"] == "x");
  CHECK(after("diff --git a/e b/e\nnew file mode 100644\nindex 0000000..e69de29\n").count("e") == 1);
  CHECK(after("diff --git a/f b/f\ndeleted file mode 100644\n--- a/f\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-a\n-b\n")
            .count("f") == 0);
  CHECK_FALSE(tools::read_edit(
      kUni, "diff --git a/f b/f\ndeleted file mode 100644\n--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n", files));
  CHECK_FALSE(tools::read_edit(kUni, "diff --git a/f b/f\ndeleted file mode 100644\n", files));
  auto moved = after(
      "diff --git a/f b/g\nsimilarity index 50%\nrename from f\nrename to g\n--- a/f\n+++ b/g\n@@ -1,2 +1,2 @@\n "
      "a\n-b\n+B\n");
  CHECK(moved.count("f") == 0);
  CHECK(moved["g"] == "a\nB\n");
  CHECK_FALSE(tools::read_edit(kUni, "diff --git a/f b/a/x\nrename from f\nrename to a/x\n", files));
  CHECK(after("--- a/x\n+++ a/x\n@@ -1 +1 @@\n-1\n+2\n")["a/x"] == "2\n");
  CHECK(after("diff --git a/a/x b/a/x\n--- a/a/x\n+++ b/a/x\n@@ -1 +1 @@\n-1\n+2\n")["a/x"] == "2\n");
  CHECK(after("diff --git \"a/sp ace\" \"b/sp ace\"\n--- \"a/sp ace\"\n+++ \"b/sp ace\"\n@@ -1 +1 @@\n-s\n+S\n")
            ["sp ace"] == "S\n");
  const auto mode = tools::read_edit(kUni, "diff --git a/f b/f\nold mode 100644\nnew mode 100755\n", files);
  REQUIRE(mode);
  CHECK(mode->edit.files[0].executable == true);
  for (const char* bad :
       {"diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc/passwd\n",
        "diff --git a/f b/f\nindex 1..2\nGIT binary patch\nliteral 1\n",
        "diff --git a/f b/f\nBinary files a/f and b/f differ\n", "diff --git a/f b/h\ncopy from f\ncopy to h\n",
        "--- /dev/null\n+++ b/../../x\n@@ -0,0 +1 @@\n+x\n", "--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+x\n"})
    CHECK_FALSE(tools::read_edit(kUni, bad, files));
}

TEST_CASE("apply-patch: updates, additions, deletions and moves") {
  const test::MemoryFiles files(test::FileMap{{"f", kText}, {"g", "1\n2\n"}});
  const auto located =
      tools::read_edit(kPatch,
                       "*** Begin Patch\n*** Update File: f\n@@ int b() {\n-  return 2;\n+  return 3;\n*** Add File: "
                       "new/n.txt\n+one\n+\n+two\n"
                       "*** Update File: g\n*** Move to: h\n@@\n 1\n-2\n+two\n*** End of File\n*** End Patch\n",
                       files);
  INFO((located ? "" : located.error().message));
  REQUIRE(located);
  auto after = files.after(located->edit);
  CHECK(after["f"] == "int a() {\n  return 1;\n}\n\nint b() {\n  return 3;\n}\n");
  CHECK(after["new/n.txt"] == "one\n\ntwo\n");
  CHECK(after["h"] == "1\ntwo\n");
  CHECK(after.count("g") == 0);
  const auto deleted = tools::read_edit(kPatch, "*** Begin Patch\n*** Delete File: g\n*** End Patch", files);
  REQUIRE(deleted);
  CHECK(files.after(deleted->edit).count("g") == 0);
  CHECK_FALSE(tools::read_edit(kPatch, "*** Begin Patch\n*** Add File: f\n+x\n*** End Patch", files));
  CHECK(tools::read_edit(kPatch, "*** Begin Patch\n*** Update File: f\n-  return 2;\n+  return 3;\n", files)
            .error()
            .message.find("cut off") != std::string::npos);
}

TEST_CASE("apply-patch: a scope line makes equal lines unique, and a wrong one is refused") {
  const std::string file =
      "class A:\n    def f(self):\n        return 1\n\nclass B:\n    def f(self):\n        return 1\n";
  const auto patch = [](const std::string& scopes) {
    return "*** Begin Patch\n*** Update File: f\n" + scopes + "-        return 1\n+        return 2\n*** End Patch\n";
  };
  CHECK(apply(kPatch, file, patch("@@ class B:\n")) ==
        "class A:\n    def f(self):\n        return 1\n\nclass B:\n    def f(self):\n        return 2\n");
  CHECK(apply(kPatch, file, patch("@@ class A:\n@@ def f(self):\n")) ==
        "class A:\n    def f(self):\n        return 2\n\nclass B:\n    def f(self):\n        return 1\n");
  CHECK(refused(apply(kPatch, file, patch("@@\n")), "2 places"));
  CHECK(refused(apply(kPatch, file, patch("@@ class C:\n")), "not found below the `@@` lines"));
}

TEST_CASE("whole-file: changes only the lines that differ") {
  CHECK(apply(kWhole, "a\r\nb\r\nc", "f\n```\na\nB\nc\n```\n") == "a\r\nB\r\nc");
  CHECK(apply(kWhole, "a\nb\n", "The new file:\n\n`f`:\n````markdown\na\n```\nx\n```\n````\n") == "a\n```\nx\n```\n");
  CHECK(apply(kWhole, "", "f\n```\na\n```\n") == "a\n");
  CHECK(apply(kWhole,
              "\xef\xbb\xbf"
              "a\nb\n",
              "f\n```\nx\nb\n```\n") ==
        "\xef\xbb\xbf"
        "x\nb\n");
  CHECK(apply(kWhole, "a\r\nb\r\na", "f\n```\na\n```\n") == "a");
  CHECK(refused(apply(kWhole, "a\n", "f\n```\na\n"), "not closed"));
  CHECK(refused(apply(kWhole, "a\n", "```\na\n```\n"), "no file is named"));
  const test::MemoryFiles files(test::FileMap{{"f", "a\n"}});
  const auto two = tools::read_edit(kWhole, "f\n```\nb\n```\nnew.c\n```c\nint x;\n```\n", files);
  REQUIRE(two);
  CHECK(files.after(two->edit)["new.c"] == "int x;\n");
}

TEST_CASE("line-ops: each operation shows the lines that it names") {
  const std::string file = "one\ntwo\nthree\nfour\n";
  CHECK(apply(kOps, file, "file f\nreplace 2\n-two\n+TWO\n+2\n") == "one\nTWO\n2\nthree\nfour\n");
  CHECK(apply(kOps, file, "file f\ndelete 2-3\n-two\n-three\n") == "one\nfour\n");
  CHECK(apply(kOps, file, "file f\ninsert after 4\n four\n+five\n\ninsert before 1\n+zero\n one\n") ==
        "zero\none\ntwo\nthree\nfour\nfive\n");
  CHECK(refused(apply(kOps, file, "file f\nreplace 2\n-tow\n+x\n"), "not found"));
  CHECK(refused(apply(kOps, file, "file f\nreplace 2\n+x\n"), "must be the lines"));
  CHECK(refused(apply(kOps, file, "file f\nreplace 0\n-x\n+x\n"), "expected `file PATH`"));
  CHECK(refused(apply(kOps, file, "file f\ninsert after 2\n+x\n"), "shows that line"));
  CHECK(refused(apply(kOps, file, "replace 2\n-two\n+x\n"), "no `file PATH` line"));
  CHECK(refused(apply(kOps, file, "file f\n"), "no operation"));
}

TEST_CASE("line-ops: a marked line is the operation's, whatever it shows") {
  const std::string file = "```\nreplace 3\nfile x\n\nend\n";
  CHECK(apply(kOps, file, "file f\ninsert after 1\n ```\n+x\n") == "```\nx\nreplace 3\nfile x\n\nend\n");
  CHECK(apply(kOps, file, "file f\ninsert before 2\n+x\n replace 3\n") == "```\nx\nreplace 3\nfile x\n\nend\n");
  CHECK(apply(kOps, file, "```\nfile f\ndelete 3\n-file x\n```\n") == "```\nreplace 3\n\nend\n");
}

TEST_CASE("line-ops: a number that is off is found by its text and said; equal lines need the content hash") {
  std::vector<std::string> notes;
  CHECK(apply(kOps, "one\ntwo\n", "file f\nreplace 9\n-two\n+TWO\n", &notes) == "one\nTWO\n");
  REQUIRE(notes.size() == 1);
  CHECK(notes[0] == "f: line 9 of the edit is line 2 of the file");
  const std::string twice = "x\ny\nx\n";
  CHECK(refused(apply(kOps, twice, "file f\nreplace 3\n-x\n+z\n"), "2 places"));
  CHECK(apply(kOps, twice, "file f " + tools::content_hash(twice).substr(0, 12) + "\nreplace 3\n-x\n+z\n") ==
        "x\ny\nz\n");
  CHECK(refused(apply(kOps, twice, "file f " + tools::content_hash(twice) + "\nreplace 2\n-x\n+z\n"),
                "is not what the edit says"));
}

TEST_CASE("edits: each folder of tests/data/tools/edits leads from `before` to `after`") {
  const std::filesystem::path folder = std::filesystem::path(GRAFT_SOURCE_DIR) / "tests/data/tools/edits";
  size_t n_cases = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().stem() != "edit") continue;
    const auto format = tools::edit_format_of_name(entry.path().extension().string().substr(1));
    REQUIRE(format);
    const auto read = [&](const char* name) { return *base::read_file(entry.path().parent_path() / name, 1 << 20); };
    CAPTURE(entry.path().string());
    const test::MemoryFiles files(test::FileMap{{"src/f.x", read("before")}});
    const auto located = tools::read_edit(*format, *base::read_file(entry.path(), 1 << 20), files);
    INFO((located ? "" : located.error().message));
    REQUIRE(located);
    CHECK(files.after(located->edit)["src/f.x"] == read("after"));
    ++n_cases;
  }
  CHECK(n_cases >= 10);
}
