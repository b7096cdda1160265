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

  std::vector<agent::NextEdit> offers(double min_probability = agent::kSureNextEdit) const {
    const auto tree = tools::SyntaxTree::parse(language_, text_);
    REQUIRE(tree);
    auto found = agent::next_edits({*tree, history_.edits(), cursor_, min_probability, 200}, {});
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

TEST_CASE("next edit: text that an edit made is not made again; what lies beside it is") {
  Desk fresh(Language::kPython, "log(1)\nlog(2)\nwarn(3)\n");
  fresh.change("warn(3)\n", "warn(3)\nlog(4)\n").change("log", "warn");
  CHECK(fresh.all() == "warn(1)\nwarn(2)\nwarn(3)\nlog(4)\n");
  Desk beside(Language::kPython, "log(1)\nlog(2)\nwarn(3)\nlog[4]\nnot log(5)\n");
  beside.change("[4]", "(4)").change("not ", "- ").change("log", "warn");
  CHECK(beside.all() == "warn(1)\nwarn(2)\nwarn(3)\nwarn(4)\n- warn(5)\n");
}

TEST_CASE("next edit: code that is nested too deeply is left alone") {
  const auto nested = [](size_t depth) {
    Desk desk(Language::kPython, "log(1)\nlog(2)\nwarn(3)\nx = " + std::string(depth, '(') + "1" + std::string(depth, ')') + "\n");
    return desk.change("log", "warn").next();
  };
  CHECK(nested(100) != "silent");
  CHECK(nested(1000) == "silent");
}

TEST_CASE("next edit: a change of what another change made takes nothing back") {
  Desk desk(Language::kPython, "get(1)\nget(2)\nload(3)\nfetch(4)\n");
  desk.change("load", "get").change("get", "fetch");
  CHECK(desk.all() == "fetch(1)\nfetch(2)\nget(3)\nfetch(4)\n");
}

TEST_CASE("next edit: no more offers than asked for, the surest; none where the newest edit is not in the text, or the text is long") {
  const std::string text = "warn(1)\nlog(2)\nlog(3)\nlog(4)\nwarn(5)\n";
  const std::vector<agent::RecentEdit> edits = {{0, "log", "warn"}};
  const auto offered = [](const std::string& in, const std::vector<agent::RecentEdit>& of, size_t most) {
    const auto tree = tools::SyntaxTree::parse(Language::kPython, in);
    REQUIRE(tree);
    const auto found = agent::next_edits({*tree, of, 0, agent::kSureNextEdit, most}, {});
    REQUIRE(found);
    return found->size();
  };
  CHECK(offered(text, edits, 10) == 3);
  CHECK(offered(text, edits, 2) == 2);
  CHECK(offered(text, edits, 0) == 0);
  CHECK(offered(text, {edits[0], {1, "x", "zz"}}, 10) == 0);
  CHECK(offered(text, {{1, "x", "zz"}, edits[0]}, 10) == 3);
  CHECK(offered(text + "#" + std::string(agent::kMostNextEditBytes - text.size() - 1, '.'), edits, 10) == 3);
  CHECK(offered(text + "#" + std::string(agent::kMostNextEditBytes - text.size(), '.'), edits, 10) == 0);
}

TEST_CASE("next edit: each offer says why, in few words") {
  const auto why = [](const char* text, const std::string& old, const std::string& fresh) {
    const auto found = Desk(Language::kPython, text).change(old, fresh).offers();
    return found.empty() ? std::string() : found.front().why;
  };
  CHECK(why("log(1)\nlog(2)\nwarn(3)\n", "log", "warn") == "`log` became `warn`");
  CHECK(why("go(a, verbose=True)\ngo(b, verbose=True)\n", ", verbose=True", "") == "`, verbose=True` was taken out");
  CHECK(why("open(a, b)\nopen(c, d)\n", "a, b", "a, b, mode") == "`, mode` was put in");
  CHECK(why("save(a.b)\nsave(x + 1)\n", "a.b", "str(a.b)") == "`a.b` was wrapped in `str(...)`");
  const std::string kLong = "a_name_that_is_longer_than_forty_letters_are";
  CHECK(why("log(1)\nlog(2)\n", "log", kLong) == "`log` became `" + kLong.substr(0, 37) + "...`");
  CHECK(why("log(1)\nlog(2)\n", "log", kLong.substr(0, 40)) == "`log` became `" + kLong.substr(0, 40) + "`");
}

TEST_CASE("next edit: a change that does not parse where it was made is under way, though it would parse elsewhere") {
  const std::string text = "def f(a, b): pass\nf(a, b)\nf(a, b)\n";
  CHECK(Desk(Language::kPython, text).change("b", "17").next() == "silent");
  CHECK(Desk(Language::kPython, "f(*x)\nf(x)\nf(x)\n").change("x", "").offers(0).empty());
  CHECK_FALSE(Desk(Language::kPython, "f(x)\nf(x)\nf(x)\n").change("x", "").offers(0).empty());
}

TEST_CASE("next edit: places that are clearly less sure come after the others, wherever they stand") {
  Desk desk(Language::kJavaScript, "if (a.p == null) f();\nif (b.p == null) g();\nx = y == z;\nif (c.p == null) h();\n");
  desk.change("a.p ==", "a.p ===").change("b.p ==", "b.p ===");
  const auto found = desk.offers(0);
  REQUIRE(found.size() == 2);
  CHECK(found[0].range.begin > found[1].range.begin);
  CHECK(found[0].probability > found[1].probability);
}

TEST_CASE("next edit: where tokens are taken out the space becomes what it became in the example, of each place's own") {
  Desk front(Language::kPython, "go(verbose=True, a)\ngo( verbose=True, b )\n");
  CHECK(front.change("verbose=True, ", "").all() == "go(a)\ngo( b )\n");
  Desk back(Language::kPython, "go(a, verbose=True )\ngo(\n    b, verbose=True\n)\n");
  CHECK(back.change(", verbose=True", "").all() == "go(a )\ngo(\n    b\n)\n");
  Desk between(Language::kPython, "go(a,verbose=True,b)\ngo(c,verbose=True,d)\n");
  CHECK(between.change("verbose=True,", " ").all() == "go(a, b)\ngo(c, d)\n");
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

TEST_CASE("edit history: the newest edits are kept, and no more of them than are looked at") {
  agent::EditHistory history;
  agent::EditHistory::Time now{};
  std::string text;
  for (int i = 0; i < 12; ++i) text += "a\n";
  for (size_t i = 0; i < 12; ++i) {
    now += std::chrono::minutes(1);
    history.changed(text, 2 * i, 2 * i + 1, "b", now);
    text[2 * i] = 'b';
  }
  const auto edits = history.edits();
  REQUIRE(edits.size() == agent::EditHistory::kMostEdits);
  CHECK(edits.front().begin == 2 * (12 - edits.size()));
  CHECK(edits.back().begin == 22);
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
