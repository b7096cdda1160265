// SPDX-License-Identifier: Apache-2.0
#include "agent/code/lexed_tokens.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "agent/code/bracket_layout.h"
#include "agent/code/token_ngrams.h"

namespace {

std::string shown(std::string_view text, tools::Language language) {
  std::string all;
  for (const agent::LexedToken& token : agent::lexed_tokens(text, language)) {
    if (!all.empty()) all += ' ';
    if (token.kind == agent::LexedKind::kLineEnd)
      all += token.indent_step > 0 ? "NL+" : (token.indent_step < 0 ? "NL-" : "NL");
    else
      all += text.substr(token.range.begin, token.range.end - token.range.begin);
    if (token.kind == agent::LexedKind::kQuote) all += "?";
  }
  return all;
}

agent::CodeFile file_of(std::string text, tools::Language language) {
  auto tree = tools::SyntaxTree::parse(language, text);
  REQUIRE(tree);
  std::vector<size_t> starts{0};
  for (size_t at = text.find('\n'); at != std::string::npos && at + 1 < text.size(); at = text.find('\n', at + 1))
    starts.push_back(at + 1);
  return {"a", true, *tree, {}, starts};
}

}  // namespace

TEST_CASE("lexed_tokens: marks, strings and line ends of each language") {
  using tools::Language;
  CHECK(shown("if x:  # why\n\n    y = r'a\\'b' // 2\n", Language::kPython) == "if x : NL+ y = r'a\\'b' // 2");
  CHECK(shown("s = \"\"\"a\n'b\"\"\" + c", Language::kPython) == "s = \"\"\"a\n'b\"\"\" + c");
  CHECK(shown("a->b::c(1.5e-3, 'x'); /* no\n */ d", Language::kCpp) == "a -> b :: c ( 1.5e-3 , 'x' ) ; d");
  CHECK(shown("R\"x(a)\" )x\" + 1", Language::kCpp) == "R\"x(a)\" )x\" + 1");
  CHECK(shown("x = a / b / c; y = /[/]\\//g.test(`a${b}`)", Language::kJavaScript) ==
        "x = a / b / c ; y = /[/]\\//g . test ( `a${b}` )");
}

TEST_CASE("lexed_tokens: what nobody closes is its mark alone, and the rest keeps its tokens") {
  CHECK(shown("f('a, b)\ng(c)\n", tools::Language::kPython) == "f ( '? a , b ) NL g ( c )");
  CHECK(shown("a /* b\nc", tools::Language::kC) == "a / * b NL c");
  const std::string many(20'000, '`');
  CHECK(agent::lexed_tokens(many, tools::Language::kJavaScript).size() == 10'000);
}

TEST_CASE("bracket_layout: the indentation tells where a bracket was lost") {
  const agent::CodeFile unclosed = file_of("int f() {\n  if (a) {\n    b();\n  c();\n}\n", tools::Language::kC);
  const auto layout = agent::bracket_layout(unclosed, agent::lexed_tokens(unclosed.text(), tools::Language::kC));
  CHECK(layout.open[2] == 1);
  REQUIRE_FALSE(layout.lost_closers.empty());
  CHECK(layout.lost_closers[0].opener_line == 2);
  CHECK(layout.lost_closers[0].before_line == 4);
  CHECK(layout.lost_closers[0].closer == "}");
  const agent::CodeFile unopened = file_of("x = \n  1,\n  2,\n]\n", tools::Language::kPython);
  const auto other = agent::bracket_layout(unopened, agent::lexed_tokens(unopened.text(), tools::Language::kPython));
  CHECK(other.open[1] == -1);
  CHECK(std::find(other.lines.begin(), other.lines.end(), 1) != other.lines.end());
}

TEST_CASE("token_ngrams: what the code does often is likelier, also with names it has not seen") {
  using tools::Language;
  std::string code;
  for (int i = 0; i < 30; ++i) code += "def f" + std::to_string(i) + "(self, a):\n    return self.g(a)\n";
  agent::TokenNgrams ngrams;
  ngrams.add(agent::gram_tokens(code, agent::lexed_tokens(code, Language::kPython)));
  const auto logprob = [&](std::string_view text) {
    const auto grams = agent::gram_tokens(text, agent::lexed_tokens(text, Language::kPython));
    double sum = 0;
    for (size_t i = 0; i < grams.size(); ++i) sum += ngrams.logprob(grams, i);
    return sum;
  };
  CHECK(logprob("def new(self, b):") > logprob("def new(self b,):"));
  CHECK(logprob("return self.h(b)") > logprob("return self,h(b)"));
  CHECK(logprob("def new(self, b):") > logprob("def new(self,b):"));
}
