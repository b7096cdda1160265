// SPDX-License-Identifier: Apache-2.0
#include "agent/next_edit.h"

#include <doctest/doctest.h>

#include <algorithm>

using tools::Language;

namespace {

// A text and the changes made to it: each replaces the n-th place of `old` in the text as it then is.
class Desk {
 public:
  Desk(Language language, std::string text) : language_(language), text_(std::move(text)) {}

  Desk& change(const std::string& old, const std::string& fresh, int nth = 0, double seconds = 60) {
    size_t at = text_.find(old);
    for (; nth > 0; --nth) at = text_.find(old, at + 1);
    REQUIRE(at != std::string::npos);
    put(at, at + old.size(), fresh, seconds);
    return *this;
  }
  // Behind the first place of `after`, letter by letter.
  Desk& type(const std::string& after, const std::string& letters, double seconds = 60) {
    size_t at = text_.find(after);
    REQUIRE(at != std::string::npos);
    at += after.size();
    for (size_t i = 0; i < letters.size(); ++i) put(at + i, at + i, letters.substr(i, 1), i == 0 ? seconds : 0.2);
    return *this;
  }
  void put(size_t begin, size_t end, const std::string& fresh, double seconds) {
    now_ += std::chrono::milliseconds(static_cast<int64_t>(1000 * seconds));
    history_.changed(text_, begin, end, fresh, now_);
    text_.replace(begin, end - begin, fresh);
    cursor_ = begin + fresh.size();
  }

  std::vector<agent::NextEdit> offers() const {
    const auto tree = tools::SyntaxTree::parse(language_, text_);
    REQUIRE(tree);
    auto found = agent::next_edits({*tree, history_.edits(), cursor_, agent::kSureNextEdit, 200}, {});
    REQUIRE(found);
    return *found;
  }
  // The text after the first offer, after all of them, or "silent".
  std::string next() const {
    const auto found = offers();
    return found.empty() ? "silent" : applied({found.front()});
  }
  std::string all() const {
    const auto found = offers();
    return found.empty() ? "silent" : applied(found);
  }
  const std::string& text() const { return text_; }

 private:
  std::string applied(std::vector<agent::NextEdit> edits) const {
    std::sort(edits.begin(), edits.end(), [](const auto& a, const auto& b) { return a.range.begin > b.range.begin; });
    std::string text = text_;
    for (const auto& edit : edits) text.replace(edit.range.begin, edit.range.end - edit.range.begin, edit.new_text);
    return text;
  }
  const Language language_;
  std::string text_;
  size_t cursor_ = 0;
  agent::EditHistory history_;
  agent::EditHistory::Time now_{};
};

}  // namespace

TEST_CASE("next edit: a parameter renamed is renamed in its function, not in another's, not in strings and comments") {
  Desk desk(Language::kPython,
            "def area(width, h):\n    # width in metres\n    print(\"width\", width)\n    return width * h\n\n"
            "def other(width):\n    return width\n");
  desk.change("width", "w");
  CHECK(desk.all() ==
        "def area(w, h):\n    # width in metres\n    print(\"width\", w)\n    return w * h\n\n"
        "def other(width):\n    return width\n");
}

TEST_CASE("next edit: a new name that prose has by chance is a new name all the same") {
  Desk desk(Language::kPython,
            "def take(self, name, amount):\n    \"\"\"Takes some pieces.\"\"\"\n    # fewer pieces\n    self.n -= amount\n    return amount\n");
  desk.change("amount", "pieces");
  CHECK(desk.all() ==
        "def take(self, name, pieces):\n    \"\"\"Takes some pieces.\"\"\"\n    # fewer pieces\n    self.n -= pieces\n    return pieces\n");
}

TEST_CASE("next edit: a line told anew for one sign is an edit of that sign") {
  Desk desk(Language::kPython, "def take(n, amount):\n    if amount >= n:\n        return \"\u00e9\u00e8\"\n    return n - amount\n");
  desk.change("    if amount >= n:\n        return \"\u00e9\u00e8\"\n", "    if amount > n:\n        return \"\u00e9\u00e8\"\n");
  desk.change("amount", "pieces");
  CHECK(desk.all() == "def take(n, pieces):\n    if pieces > n:\n        return \"\u00e9\u00e8\"\n    return n - pieces\n");
}

TEST_CASE("next edit: a name typed longer letter by letter is one rename") {
  Desk desk(Language::kCpp, "int f(int n) {\n  int m = n + 1;\n  return n * m;\n}\n");
  desk.type("int n", "ame");
  CHECK(desk.all() == "int f(int name) {\n  int m = name + 1;\n  return name * m;\n}\n");
}

TEST_CASE("next edit: a renamed import is renamed where it is used") {
  Desk desk(Language::kPython, "import numpy as np\n\na = np.zeros(3)\nb = np.ones(3)\nnp_size = 3\n");
  desk.change("as np", "as num");
  CHECK(desk.all() == "import numpy as num\n\na = num.zeros(3)\nb = num.ones(3)\nnp_size = 3\n");
}

TEST_CASE("next edit: a call given one more argument") {
  Desk desk(Language::kJavaScript, "open(a, b);\nclose(a, b);\nopen(c, f(d));\nopen(e);\n");
  desk.change("a, b", "a, b, mode");
  CHECK(desk.next() == "open(a, b, mode);\nclose(a, b);\nopen(c, f(d), mode);\nopen(e);\n");
  CHECK(desk.all() == "open(a, b, mode);\nclose(a, b);\nopen(c, f(d), mode);\nopen(e, mode);\n");
}

TEST_CASE("next edit: a call over several lines gets its argument on a line of its own") {
  Desk desk(Language::kPython, "run(a, b)\nrun(\n    c,\n    d\n)\nrun(\n    e,\n    f,\n)\n");
  desk.change("a, b", "a, b, True");
  CHECK(desk.all() == "run(a, b, True)\nrun(\n    c,\n    d,\n    True\n)\nrun(\n    e,\n    f,\n    True,\n)\n");
}

TEST_CASE("next edit: an argument taken out") {
  Desk desk(Language::kPython, "go(a, verbose=True)\nx = go(b, verbose=True)\nstop(c, verbose=True)\n");
  desk.change(", verbose=True", "");
  CHECK(desk.next() == "go(a)\nx = go(b)\nstop(c, verbose=True)\n");
}

TEST_CASE("next edit: an argument wrapped, whatever it is") {
  Desk desk(Language::kPython, "save(a.b)\nsave(x + 1)\nload(y)\nsave(str(z))\n");
  desk.change("a.b", "str(a.b)");
  CHECK(desk.all() == "save(str(a.b))\nsave(str(x + 1))\nload(y)\nsave(str(z))\n");
}

TEST_CASE("next edit: a call wrapped by typing on both of its sides") {
  Desk desk(Language::kPython, "a = get(1)\nb = get(x, 2)\nc = put(3)\n");
  desk.type("a = ", "int(").type("get(1)", ")", 2);
  CHECK(desk.text() == "a = int(get(1))\nb = get(x, 2)\nc = put(3)\n");
  CHECK(desk.all() == "a = int(get(1))\nb = int(get(x, 2))\nc = put(3)\n");
}

TEST_CASE("next edit: a rewrite keeps what each place has") {
  Desk desk(Language::kPython, "a = has(x, key)\nif has(y.z, 3):\n    pass\nhas(x)\n");
  desk.change("has(x, key)", "x.has(key)");
  CHECK(desk.all() == "a = x.has(key)\nif y.z.has(3):\n    pass\nhas(x)\n");
}

TEST_CASE("next edit: rows of one list get the same field") {
  Desk desk(Language::kCpp, "Row rows[] = {\n  {1, \"a\"},\n  {2, \"b\"},\n  {3, \"c\"},\n};\nint other[] = {1, 2};\n");
  desk.change("\"a\"", "\"a\", 0").change("\"b\"", "\"b\", 0");
  CHECK(desk.all() ==
        "Row rows[] = {\n  {1, \"a\", 0},\n  {2, \"b\", 0},\n  {3, \"c\", 0},\n};\nint other[] = {1, 2};\n");
}

TEST_CASE("next edit: two examples make an operator's change sure where one does not") {
  const std::string text = "if (a.p == null) f();\nif (b.p == null) g();\nif (c.p == null) h();\nx = y == z;\n";
  Desk desk(Language::kJavaScript, text);
  desk.change("a.p ==", "a.p ===").change("b.p ==", "b.p ===");
  CHECK(desk.next() == "if (a.p === null) f();\nif (b.p === null) g();\nif (c.p === null) h();\nx = y == z;\n");
}

TEST_CASE("next edit: the place behind the cursor comes first, and what was changed already is left alone") {
  Desk desk(Language::kPython, "log(1)\nlog(2)\nwarn(3)\nlog(4)\n");
  desk.change("log", "warn", 1);
  CHECK(desk.next() == "log(1)\nwarn(2)\nwarn(3)\nwarn(4)\n");
  CHECK(desk.all() == "warn(1)\nwarn(2)\nwarn(3)\nwarn(4)\n");
}

TEST_CASE("next edit: silence for new code, for a change without a like place, for one under way, for one taken back") {
  const std::string text = "def f(a, b):\n    x = a + b\n    return x\n\ndef g(a, b):\n    return h(a, 1)\n";
  CHECK(Desk(Language::kPython, text).next() == "silent");
  CHECK(Desk(Language::kPython, text).type("x = a + b\n", "    y = a\n").next() == "silent");
  CHECK(Desk(Language::kPython, text).change("a + b", "a + a").next() ==
        "silent");  // one use of a variable for another
  CHECK(Desk(Language::kPython, text).change("h(a, 1)", "h(a, 2)").next() == "silent");
  CHECK(Desk(Language::kPython, text).change("def f(a", "def f((a").next() == "silent");  // does not parse
  CHECK(Desk(Language::kPython, text).change("x", "total").next() != "silent");
  CHECK(Desk(Language::kPython, text).change("x", "total").change("total", "x").next() == "silent");
  CHECK(Desk(Language::kPython, text).change("    return x\n", "").next() == "silent");
}

TEST_CASE("next edit: a change made and then made back elsewhere says nothing") {
  Desk desk(Language::kPython, "get(1)\nfetch(2)\nget(3)\nfetch(4)\n");
  desk.change("get", "fetch");
  CHECK(desk.next() == "fetch(1)\nfetch(2)\nfetch(3)\nfetch(4)\n");
  desk.change("fetch(4)", "get(4)");
  CHECK(desk.next() == "silent");
}

TEST_CASE("next edit: an offer that would not parse is not made") {
  Desk desk(Language::kPython, "print(a)\nprint(b)\nprint(c)\ndef print(c): pass\n");
  desk.change("print", "x.print").change("\nprint(b)", "\nx.print(b)");
  CHECK(desk.all() == "x.print(a)\nx.print(b)\nx.print(c)\ndef print(c): pass\n");
}

TEST_CASE("next edit: edits that the text does not have, a long text and deep nesting are no trouble") {
  const auto tree = tools::SyntaxTree::parse(Language::kPython, "a = 1\n");
  REQUIRE(tree);
  for (const agent::RecentEdit& edit :
       {agent::RecentEdit{100, "a", "b"}, agent::RecentEdit{0, "", "zz"}, agent::RecentEdit{5, "", "12345"}}) {
    const auto found = agent::next_edits({*tree, {edit}, 0, 0.5, 10}, {});
    REQUIRE(found);
    CHECK(found->empty());
  }
  const auto deep = tools::SyntaxTree::parse(
      Language::kPython, "x = " + std::string(3000, '(') + "f(a)" + std::string(3000, ')') + "\nf(a)\n");
  REQUIRE(deep);
  CHECK(agent::next_edits({*deep, {{3004, "g", "f"}}, 0, 0.5, 10}, {}));
}

TEST_CASE("next edit: a stop request ends it") {
  const auto tree = tools::SyntaxTree::parse(Language::kPython, "f(1)\ng(2)\ng(3)\n");
  REQUIRE(tree);
  std::stop_source stop;
  stop.request_stop();
  const auto found = agent::next_edits({*tree, {{0, "g", "f"}}, 0, 0.5, 10}, stop.get_token());
  REQUIRE_FALSE(found);
  CHECK(found.error().code == base::ErrorCode::kCancelled);
}

TEST_CASE("edit history: letters of one word are one edit; edits of other lines stay apart and move along") {
  agent::EditHistory history;
  agent::EditHistory::Time now{};
  std::string text = "one\ntwo\n";
  const auto put = [&](size_t begin, size_t end, const std::string& fresh) {
    now += std::chrono::seconds(1);
    history.changed(text, begin, end, fresh, now);
    text.replace(begin, end - begin, fresh);
  };
  put(4, 7, "");
  put(4, 4, "t");
  put(5, 5, "h");
  put(3, 3, "!!");
  REQUIRE(history.edits().size() == 2);
  CHECK(history.edits()[0].begin == 6);
  CHECK(history.edits()[0].old_text == "two");
  CHECK(history.edits()[0].new_text == "th");
  CHECK(history.edits()[1].new_text == "!!");
  put(3, 5, "");  // taken back
  REQUIRE(history.edits().size() == 1);
  CHECK(history.edits()[0].begin == 4);
  put(0, 3, std::string(agent::EditHistory::kMostEditBytes + 1, 'x'));
  CHECK(history.edits().size() == 1);
  history.changed(text, 9000, 9001, "", now);  // not of this text
  CHECK(history.edits().empty());
}

TEST_CASE("edit history: a change inside new lines is an edit of its own; more lines at their end are not") {
  Desk desk(Language::kPython, "x = 1\n");
  desk.type("x = 1\n", "a = get(1)\nb = get(2)\n");
  CHECK(desk.next() == "silent");
  desk.change("get", "fetch");
  CHECK(desk.next() == "x = 1\na = fetch(1)\nb = fetch(2)\n");
}

TEST_CASE("edit history: a change within a character is one of the whole character") {
  const auto only_edit = [](const std::string& before, const std::string& fresh) {
    agent::EditHistory history;
    history.changed(before, 0, before.size(), fresh, agent::EditHistory::Time{});
    REQUIRE(history.edits().size() == 1);
    return history.edits()[0];
  };
  // Same first byte; same last byte.
  for (const auto& [old_sign, new_sign] : std::vector<std::pair<std::string, std::string>>{{"\u00e4", "\u00f6"}, {"\u00e4", "\u0124"}}) {
    const agent::RecentEdit edit = only_edit("x = \"a" + old_sign + "z\"\n", "x = \"a" + new_sign + "z\"\n");
    CHECK(edit.begin == 6);
    CHECK(edit.old_text == old_sign);
    CHECK(edit.new_text == new_sign);
  }
  // What is put beside its like is counted once.
  CHECK(only_edit("f(aa)", "f(aaa)").new_text == "a");
  CHECK(only_edit("f(aaa)", "f(aa)").old_text == "a");
}

TEST_CASE("edit history: two places of a line are one edit without a pause, two with one") {
  for (const int pause : {1, 60}) {
    agent::EditHistory history;
    history.changed("f(a) + f(b)", 1, 1, "x", agent::EditHistory::Time{});
    history.changed("fx(a) + f(b)", 9, 9, "x", agent::EditHistory::Time{} + std::chrono::seconds(pause));
    REQUIRE(history.edits().size() == (pause == 1 ? 1 : 2));
    if (pause == 1) {
      CHECK(history.edits()[0].old_text == "(a) + f");
      CHECK(history.edits()[0].new_text == "x(a) + fx");
    }
  }
}
