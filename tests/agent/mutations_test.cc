// SPDX-License-Identifier: Apache-2.0
#include "agent/mutations.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "agent/mutation_context.h"
#include "base/utf8.h"

namespace {

std::string apply(std::string text, const agent::Mutation& mutation) {
  return text.replace(mutation.replacement.begin, mutation.replacement.end - mutation.replacement.begin,
                      mutation.replacement.text);
}

std::vector<agent::Mutation> mutations_of(std::string_view path, const std::string& text) {
  const auto tree = tools::SyntaxTree::parse(*tools::language_of_path(path), text);
  REQUIRE(tree);
  return agent::enumerate_mutations(*tree, {0, text.size()});
}

struct Repair {
  const char* path;
  const char* broken;
  const char* whole;
  agent::MutationKind kind;
};

// One usual mistake each, and the text that undoes it.
const Repair kRepairs[] = {
    {"a.js", "function f(xs) {\n  xs.filter(x => x > 0);\n  return xs;\n}\n",
     "function f(xs) {\n  return xs.filter(x => x > 0);\n}\n", agent::MutationKind::kReturn},
    {"a.ts", "function f(s: string) {\n  s.trim();\n  return g(s);\n}\n",
     "function f(s: string) {\n  s = s.trim();\n  return g(s);\n}\n", agent::MutationKind::kReturn},
    {"a.js", "function f(xs) {\n  return Math.min(xs);\n}\n",
     "function f(xs) {\n  return Math.min(...xs);\n}\n", agent::MutationKind::kCall},
    {"a.js", "function f(xs) {\n  return xs.sort();\n}\n",
     "function f(xs) {\n  return xs.sort((a, b) => a - b);\n}\n", agent::MutationKind::kCall},
    {"a.js", "function f(xs) {\n  for (const x in xs) g(x);\n}\n",
     "function f(xs) {\n  for (const x of xs) g(x);\n}\n", agent::MutationKind::kCall},
    {"a.js", "function f(a, b) {\n  return h([...a]) === h([...b]);\n}\n",
     "function f(a, b) {\n  return h([...a].sort()) === h([...b].sort());\n}\n", agent::MutationKind::kCall},
    {"a.ts", "function f(o: any) {\n  return o.a || 1;\n}\n",
     "function f(o: any) {\n  return o.a ?\? 1;\n}\n", agent::MutationKind::kDefault},
    {"a.ts", "function f(o: any) {\n  return o.a.b;\n}\n",
     "function f(o: any) {\n  return o.a?.b;\n}\n", agent::MutationKind::kDefault},
    {"a.js", "function f(x) {\n  return x * 2;\n}\n",
     "function f(x) {\n  return x * x;\n}\n", agent::MutationKind::kArithmetic},
    {"a.js", "function f(p, y) {\n  p *= p * y;\n  return p;\n}\n",
     "function f(p, y) {\n  p *= y;\n  return p;\n}\n", agent::MutationKind::kArithmetic},
    {"a.js", "function f(n) {\n  return n - 1 / 2;\n}\n",
     "function f(n) {\n  return n / 2 - 1;\n}\n", agent::MutationKind::kArithmetic},
    {"a.js", "function f(xs, mean) {\n  const n = xs.length;\n  return g(xs) / mean + n;\n}\n",
     "function f(xs, mean) {\n  const n = xs.length;\n  return g(xs) / xs.length + n;\n}\n", agent::MutationKind::kVariable},
    {"a.js", "function f(s) {\n  return s[0] == ' ' && s[1] == 'I';\n}\n",
     "function f(s) {\n  return s[0] == 'I' && s[1] == ' ';\n}\n", agent::MutationKind::kArguments},
    {"a.js", "function f(s) {\n  return g(s);\n}\n",
     "function f(s) {\n  return g(g(s));\n}\n", agent::MutationKind::kCall},
    {"a.js", "function f(xs) {\n  return xs.reduce((a, b) => a + b);\n}\n",
     "function f(xs) {\n  return xs.reduce((a, b) => a + b, 0);\n}\n", agent::MutationKind::kDefault},
    {"a.js", "function f(p, y) {\n  p *= y * p;\n  return p;\n}\n",
     "function f(p, y) {\n  p *= y;\n  return p;\n}\n", agent::MutationKind::kArithmetic},
    {"a.js", "function f(o) {\n  for (const k of o) g(k);\n}\n",
     "function f(o) {\n  for (const k in o) g(k);\n}\n", agent::MutationKind::kCall},
    {"a.js", "function f(xs) {\n  return xs.filter(g)[0];\n}\n",
     "function f(xs) {\n  return xs.find(g)[0];\n}\n", agent::MutationKind::kOpposite},
    {"a.js", "function f(xs) {\n  return Math.max(...xs);\n}\n",
     "function f(xs) {\n  return Math.max(xs);\n}\n", agent::MutationKind::kCall},
    {"a.js", "function f(s) {\n  return parseInt(s);\n}\n",
     "function f(s) {\n  return parseInt(s, 10);\n}\n", agent::MutationKind::kDefault},
    {"a.py", "def f(xs, k):\n    h = xs[k:]\n    for x in xs:\n        g(h, x)\n",
     "def f(xs, k):\n    h = xs[k:]\n    for x in xs[:k]:\n        g(h, x)\n", agent::MutationKind::kOffByOne},
    {"a.py", "def f(xs):\n    prev = None\n    for x in xs:\n        if prev == x:\n            g(x)\n",
     "def f(xs):\n    prev = None\n    for x in xs:\n        if prev == x:\n            g(x)\n        prev = x\n", agent::MutationKind::kInsertion},
    {"a.py", "def f(node):\n    seen = set()\n    def g(n):\n        if n not in seen:\n            return any(g(m) for m in n.next)\n        return False\n    return g(node)\n",
     "def f(node):\n    seen = set()\n    def g(n):\n        if n not in seen:\n            seen.add(n)\n            return any(g(m) for m in n.next)\n        return False\n    return g(node)\n", agent::MutationKind::kInsertion},
    {"a.py", "def f(xs):\n    return xs.sort()\n",
     "def f(xs):\n    return sorted(xs)\n", agent::MutationKind::kReturn},
    {"a.py", "def f(xs):\n    return xs.sort(key=g)\n",
     "def f(xs):\n    return sorted(xs, key=g)\n", agent::MutationKind::kReturn},
    {"a.js", "function f(x, s) {\n  return s.indexOf(x) > 0;\n}\n", "function f(x, s) {\n  return x.indexOf(s) > 0;\n}\n",
     agent::MutationKind::kArguments},
    {"a.js", "function f(x) {\n  let good = false;\n  if (g(x)) good = true;\n  return good;\n}\n",
     "function f(x) {\n  let good = true;\n  if (g(x)) good = false;\n  return good;\n}\n", agent::MutationKind::kConstant},
    {"a.py", "def f(s):\n    return s == '('\n", "def f(s):\n    return s == '['\n", agent::MutationKind::kString},
    {"a.cc", "bool f(char c) { return c == '('; }\n", "bool f(char c) { return c == '['; }\n", agent::MutationKind::kString},
    {"a.go", "package a\nfunc f(c byte) bool { return c == ',' }\n", "package a\nfunc f(c byte) bool { return c == ' ' }\n",
     agent::MutationKind::kString},
    {"a.rs", "fn f(c: char) -> char { if c == '0' { '0' } else { c } }\n", "fn f(c: char) -> char { if c == '1' { '1' } else { c } }\n",
     agent::MutationKind::kString},
    {"A.java", "class A { boolean f(char c) { return c == 'a'; } }\n", "class A { boolean f(char c) { return c == 'A'; } }\n",
     agent::MutationKind::kString},
    {"a.cc", "bool f(int a, int b) { return a > 1 and b > 2; }\n", "bool f(int a, int b) { return a > 1 or b > 2; }\n",
     agent::MutationKind::kBoolean},
    {"a.cc", "bool f(int a) { return a > 1 and a < 9 and a > 3; }\n", "bool f(int a) { return a > 1 or a < 9 or a > 3; }\n",
     agent::MutationKind::kBoolean},
    {"a.cc", "bool f(int a) { return a > 1 or a < 9; }\n", "bool f(int a) { return a > 1; }\n", agent::MutationKind::kCondition},
    {"a.cc", "int f(char c, int n) {\n  if (c == '(') n -= 1;\n  if (c == ')') n += 1;\n  return n;\n}\n",
     "int f(char c, int n) {\n  if (c == ')') n -= 1;\n  if (c == '(') n += 1;\n  return n;\n}\n", agent::MutationKind::kConstant},
    {"a.go", "package a\nfunc f(s []int) int {\n\tm := g(s[1])\n\td := g(s[0])\n\treturn h(m, d)\n}\n",
     "package a\nfunc f(s []int) int {\n\tm := g(s[0])\n\td := g(s[1])\n\treturn h(m, d)\n}\n", agent::MutationKind::kConstant},
    {"A.java", "class A { void f(int a) { if (a > 0) r.add(\"yes\"); else r.add(\"no\"); } }\n",
     "class A { void f(int a) { if (a > 0) r.add(\"no\"); else r.add(\"yes\"); } }\n", agent::MutationKind::kConstant},
    {"a.go", "package a\nfunc f(a, b int) []int { return []int{a, b} }\n", "package a\nfunc f(a, b int) []int { return []int{b, a} }\n",
     agent::MutationKind::kArguments},
    {"a.rs", "fn f(a: i32, b: &[i32]) -> Vec<i32> { vec![a, b[0]] }\n", "fn f(a: i32, b: &[i32]) -> Vec<i32> { vec![b[0], a] }\n",
     agent::MutationKind::kArguments},
    {"A.java", "class A { boolean f(String a, String b) { return a.contains(b); } }\n",
     "class A { boolean f(String a, String b) { return b.contains(a); } }\n", agent::MutationKind::kArguments},
    {"A.java", "class A { String f(String a) { return a.trim().substring(1); } }\n",
     "class A { String f(String a) { return a.trim(); } }\n", agent::MutationKind::kCall},
    {"A.java", "class A { int m = Integer.MIN_VALUE; }\n", "class A { int m = Integer.MAX_VALUE; }\n", agent::MutationKind::kOpposite},
    {"a.cc", "int f() { int m = INT_MAX; return m; }\n", "int f() { int m = INT_MIN; return m; }\n", agent::MutationKind::kOpposite},
    {"a.rs", "fn f() -> i32 { i32::MAX }\n", "fn f() -> i32 { i32::MIN }\n", agent::MutationKind::kOpposite},
    {"a.go", "package a\nfunc f(x float64) float64 { return math.Floor(x) }\n",
     "package a\nfunc f(x float64) float64 { return math.Ceil(x) }\n", agent::MutationKind::kOpposite},
    {"a.rs", "fn f(n: i32) -> bool { n.is_negative() }\n", "fn f(n: i32) -> bool { n.is_positive() }\n", agent::MutationKind::kOpposite},
    {"a.py", "def f(x):\n    if x.next is None:\n        return False\n    return True\n",
     "def f(x):\n    if x is None or x.next is None:\n        return False\n    return True\n", agent::MutationKind::kCondition},
    {"a.py", "def f(xs, n):\n    if n < 0:\n        return 0\n    return f(xs[1:], n - 1)\n",
     "def f(xs, n):\n    if n < 0 or not xs:\n        return 0\n    return f(xs[1:], n - 1)\n", agent::MutationKind::kCondition},
    {"a.py", "def f(xs):\n    here = 0\n    for x in xs:\n        here = here + x\n    return here\n",
     "def f(xs):\n    here = 0\n    for x in xs:\n        here = max(0, here + x)\n    return here\n", agent::MutationKind::kAssignment},
    {"a.py", "def f(a, k):\n    return a[:k] + a[k:]\n",
     "def f(a, k):\n    return a[k:] + a[:k]\n", agent::MutationKind::kArguments},
    {"a.py", "def f(x, n):\n    return [x.index(n), n]\n",
     "def f(x, n):\n    return [n, x.index(n)]\n", agent::MutationKind::kArguments},
    {"a.py", "def f(d):\n    day, month = d.split()\n    return day\n",
     "def f(d):\n    month, day = d.split()\n    return day\n", agent::MutationKind::kArguments},
    {"a.py", "def f(d, i, j):\n    return d[i, j]\n",
     "def f(d, i, j):\n    return d[j, i]\n", agent::MutationKind::kArguments},
    {"a.py", "def f(x):\n    return x in (a, b, c, d)\n",
     "def f(x):\n    return x in (a, b)\n", agent::MutationKind::kConstant},
    {"a.py", "def f(k):\n    if k == 0:\n        return []\n    return g(k)\n",
     "def f(k):\n    if k == 0:\n        return [[]]\n    return g(k)\n", agent::MutationKind::kConstant},
    {"a.py", "def f(xs, s):\n    return [x for x in xs if x in s]\n",
     "def f(xs, s):\n    return [x for x in xs if s in x]\n", agent::MutationKind::kArguments},
    {"a.py", "def f(a, b, x, y):\n    return a * b * x * y\n",
     "def f(a, b, x, y):\n    return a * b\n", agent::MutationKind::kArithmetic},
    {"a.py", "def f(a, b, c):\n    return a == b and b == c and a == c\n",
     "def f(a, b, c):\n    return a == b or b == c or a == c\n", agent::MutationKind::kBoolean},
    {"a.py", "def f(a, b):\n    return a == b\n",
     "def f(a, b):\n    return set(a) == set(b)\n", agent::MutationKind::kCall},
    {"a.py", "def f(ns):\n    total = g(ns)\n    d = 3\n    return h(ns) + h(total)\n",
     "def f(ns):\n    total = g(ns)\n    d = 3\n    return d + h(total)\n", agent::MutationKind::kVariable},
    {"a.py", "def f(ch):\n    return ord(ch) - ord(\"a\") + ord(ch)\n",
     "def f(ch):\n    return ord(ch) - ord(\"a\") + ord(\"a\")\n", agent::MutationKind::kArguments},
    {"a.py", "def f(xs):\n    mean = sum(xs) / len(xs)\n    return sum(xs) / mean\n",
     "def f(xs):\n    mean = sum(xs) / len(xs)\n    return sum(xs) / len(xs)\n", agent::MutationKind::kVariable},
    {"a.py", "def f(xs, k, n):\n    if k >= n:\n        return f(xs, k, 1)\n    return 0\n",
     "def f(xs, k, n):\n    if k >= n:\n        return f(xs, k - n, 1)\n    return 0\n", agent::MutationKind::kArithmetic},
    {"a.py", "def f(x, rest):\n    return [[x] + r for r in rest]\n",
     "def f(x, rest):\n    return rest + [[x] + r for r in rest]\n", agent::MutationKind::kArithmetic},
    {"a.py", "def f(xs, k):\n    h = xs[:k]\n    for x in xs:\n        g(h, x)\n",
     "def f(xs, k):\n    h = xs[:k]\n    for x in xs[k:]:\n        g(h, x)\n", agent::MutationKind::kOffByOne},
    {"a.py", "def f(xs, n):\n    i = 0\n    while i < len(xs):\n        g(xs[i:i + n])\n        i += 0\n",
     "def f(xs, n):\n    i = 0\n    while i < len(xs):\n        g(xs[i:i + n])\n        i += n\n", agent::MutationKind::kAssignment},
    {"a.js", "function f(xs, n) {\n  for (let i = 0; i < xs.length; i += 1) g(xs[i + n]);\n}\n",
     "function f(xs, n) {\n  for (let i = 0; i < xs.length; i += n) g(xs[i + n]);\n}\n", agent::MutationKind::kVariable},
    {"a.py", "def f(text):\n    return g('text')\n",
     "def f(text):\n    return g(text)\n", agent::MutationKind::kVariable},
    {"a.py", "def f(xs):\n    return xs.sort(key=g)\n",
     "def f(xs):\n    xs.sort(key=g)\n    return xs\n", agent::MutationKind::kReturn},
    {"a.py", "def f(s):\n    return s.replace(a, b).replace(b, a)\n",
     "def f(s):\n    return s.replace(a, b)\n", agent::MutationKind::kCall},
    {"a.py", "def f(s):\n    if s == 1:\n        return ' '\n    return ' '\n",
     "def f(s):\n    if s == 1:\n        return ''\n    return ''\n", agent::MutationKind::kString},
    {"a.py", "def f(s):\n    \"\"\"Counts '['.\"\"\"\n    return s == '('\n",
     "def f(s):\n    \"\"\"Counts '['.\"\"\"\n    return s == '['\n", agent::MutationKind::kString},
    {"a.py", "def f(node):\n    prev = None\n    while node:\n        after = node.next\n        node.next = prev\n        node = after\n    return prev\n",
     "def f(node):\n    prev = None\n    while node:\n        after = node.next\n        node.next = prev\n        prev = node\n        node = after\n    return prev\n", agent::MutationKind::kInsertion},
    {"a.py", "def f(xs):\n    a = 0\n    b = 0\n    for x in xs:\n        if x > 0:\n            a += 1\n    return a, b\n",
     "def f(xs):\n    a = 0\n    b = 0\n    for x in xs:\n        if x > 0:\n            a += 1\n        else:\n            b += 1\n    return a, b\n", agent::MutationKind::kInsertion},
    {"a.py", "def f(node):\n    seen = set()\n    def g(n):\n        if n in seen:\n            return False\n        else:\n            return any(g(m) for m in n.next)\n    return g(node)\n",
     "def f(node):\n    seen = set()\n    def g(n):\n        if n in seen:\n            return False\n        else:\n            seen.add(n)\n            return any(g(m) for m in n.next)\n    return g(node)\n", agent::MutationKind::kInsertion},
    {"a.py", "def f(text):\n    lines = []\n    while len(text) > 9:\n        line, text = text[:9], text[9:]\n        lines.append(line)\n    return lines\n",
     "def f(text):\n    lines = []\n    while len(text) > 9:\n        line, text = text[:9], text[9:]\n        lines.append(line)\n    lines.append(text)\n    return lines\n", agent::MutationKind::kInsertion},
    {"a.py", "def f(xs, ys):\n    out = set()\n    for x in xs:\n        for y in ys:\n            out.add(x)\n    return out\n",
     "def f(xs, ys):\n    out = set()\n    for x in xs:\n        for y in ys:\n            if x == y:\n                out.add(x)\n    return out\n", agent::MutationKind::kGuard},
    {"a.py", "def f(x, y, n):\n    return n * g(x) / g(y)\n",
     "def f(x, y, n):\n    return n * g(y) / g(x)\n", agent::MutationKind::kArguments},
    {"a.py", "def f(a, b):\n    if a.amount < b.amount:\n        return b.to(a.unit).amount\n",
     "def f(a, b):\n    if a.amount < b.to(a.unit).amount:\n        return b.to(a.unit).amount\n", agent::MutationKind::kCall},
    {"a.py", "def f(xs):\n    best = 0\n    for x in xs:\n        best = x - 1\n    return best\n",
     "def f(xs):\n    best = 0\n    for x in xs:\n        best = max(best, x - 1)\n    return best\n", agent::MutationKind::kAssignment},
    {"a.py", "class A:\n    def end(self):\n        return 1\n\n\ndef f(a):\n    return a.end + 1\n",
     "class A:\n    @property\n    def end(self):\n        return 1\n\n\ndef f(a):\n    return a.end + 1\n", agent::MutationKind::kInsertion},
    {"a.py", "def f(a, b):\n    if a < b:\n        return a.name\n    return b.name\n",
     "def f(a, b):\n    if not a < b:\n        return a.name\n    return b.name\n", agent::MutationKind::kNegation},
    {"a.py", "def f(xs):\n    for i, x in enumerate(xs):\n        g(i, x)\n",
     "def f(xs):\n    for i, x in enumerate(xs, start=1):\n        g(i, x)\n", agent::MutationKind::kOffByOne},
    {"a.py", "def f(xs):\n    for x in xs:\n        if x:\n            continue\n        g(x)\n",
     "def f(xs):\n    for x in xs:\n        if x:\n            return None\n        g(x)\n", agent::MutationKind::kControlFlow},
    {"a.py", "def f(lot, taken):\n    return g(lot.quantity)\n",
     "def f(lot, taken):\n    return g(taken)\n", agent::MutationKind::kVariable},
    {"a.cc", "int f(D date, D result) { return days(date.year, date.month); }\n",
     "int f(D date, D result) { return days(result.year, result.month); }\n", agent::MutationKind::kVariable},
    {"a.cc", "double f(V v) { return std::accumulate(v.begin(), v.end(), 0); }\n",
     "double f(V v) { return std::accumulate(v.begin(), v.end(), 0.0); }\n", agent::MutationKind::kType},
    {"a.py", "def f(a, n):\n    return a < n\n", "def f(a, n):\n    return a <= n\n", agent::MutationKind::kComparison},
    {"a.py", "def f(a):\n    if a in B:\n        return 1\n", "def f(a):\n    if a not in B:\n        return 1\n",
     agent::MutationKind::kComparison},
    {"a.py", "def f(a, b):\n    return a // b\n", "def f(a, b):\n    return a / b\n", agent::MutationKind::kArithmetic},
    {"a.py", "def f(a, b):\n    return a + b * 2\n", "def f(a, b):\n    return (a + b) * 2\n",
     agent::MutationKind::kArithmetic},
    {"a.py", "def f(a, b):\n    return a and b\n", "def f(a, b):\n    return a or b\n", agent::MutationKind::kBoolean},
    {"a.py", "def f(a):\n    if a.ok:\n        return 1\n", "def f(a):\n    if not a.ok:\n        return 1\n",
     agent::MutationKind::kNegation},
    {"a.py", "def f(a, i):\n    return a[i]\n", "def f(a, i):\n    return a[i - 1]\n", agent::MutationKind::kOffByOne},
    {"a.py", "def f(n):\n    return sum(range(n))\n", "def f(n):\n    return sum(range(1, n + 1))\n",
     agent::MutationKind::kOffByOne},
    {"a.py", "def f(a):\n    return a[1:]\n", "def f(a):\n    return a[:]\n", agent::MutationKind::kOffByOne},
    {"a.py", "def f(n=10):\n    return n\n", "def f(n=100):\n    return n\n", agent::MutationKind::kConstant},
    {"a.py", "def f(width, height):\n    return width * width\n", "def f(width, height):\n    return width * height\n",
     agent::MutationKind::kVariable},
    {"a.py", "def f(a, b):\n    return g(b, a)\n", "def f(a, b):\n    return g(a, b)\n",
     agent::MutationKind::kArguments},
    {"a.py", "def f(a):\n    return a.lstrip()\n", "def f(a):\n    return a.rstrip()\n", agent::MutationKind::kOpposite},
    {"a.py", "def f(a, b):\n    return max(a, b)\n", "def f(a, b):\n    return min(a, b)\n",
     agent::MutationKind::kOpposite},
    {"a.py", "def f(a, d):\n    return a / d\n", "def f(a, d):\n    if d == 0:\n        return 0\n    return a / d\n",
     agent::MutationKind::kGuard},
    {"a.py", "def f(xs):\n    t = 0\n    for x in xs:\n        t += x\n        return t\n",
     "def f(xs):\n    t = 0\n    for x in xs:\n        t += x\n    return t\n", agent::MutationKind::kMove},
    {"a.py", "def f(xs):\n    for x in xs:\n        t = 0\n        t += x\n    return t\n",
     "def f(xs):\n    t = 0\n    for x in xs:\n        t += x\n    return t\n", agent::MutationKind::kMove},
    {"a.py", "class A:\n    def __init__(self, a, b):\n        self.a = a\n",
     "class A:\n    def __init__(self, a, b):\n        self.a = a\n        self.b = b\n",
     agent::MutationKind::kInsertion},
    {"a.py", "def f(n):\n    i = 0\n    while i < n:\n        g(n)\n",
     "def f(n):\n    i = 0\n    while i < n:\n        g(n)\n        i += 1\n", agent::MutationKind::kInsertion},
    {"a.py", "def f(a):\n    b = a * 2\n", "def f(a):\n    b = a * 2\n    return b\n", agent::MutationKind::kReturn},
    {"a.py", "async def g():\n    return 1\n\nasync def f():\n    return g()\n",
     "async def g():\n    return 1\n\nasync def f():\n    return await g()\n", agent::MutationKind::kAwait},
    {"a.py", "def f(x, seen=[]):\n    seen.append(x)\n    return seen\n",
     "def f(x, seen=None):\n    if seen is None:\n        seen = []\n    seen.append(x)\n    return seen\n",
     agent::MutationKind::kDefault},
    {"a.py", "def f(xs):\n    for x in xs:\n        if x:\n            break\n        g(x)\n",
     "def f(xs):\n    for x in xs:\n        if x:\n            continue\n        g(x)\n",
     agent::MutationKind::kControlFlow},
    {"a.cc", "int f(int a, int n) { return a > n; }\n", "int f(int a, int n) { return a >= n; }\n",
     agent::MutationKind::kComparison},
    {"a.cc", "int f(int n) {\n  int t = 0;\n  for (int i = 0; i <= n; ++i) t += i;\n  return t;\n}\n",
     "int f(int n) {\n  int t = 0;\n  for (int i = 0; i < n; ++i) t += i;\n  return t;\n}\n",
     agent::MutationKind::kComparison},
    {"a.cc", "double f(int a, int b) { return a / b; }\n",
     "double f(int a, int b) { return static_cast<double>(a) / b; }\n", agent::MutationKind::kType},
    {"a.cc", "void f(std::vector<int>& v) {\n  for (auto x : v) x = 0;\n}\n",
     "void f(std::vector<int>& v) {\n  for (auto& x : v) x = 0;\n}\n", agent::MutationKind::kType},
    {"a.cc", "int f(int k) {\n  switch (k) {\n    case 1:\n      g();\n    case 2:\n      h();\n      break;\n  }\n}\n",
     "int f(int k) {\n  switch (k) {\n    case 1:\n      g();\n      break;\n    case 2:\n      h();\n      break;\n  "
     "}\n}\n",
     agent::MutationKind::kInsertion},
    {"a.cc", "int f(const std::vector<int>& v) {\n  return v[0];\n}\n",
     "int f(const std::vector<int>& v) {\n  if (v.empty()) return 0;\n  return v[0];\n}\n",
     agent::MutationKind::kGuard},
    {"a.c", "int f(struct node *p) {\n  return p->next;\n}\n",
     "int f(struct node *p) {\n  if (p == NULL) return 0;\n  return p->next;\n}\n", agent::MutationKind::kGuard},
    {"a.cu", "__global__ void k(float* x, int n) {\n  int i = threadIdx.x;\n  if (i <= n) x[i] = 0;\n}\n",
     "__global__ void k(float* x, int n) {\n  int i = threadIdx.x;\n  if (i < n) x[i] = 0;\n}\n",
     agent::MutationKind::kComparison},
    {"a.js", "function f(a, b) {\n  return a && b;\n}\n", "function f(a, b) {\n  return a || b;\n}\n",
     agent::MutationKind::kBoolean},
    {"a.ts", "async function g() { return 1; }\nasync function f() {\n  return g();\n}\n",
     "async function g() { return 1; }\nasync function f() {\n  return await g();\n}\n", agent::MutationKind::kAwait},
    {"A.java", "class A {\n  int f(int a, int b) {\n    return Math.max(a, b);\n  }\n}\n",
     "class A {\n  int f(int a, int b) {\n    return Math.min(a, b);\n  }\n}\n", agent::MutationKind::kOpposite},
    {"a.go", "package a\n\nfunc f(a, n int) bool {\n\treturn a < n\n}\n",
     "package a\n\nfunc f(a, n int) bool {\n\treturn a <= n\n}\n", agent::MutationKind::kComparison},
    {"a.rs", "fn f(a: i32, n: i32) -> i32 {\n    a - n\n}\n", "fn f(a: i32, n: i32) -> i32 {\n    a + n\n}\n",
     agent::MutationKind::kArithmetic},
};

}  // namespace

TEST_CASE("mutations: the usual mistakes of each language are one mutation away from their repair") {
  for (const Repair& repair : kRepairs) {
    const std::string before(repair.broken);
    CAPTURE(before);
    CAPTURE(repair.whole);
    bool found = false;
    for (const agent::Mutation& mutation : mutations_of(repair.path, before))
      if (apply(before, mutation) == repair.whole) {
        found = true;
        CHECK(agent::mutation_kind_name(mutation.kind) == agent::mutation_kind_name(repair.kind));
        CHECK(mutation.weight > 0);
        CHECK(mutation.weight <= 1);
        CHECK_FALSE(mutation.description.empty());
      }
    CHECK(found);
  }
}

TEST_CASE("mutations: each differs from the old text, none is listed twice, nearly all still parse") {
  for (const Repair& repair : kRepairs) {
    const std::string before(repair.whole);
    CAPTURE(before);
    std::set<std::pair<size_t, std::string>> seen;
    int parsed = 0, all = 0;
    for (const agent::Mutation& mutation : mutations_of(repair.path, before)) {
      const std::string after = apply(before, mutation);
      CHECK(after != before);
      CHECK(seen.emplace(mutation.replacement.begin * 100000 + mutation.replacement.end, mutation.replacement.text)
                .second);
      parsed += tools::parse_gate(repair.path, before, after).passed ? 1 : 0;
      ++all;
    }
    CHECK(parsed * 10 >= all * 9);
  }
}

TEST_CASE("mutations: what says nothing, or was done already, is not offered") {
  struct Unwanted {
    const char* path;
    const char* text;
    const char* after;
  };
  const Unwanted unwanted[] = {
      {"a.js", "function f(a, b) {\n  return h(a) === b;\n}\n", "function f(a, b) {\n  return h(a.sort()) === b.sort();\n}\n"},
      {"a.js", "function f(a, b) {\n  if (a || b) g();\n}\n", "function f(a, b) {\n  if (a ?\? b) g();\n}\n"},
      {"a.py", "def f(n):\n    return n * 2 + 1\n", "def f(n):\n    return 1 + n * 2\n"},
      {"a.py", "def f(a, b):\n    return len(a) == len(b)\n", "def f(a, b):\n    return len(len(a)) == len(len(b))\n"},
      {"a.py", "class A:\n    def __init__(self):\n        self.n = 0\n\n    def f(self):\n        self.n += 2\n\n    def g(self):\n        h()\n",
       "class A:\n    def __init__(self):\n        self.n = 0\n\n    def f(self):\n        self.n += 2\n\n    def g(self):\n        h()\n        self.n += 1\n"},
      {"a.py", "class A:\n    def f(self):\n        if self.next == 1:\n            return 2\n", "class A:\n    def f(self):\n        if self is None or self.next == 1:\n            return 2\n"},
      {"a.py", "def f(n):\n    if n < 0:\n        return 2\n", "def f(n):\n    if n < 0 or not n:\n        return 2\n"},
      // Many places that read alike are a table, and named fields have no order.
      {"a.go", "package a\nfunc f() {\n\tp(1)\n\tp(2)\n\tp(3)\n\tp(4)\n}\n", "package a\nfunc f() {\n\tp(3)\n\tp(2)\n\tp(1)\n\tp(4)\n}\n"},
      {"a.go", "package a\nfunc f(x, y int) P { return P{a: x, b: y} }\n", "package a\nfunc f(x, y int) P { return P{b: y, a: x} }\n"},
      {"a.rs", "fn f(a: i32, n: usize) -> Vec<i32> { vec![a; n] }\n", "fn f(a: i32, n: usize) -> Vec<i32> { vec![n; a] }\n"},
      {"a.py", "def f(a):\n    return g(a and b)\n", "def f(a):\n    return g(a && b)\n"},
  };
  for (const Unwanted& each : unwanted) {
    const std::string text = each.text;
    CAPTURE(text);
    const auto found = mutations_of(each.path, text);
    CHECK_FALSE(found.empty());
    for (const agent::Mutation& mutation : found) CHECK(apply(text, mutation) != each.after);
  }
}

TEST_CASE("mutations: of two edits the likelier weighs more") {
  const auto weight = [](const std::string& text, const std::string& after, const char* path = "a.py") {
    double most = 0;
    for (const agent::Mutation& mutation : mutations_of(path, text))
      if (apply(text, mutation) == after) most = std::max(most, mutation.weight);
    CAPTURE(after);
    CHECK(most > 0);
    return most;
  };
  // `a < b + 1` is `a <= b`, which is tried as such; a step of the left side is one of the right.
  const std::string less = "def f(a, b):\n    return a < b\n";
  CHECK(weight(less, "def f(a, b):\n    return a < b - 1\n") > weight(less, "def f(a, b):\n    return a < b + 1\n"));
  CHECK(weight(less, "def f(a, b):\n    return a < b - 1\n") > weight(less, "def f(a, b):\n    return a + 1 < b\n"));
  const std::string most = "def f(a, b):\n    return a <= b\n";
  CHECK(weight(most, "def f(a, b):\n    return a <= b + 1\n") > weight(most, "def f(a, b):\n    return a <= b - 1\n"));
  // Names change places sooner than literals do.
  CHECK(weight("def f(a, b):\n    return [a, b]\n", "def f(a, b):\n    return [b, a]\n") > weight("def f():\n    return ['a', 'b']\n", "def f():\n    return ['b', 'a']\n"));
  // A variable that nothing uses was meant sooner than one in use.
  CHECK(weight("def f(ns):\n    d = 3\n    return h(ns)\n", "def f(ns):\n    d = 3\n    return d\n") >= .6);
  const std::string used = "def f(ns, d):\n    g(d)\n    return h(ns)\n";
  for (const agent::Mutation& mutation : mutations_of("a.py", used))
    if (mutation.replacement.begin == used.find("h(ns)") && mutation.replacement.text == "d") CHECK(mutation.weight < .6);
  // The rest was collected: once more is just another line of the function.
  const std::string collected = "def f(text):\n    lines = []\n    while len(text) > 9:\n        line, text = text[:9], text[9:]\n        lines.append(line)\n    lines.append(text)\n";
  CHECK(weight(collected + "    return lines\n", collected + "    lines.append(text)\n    return lines\n") < .5);
  // What the mark does already is done twice.
  CHECK(weight("function f(p, y) {\n  p *= y * p;\n  return p;\n}\n", "function f(p, y) {\n  p *= y;\n  return p;\n}\n", "a.js") == 1);
}

TEST_CASE("mutations: characters of several bytes are taken whole, in the text and in what is said of it") {
  const std::string text = "def f(x):\n    \"\"\"Wählt 'ä' oder 'ö'.\"\"\"\n    if x == 'äöü€':\n        return '" + std::string(59, 'a') +
                           "\xf0\x9f\x98\x80\xf0\x9f\x98\x80'\n    return g('ü', \"日本\")\n";
  std::set<std::string> texts;
  for (const agent::Mutation& mutation : mutations_of("a.py", text)) {
    CAPTURE(mutation.description);
    CHECK(base::is_utf8(apply(text, mutation)));
    CHECK(base::is_utf8(mutation.description));
    texts.insert(mutation.replacement.text);
  }
  CHECK(texts.contains("'äöü'"));
  CHECK(texts.contains("'öü€'"));
  CHECK(texts.contains("''"));
}

TEST_CASE("mutations: only places inside the range are touched") {
  const std::string text = "def f(a):\n    return a + 1\n\ndef g(a):\n    return a + 1\n";
  const auto tree = tools::SyntaxTree::parse(tools::Language::kPython, text);
  REQUIRE(tree);
  const size_t second = text.find("def g");
  const auto found = agent::enumerate_mutations(*tree, {second, text.size()});
  REQUIRE_FALSE(found.empty());
  for (const agent::Mutation& mutation : found) CHECK(mutation.replacement.begin >= second);
}

TEST_CASE("mutations: data, comments and imports are left alone") {
  CHECK(mutations_of("a.json", "{\"a\": 1}").empty());
  CHECK(mutations_of("a.py", "import os\nfrom a import b\n# 1 + 2\n").empty());
}

TEST_CASE("edit_distance: counts inserted, dropped, changed and exchanged characters up to a bound") {
  CHECK(agent::edit_distance("total", "total", 2) == 0);
  CHECK(agent::edit_distance("total", "totl", 2) == 1);
  CHECK(agent::edit_distance("total", "toatl", 2) == 1);
  CHECK(agent::edit_distance("total", "sum", 2) == 3);
}

TEST_CASE("number_likelihood: types and uses tell numbers from texts, lists and records") {
  const auto likelihood = [](std::string_view path, const std::string& text, std::string_view of) {
    const auto tree = tools::SyntaxTree::parse(*tools::language_of_path(path), text);
    REQUIRE(tree);
    agent::MutationContext context(*tree, *agent::language_traits(tree->language()));
    for (int i = context.nodes.size() - 1; i >= 0; --i)
      if (context.nodes[i].named && context.nodes.text(i) == of) return context.number_likelihood(i);
    FAIL("no such node");
    return 0.0;
  };
  CHECK(likelihood("a.py", "def f(n: int):\n    return g(n)\n", "n") == 1);
  CHECK(likelihood("a.py", "def f(n: str):\n    return g(n)\n", "n") < .1);
  CHECK(likelihood("a.py", "def f(n):\n    if n > 3:\n        return g(n)\n", "n") == 1);
  CHECK(likelihood("a.py", "def f(xs):\n    xs.clear()\n    return g(xs)\n", "xs") < .1);
  CHECK(likelihood("a.py", "def f(x):\n    return g(len(x))\n", "len(x)") == 1);
  CHECK(likelihood("a.py", "def f(x):\n    return g(x)\n", "x") == doctest::Approx(.45));
  CHECK(likelihood("a.cc", "int f(std::size_t n) { return g(n); }\n", "n") == 1);
  CHECK(likelihood("a.cc", "int f(std::string n) { return g(n); }\n", "n") < .1);
  CHECK(likelihood("a.cc", "int f(auto n) { return g(n); }\n", "n") == doctest::Approx(.45));
}
