// SPDX-License-Identifier: Apache-2.0
// Edits as a constraint, against the reader that applies them: whatever a walk through the masks writes is taken and changes something.
#include <doctest/doctest.h>

#include <random>

#include "base/strings.h"
#include "tests/engine/constrain_support.h"
#include "tests/tools/memory_files.h"
#include "tools/edit_formats.h"

namespace engine::test {
namespace {

using Files = std::vector<std::pair<std::string, std::string>>;  // path and text

base::Result<std::shared_ptr<const Constraint>> edits_of(
    EditSyntax syntax, const Files& files, uint32_t max_lines,
    std::shared_ptr<const Vocabulary> vocabulary = byte_vocabulary()) {
  std::vector<std::string> hashes;
  std::vector<EditableFile> given;
  for (const auto& [path, text] : files) hashes.push_back(tools::content_hash(text).substr(0, 8));
  for (size_t i = 0; i < files.size(); ++i) given.push_back({files[i].first, files[i].second, hashes[i]});
  return Constraint::from_edits(syntax, given, max_lines, std::move(vocabulary));
}

base::Result<tools::LocatedEdit> read(EditSyntax syntax, const Files& files, std::string_view edit) {
  ::test::FileMap source;
  for (const auto& [path, text] : files) source[path] = text;
  return tools::read_edit(
      syntax == EditSyntax::kLineOps ? tools::EditFormat::kLineOps : tools::EditFormat::kSearchReplace, edit,
      ::test::MemoryFiles(source));
}

// Structure, letters of the files below, and pieces that cross the borders of marks, lines and digits.
std::shared_ptr<const Vocabulary> walk_vocabulary() {
  return byte_vocabulary({">>>>>>>> REPLACE",
                          "\n========\n",
                          "========",
                          "<<<<<<<< SEARCH\n",
                          "\n>>>>>>>> REPLACE\n",
                          ">>>>>>> REPLACE",
                          "replace ",
                          "insert ",
                          "after 1",
                          "before ",
                          "delete ",
                          "file ",
                          "a.py",
                          "a\n",
                          "b\n",
                          "}\n",
                          "\n+",
                          "\n\n",
                          "+a",
                          "-1",
                          "12",
                          "\xc3\xa9",
                          "# ...",
                          " rest of",
                          "```\n",
                          " SEARCH"});
}

// A text of the constraint, or nothing where the walk did not end in time.
std::optional<std::string> walk(const std::shared_ptr<const Constraint>& constraint, std::mt19937& random,
                                size_t most) {
  ConstraintState state(constraint);
  const Vocabulary& vocabulary = constraint->vocabulary();
  std::string text;
  for (size_t i = 0; i < most; ++i) {
    std::vector<uint32_t> bits(vocabulary.mask_words());
    REQUIRE(state.mask(bits));
    std::vector<Token> likely, all;
    for (Token t = 0; t < vocabulary.n_tokens(); ++t) {
      if (!(bits[static_cast<size_t>(t) / 32] >> (t % 32) & 1)) continue;
      all.push_back(t);
      if (t >= 256 || t == '\n' || t == '>' || vocabulary.is_end(t)) likely.push_back(t);
    }
    REQUIRE_MESSAGE(!all.empty(), text);
    const std::vector<Token>& from = !likely.empty() && random() % 8 != 0 ? likely : all;
    Token token = from[random() % from.size()];
    if (all.size() > 60 && !likely.empty() && i % 8 == 7) token = likely.front();  // in a free line: end it
    REQUIRE(state.accept(token));
    if (vocabulary.is_end(token)) return text;
    text += vocabulary.bytes_of(token);
  }
  return std::nullopt;
}

const Files kAwkward = {{"src/a.py", "a\nb\n\na\n}\n}\nb\n"},
                        {"crlf.txt", "a\r\nb\r\na\nb"},
                        {"bom.txt", "\xef\xbb\xbfé = 1\nb"},
                        {"marks.rst", "a\n=======\n<<<<<<< SEARCH\n>>>>>>> REPLACE\n\n\n"},
                        {"read me.md", "```\nreplace 3\n file x\n delete 1\n# ... rest of it\n-a\n+b"},
                        {"one", "\n"},
                        {"empty", ""}};

}  // namespace

TEST_CASE("constrain edits: every text that masks allow is an edit that applies and changes something") {
  const auto vocabulary = walk_vocabulary();
  for (const EditSyntax syntax : {EditSyntax::kSearchReplace, EditSyntax::kLineOps})
    for (const uint32_t max_lines : {1u, 3u}) {
      const auto constraint = edits_of(syntax, kAwkward, max_lines, vocabulary);
      REQUIRE_MESSAGE(constraint, constraint.error().message);
      std::mt19937 random(max_lines);
      size_t n_read = 0, n_files = 0, n_replacements = 0;
      for (int i = 0; i < 300; ++i) {
        const auto text = walk(*constraint, random, 250);
        if (!text) continue;
        CAPTURE(*text);
        const auto edit = read(syntax, kAwkward, *text);
        REQUIRE_MESSAGE(edit, edit.error().message);
        ++n_read;
        for (const tools::FileEdit& file : edit->edit.files) {
          ++n_files;
          n_replacements += file.replacements.size();
          CHECK(!file.replacements.empty());
        }
      }
      // The walks were worth something: many ended, some with several files, some with several places in one.
      CHECK(n_read > 100);
      CHECK(n_files > n_read);
      CHECK(n_replacements > n_files);
    }
}

TEST_CASE("constrain edits: search-replace shows lines that occur once, in order, and something else in their place") {
  const Files files = {{"a.c", "int x;\n}\nint y;\n}\n"}, {"b.c", "int z;"}};
  const auto edits = edits_of(EditSyntax::kSearchReplace, files, 2);
  REQUIRE(edits);
  const auto block = [](std::string_view search, std::string_view replace) {
    return base::cat("<<<<<<< SEARCH\n", search, "=======\n", replace, ">>>>>>> REPLACE");
  };
  CHECK(accepts(*edits, "a.c\n" + block("int x;\n", "long x;\n")));
  CHECK(accepts(*edits, "a.c\n" + block("int x;\n", "") + "\n"));
  CHECK(accepts(*edits, "a.c\n" + block("int x;\n}\n", "}\n")));
  CHECK(accepts(*edits, "a.c\n" + block("int x;\n", "\n") + "\n" + block("int y;\n", "int x;\n") + "\nb.c\n" +
                            block("int z;\n", "a\nb\n")));
  CHECK(accepts(*edits, "b.c\n" + block("int z;\n", "\n") + "\na.c\n" + block("int x;\n", "y\n")));
  CHECK(accepts(*edits, "a.c\n" + block("int x;\n", "y\n") + "\n" + block("}\nint y;\n", "x\n")));
  CHECK_FALSE(accepts(*edits, "a.c\n" + block("}\n", "]\n")));                          // twice in the file
  CHECK_FALSE(accepts(*edits, "a.c\n" + block("int x;\n}\nint y;\n", "]\n")));          // three lines
  CHECK_FALSE(accepts(*edits, "a.c\n" + block("int\n", "]\n")));                        // no whole line
  CHECK_FALSE(accepts(*edits, "a.c\n" + block("int x;\n", "int x;\n")));                // changes nothing
  CHECK_FALSE(accepts(*edits, "a.c\n" + block("int x;\n", "=======\n")));               // a second divider
  CHECK_FALSE(accepts(*edits, "a.c\n" + block("int x;\n", "/* ... Rest of it */\n")));  // no text at all
  CHECK(accepts(*edits, "a.c\n" + block("int x;\n", "x = ... rest of it\n")));          // not as a comment begins
  CHECK_FALSE(accepts(*edits, "a.c\n" + block("int y;\n", "y\n") + "\n" + block("int x;\n", "x\n")));
  CHECK_FALSE(accepts(*edits, "a.c\n" + block("int x;\n}\n", "y\n") + "\n" + block("}\nint y;\n", "x\n")));
  CHECK_FALSE(accepts(*edits, "a.c\n" + block("int x;\n", "y\n") + "\nb.c\n" + block("int z;\n", "x\n") + "\na.c\n" +
                                  block("int y;\n", "x\n")));
  CHECK_FALSE(accepts(*edits, "c.c\n" + block("int x;\n", "y\n")));
  CHECK_FALSE(accepts(*edits, ""));
  // A line before the last block does not come back, though one behind it begins alike.
  const auto alike = edits_of(EditSyntax::kSearchReplace,
                              {{"p",
                                "\xef\xbb\xbf"
                                "ab\nabc\n"}},
                              2);
  REQUIRE(alike);
  CHECK(accepts(*alike, "p\n" + block("ab\n", "y\n") + "\n" + block("abc\n", "z\n")));
  CHECK_FALSE(accepts(*alike, "p\n" + block("ab\n", "y\n") + "\n" + block("ab\n", "z\n")));
}

TEST_CASE("constrain edits: marks are longer where a file has lines like them") {
  const Files files = {{"a.rst", "Title\n=======\n<<<<<<<< SEARCH\n"}};
  const auto edits = edits_of(EditSyntax::kSearchReplace, files, 2);
  REQUIRE(edits);
  CHECK_FALSE(accepts(*edits, "a.rst\n<<<<<<< SEARCH\nTitle\n=======\nA\n>>>>>>> REPLACE"));
  CHECK(accepts(*edits, "a.rst\n<<<<<<<<< SEARCH\nTitle\n=======\n=========\nA\n=======\n>>>>>>>>> REPLACE"));
}

TEST_CASE("constrain edits: line operations write their numbers, and the lines follow by themselves") {
  std::string text;
  for (int i = 1; i <= 120; ++i) text += "line " + std::to_string(i) + "\n";
  const Files files = {{"a.txt", text}};
  const auto edits = edits_of(EditSyntax::kLineOps, files, 3);
  REQUIRE(edits);
  const std::string head = "file a.txt " + tools::content_hash(text).substr(0, 8) + "\n";
  ConstraintState state(*edits);
  CHECK(*state.forced() == head);
  REQUIRE(state.accept_text(head + "replace 11"));
  CHECK(allowed(state) == std::set<std::string>{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "-", "\n"});
  REQUIRE(state.accept_text("9-12"));
  CHECK(*state.forced() == "0\n-line 119\n-line 120\n+");
  CHECK(accepts(*edits, head + "replace 2-4\n-line 2\n-line 3\n-line 4\n+x\n+\n"));
  CHECK_FALSE(accepts(*edits, head + "replace 2-2\n-line 2\n+x\n"));
  CHECK(accepts(*edits, head + "delete 119\n-line 119\n\ndelete 120\n-line 120\n"));
  CHECK(accepts(*edits, head + "delete 120\n-line 120\n"));
  CHECK(accepts(*edits, head + "insert after 2\n line 2\n+x\n\ninsert before 4\n+y\n line 4\n"));
  CHECK(accepts(*edits, head + "insert after 2\n line 2\n+x\n\nreplace 3\n-line 3\n+y\n"));
  CHECK_FALSE(accepts(
      *edits, head + "insert after 2\n line 2\n+x\n\ninsert before 3\n+y\n line 3\n"));  // two texts in one place
  CHECK_FALSE(accepts(*edits, head + "replace 2-5\n-line 2\n-line 3\n-line 4\n-line 5\n+x\n"));  // four lines
  CHECK_FALSE(accepts(*edits, head + "replace 121\n-line 121\n+x\n"));
  CHECK_FALSE(accepts(*edits, head + "replace 0\n"));
  CHECK_FALSE(accepts(*edits, head + "replace 02\n-line 2\n+x\n"));
  CHECK_FALSE(accepts(*edits, head + "replace 2\n-line 3\n+x\n"));
  CHECK_FALSE(accepts(*edits, head + "replace 2\n-line 2\n+line 2\n"));  // changes nothing
  CHECK_FALSE(accepts(*edits, head + "replace 3\n-line 3\n+x\n\ndelete 2\n-line 2\n"));
  CHECK_FALSE(accepts(*edits, head + "insert after 2\n line 2\n"));
  CHECK_FALSE(accepts(*edits, head));
}

TEST_CASE("constrain edits: what no edit can be made of is refused by name") {
  const auto message_of = [](EditSyntax syntax, const Files& files) {
    const auto made = edits_of(syntax, files, 3);
    REQUIRE_FALSE(made);
    CHECK(made.error().code == base::ErrorCode::kInvalidArgument);
    return made.error().message;
  };
  const auto names = [&](EditSyntax syntax, const Files& files, std::string_view what) {
    const std::string message = message_of(syntax, files);
    CHECK_MESSAGE(message.find(what) != std::string::npos, message);
  };
  names(EditSyntax::kSearchReplace, {{"a", "x\ry\n"}}, "a: The file has NUL bytes, or carriage returns");
  names(EditSyntax::kSearchReplace, {{"a", std::string("x\0y", 3)}}, "a: The file has NUL");
  names(EditSyntax::kLineOps, {{"a", "\xff\n"}}, "a: The file is not UTF-8");
  names(EditSyntax::kSearchReplace, {{"`a`", "x"}}, "`a`");
  names(EditSyntax::kLineOps, {{"a\nb", "x"}}, "characters that an edit cannot write");
  names(EditSyntax::kLineOps, {{" a", "x"}}, "blanks around it");
  names(EditSyntax::kLineOps, {{"a", "x"}, {"a", "y"}}, "a is given twice");
  names(EditSyntax::kLineOps, {{"a", ""}}, "no text fits it");
  names(EditSyntax::kSearchReplace, {{"a", "x\nx\nx\nx\nx\nx\n}\n"}, {"a", "y"}}, "twice");
  names(EditSyntax::kSearchReplace, {}, "no text fits it");
  CHECK(edits_of(EditSyntax::kLineOps, {{"a", "x"}}, 0).error().message.find("at least one line") != std::string::npos);
  const EditableFile unnamed[] = {{"a", "x", "12345"}};
  CHECK(Constraint::from_edits(EditSyntax::kLineOps, unnamed, 3, byte_vocabulary()).error().message.find("7 to 40") !=
        std::string::npos);
}

}  // namespace engine::test
