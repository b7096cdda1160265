// SPDX-License-Identifier: Apache-2.0
#include "agent/code/name_uses.h"

#include <doctest/doctest.h>

#include <string>

#include "base/strings.h"

namespace {

using agent::NameKind;
using tools::Language;

// "name" for a use, "=name" where it is bound, ".name" for a member, ":name" for a type; those of a function with its number behind.
std::string names(Language language, const std::string& text) {
  const auto tree = tools::SyntaxTree::parse(language, text);
  REQUIRE(tree);
  std::string all;
  for (const agent::NameUse& use : agent::name_uses(*tree).names) {
    CHECK((use.name == std::string_view(tree->text()).substr(use.range.begin, use.name.size()) || language == Language::kGo));
    const std::string_view marks[] = {"=", "", ".", ":"};
    all += base::cat(all.empty() ? "" : " ", marks[static_cast<size_t>(use.kind)], use.name, use.function < 0 ? "" : base::cat("@", use.function));
  }
  return all;
}

}  // namespace

TEST_CASE("names: Python binds by assignment, parameter, loop, import, with and except") {
  CHECK(names(Language::kPython, "import os.path as p\nfrom sys import argv\nN = M\n") == "=os =path =p =sys =argv =N M");
  CHECK(names(Language::kPython, "def f(a, b=c, *d, e: T = g):\n  a.x = y[i] = 1\n  return f(k=a)\n") ==
        "=f =a@0 =b@0 c@0 =d@0 =e@0 T@0 g@0 a@0 .x@0 y@0 i@0 f@0 .k@0 a@0");
  CHECK(names(Language::kPython, "for i, (j, k) in x:\n  pass\nwith open(q) as h:\n  pass\ntry:\n  pass\nexcept E as e:\n  pass\n") ==
        "=i =j =k x open q =h E =e");
  CHECK(names(Language::kPython, "x = [a for a in b if (n := a)]\n") == "=x a =a b =n a");
}

TEST_CASE("names: a function inside a function is part of the outer one, its own name is outside") {
  CHECK(names(Language::kPython, "def f():\n  def g(x):\n    return x\n  return g\ndef h():\n  return f\n") == "=f =g@0 =x@0 x@0 g@0 =h f@1");
  CHECK(names(Language::kC, "static int *f(int a, char *b[N]) {\n  return g(a, b);\n}\n") == "=f =a@0 =b@0 N@0 g@0 a@0 b@0");
}

TEST_CASE("names: JavaScript and TypeScript") {
  CHECK(names(Language::kJavaScript, "import d, {a as b} from 'm';\nconst {x, y: z = q} = f(d.e);\nfor (const i of x) { k = i; }\n") ==
        "=d =a =b =x .y =z q f d .e =i x =k i");
  CHECK(names(Language::kJavaScript, "const f = (a, [b], {c}) => a + w;\ntry {} catch (e) { g(e); }\n") == "=f =a@0 =b@0 =c@0 a@0 w@0 =e g e");
  CHECK(names(Language::kTypeScript, "function f(a: A, b?: number, c = d): T { return a as U; }\n") == "=f =a@0 :A@0 =b@0 =c@0 d@0 :T@0 a@0 :U@0");
}

TEST_CASE("names: Go, whose imports are strings") {
  CHECK(names(Language::kGo, "package p\nimport (\n\"fmt\"\ny \"gopkg.in/yaml.v3\"\n\"example.org/mux/v2\"\n\"v8\"\n\"\"\n)\n") == ":p =fmt =y =yaml =mux =v8 =");
  CHECK(names(Language::kGo, "package p\nfunc (r *R) F(a int) error {\n\tx, err := g(a)\n\tfor i := range x { s.T(i) }\n\treturn err\n}\n") ==
        ":p =r@0 :R@0 .F =a@0 :int@0 :error@0 =x@0 =err@0 g@0 a@0 =i@0 x@0 s@0 .T@0 i@0 err@0");
}

TEST_CASE("names: Rust, Java, C++") {
  CHECK(names(Language::kRust, "use a::{b, c};\nfn f(x: T) { let (y, z) = b(x); if let Some(w) = y.q { for i in z { w; } } }\n") ==
        "=a =b =c =f =x@0 :T@0 =y@0 =z@0 b@0 x@0 Some@0 =w@0 y@0 .q@0 =i@0 z@0 w@0");
  CHECK(names(Language::kJava, "class A { int n; int f(int a) { int b = a + n; for (String s : xs) g(s); return h.i(b); } }\n") ==
        "=A =n .f =a@0 =b@0 a@0 n@0 :String@0 =s@0 xs@0 .g@0 s@0 h@0 .i@0 b@0");
  CHECK(names(Language::kCpp, "#define M(v) v\nint f(const T& a) {\n  auto [x, y] = a.p();\n  for (int i : x) n::q(i, [y](int z) { return z; });\n}\n") ==
        "=M =v =f :T@0 =a@0 =x@0 =y@0 a@0 .p@0 =i@0 x@0 :n@0 .q@0 i@0 =y@0 =z@0 z@0");
}

TEST_CASE("names: an export may be another file's, an enumerator is bound, a macro's tokens are names") {
  CHECK(names(Language::kTypeScript, "export { A, b as c } from 'm';\n") == ".A .b .c");
  CHECK(names(Language::kRust, "enum E { Id, At(T) }\nfn f() { m!(a.b, c::d(e)); }\n") == ":E =Id =At :T =f .m@0 a@0 .b@0 c@0 .d@0 e@0");
}

TEST_CASE("names: what belongs to the language, and who imports") {
  CHECK(agent::is_builtin_name(Language::kPython, "len"));
  CHECK_FALSE(agent::is_builtin_name(Language::kGo, "len2"));
  CHECK(agent::is_builtin_name(Language::kGo, "len"));
  CHECK(agent::names_are_imported(Language::kPython));
  CHECK_FALSE(agent::names_are_imported(Language::kC));
  CHECK(names(Language::kJson, "{\"a\": 1}").empty());
}

TEST_CASE("names: a text with faults still has those that can be made out") {
  CHECK(names(Language::kPython, "def f(a):\n  x = a +\n  return x\n").find("=a@0") != std::string::npos);
  CHECK(names(Language::kCpp, "int f(int a { ]]] a;").find("a") != std::string::npos);
  CHECK(names(Language::kC, "int f() { return a.; }") == "=f a@0");  // what is missing is no name
  CHECK(names(Language::kPython, "").empty());
}
