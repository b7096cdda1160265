#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""models/eval: repairs of broken programs and their judge, on made-up sets and with a program that answers as graft does."""

import ast
import json
import random
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

from eval_kit import CLAMP, FAKE_GRAFT, Scratch  # first: says where modules of other folders are

import compile_errors
import damaged_programs
import histories
import history_fixes
import ranks
import repair_task
import repairs
import sets
from measure import Item


class Repair(Scratch):
    def answer(self, **answer):
        graft = self.write("graft", FAKE_GRAFT.format(python=sys.executable))
        graft.chmod(0o755)
        self.write("answer.json", json.dumps(answer))
        return repair_task.repair(self.kit(graft), repairs.pack_task(CLAMP, "python"), True)

    def patch(self, old, new, path="solution.py"):
        text = repairs.pack_task(CLAMP, "python").broken[path].splitlines()
        at = text.index(old)
        after = [" " + line for line in text[at + 1 : at + 3]]
        lines = [" " + text[at - 1], f"-{old}", f"+{new}", *after]
        count = 2 + len(after)
        return f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -{at},{count} +{at},{count} @@\n" + "\n".join(lines) + "\n"

    def test_a_true_repair_counts(self):
        patch = self.patch("    return max(x, high)", "    return min(x, high)")
        result = self.answer(status="verified", patch=patch, checks=3, candidates=9, proposer="p")
        self.assertEqual((result["fixed"], result["restored"], result["problems"]), (True, True, []))
        other = self.patch("    return max(x, high)", "    return min(high, x)")
        result = self.answer(status="verified", patch=other, checks=3)
        self.assertEqual((result["fixed"], result["restored"]), (True, False))

    def test_a_published_repair_that_stands_beside_another_is_shown(self):
        true, other = (self.patch("    return max(x, high)", f"    return min({order})") for order in ("x, high", "high, x"))
        result = self.answer(status="verified", patch=other, checks=3, alternatives=[{"patch": "nonsense"}, {"patch": true}])
        self.assertEqual((result["restored"], result["shown"]), (False, True))
        result = self.answer(status="verified", patch=other, checks=3, alternatives=[{"patch": other}])
        self.assertEqual((result["restored"], result["shown"]), (False, False))
        self.assertTrue(self.answer(status="verified", patch=true, checks=3)["shown"])
        self.assertFalse(self.answer(status="none", checks=60, alternatives=[{"patch": true}])["shown"])

    def test_a_promise_that_does_not_hold_is_seen(self):
        wrong = self.patch("    return max(x, high)", "    return high")
        self.assertEqual(self.answer(status="verified", patch=wrong)["problems"], ["the check fails with the patch"])
        tests = self.patch("    assert clamp(5, 0, 3) == 3", "    assert True", "test_solution.py")
        self.assertEqual(self.answer(status="verified", patch=tests)["problems"], ["the patch edits the tests"])
        self.assertIn("the patch does not apply", self.answer(status="verified", patch="nonsense")["problems"][0])
        true = self.patch("    return max(x, high)", "    return min(x, high)")
        self.assertEqual(self.answer(status="verified", patch=true, touch=True)["problems"], ["the work tree was changed"])
        self.assertEqual(self.answer(status="verified", patch=true, checks=61)["problems"], ["61 checks are over the budget"])

    def test_an_honest_no_is_no_problem(self):
        result = self.answer(status="none", checks=60)
        self.assertEqual((result["fixed"], result["problems"]), (False, []))
        self.assertTrue(self.answer(status="already_passes")["unusable"])


# As `graft fix` and `graft sandbox run`: the second runs the check in the folder itself.
FAKE_SANDBOX = """#!{python}
import json, pathlib, subprocess, sys
if sys.argv[1] == "sandbox":
    code = subprocess.run(sys.argv[sys.argv.index("--") + 1:], cwd=sys.argv[sys.argv.index("-C") + 1], capture_output=True).returncode
    print(json.dumps({{"ending": "exited", "exit_code": code}}))
else:
    print(json.dumps({{"status": "verified", "checks": 1, "patch": pathlib.Path(__file__).with_name("fixed.patch").read_text()}}))
"""


class Histories(Scratch):
    def setUp(self):
        super().setUp()
        self.tree = self.folder / "project"
        self.git("init", "-q", "-b", "main")
        self.broken = "def half(n):\n    return n // 3\n"
        self.commit({"pkg/a.py": self.broken, "tests/test_a.py": "from pkg.a import half\n", "data.bin": b"\xff\0"})
        test = "from pkg.a import half\n\n\ndef test_half():\n    assert half(8) == 4\n"
        self.right = self.commit({"pkg/a.py": self.broken.replace("3", "2"), "tests/test_a.py": test})
        self.commit({"pkg/a.py": "def half(n):\n    return n // 2\n\n\ndef third(n):\n    m = n\n    return m // 3\n", "tests/test_a.py": test + "\n"})  # too much
        self.commit({"pkg/a.py": "def half(n):\n    return n // 2 + 0\n"})  # no test
        self.commit({"pkg/a.py": "def half(n):\n    return n // 2\n", "setup.py": "x = 1\n", "tests/test_a.py": test})  # two files
        kept = self.folder / "sets" / "histories" / "some+project.git"
        kept.parent.mkdir(parents=True)
        shutil.copytree(self.tree / ".git", kept)
        self.bug = histories.Bug("some/project", self.right, "pkg/a.py", ("tests/test_a.py",), True)

    def git(self, *arguments):
        self.tree.mkdir(exist_ok=True)
        who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        return subprocess.run(["git", "-C", self.tree, *who, *arguments], check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, files):
        for name, text in files.items():
            path = self.tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "m")
        return self.git("rev-parse", "HEAD")

    def test_a_small_correction_with_its_tests_is_found_and_nothing_else(self):
        found = histories.small_corrections(histories.git_folder(self.folder / "sets", "some/project"), "some/project")
        self.assertEqual([(b.commit, b.source, b.tests) for b in found], [(self.right, "pkg/a.py", ("tests/test_a.py",))])

    def test_the_broken_program_is_the_correction_s_tree_with_the_one_file_as_it_was(self):
        out = self.folder / "out"
        out.mkdir()
        histories.lay_out(self.folder / "sets", self.bug, out, True)
        self.assertEqual((out / "pkg/a.py").read_text(), self.broken)
        self.assertIn("test_half", (out / "tests/test_a.py").read_text())
        self.assertEqual((out / "data.bin").read_bytes(), b"\xff\0")
        check = histories.check_of(self.folder / "sets", self.bug, False)
        self.assertTrue(check.endswith(" tests/test_a.py") and "PYTHONPATH=. " in check, check)
        self.assertNotIn("tests/test_a.py", histories.check_of(self.folder / "sets", self.bug, True))

    def test_the_list_is_read_as_it_was_written_and_each_bug_keeps_its_half(self):
        path = self.folder / "list.tsv"
        histories.write_list([self.bug], path)
        self.assertEqual(histories.read_list(path), [self.bug])
        published = histories.read_list()
        self.assertEqual(len({bug.key for bug in published}), len(published))
        first = [bug for bug in published if history_fixes.is_first(bug.key)]
        self.assertTrue(0.3 < len(first) / len(published) < 0.7)
        self.assertTrue(history_fixes.is_first("a/b@0123456789"))
        self.assertFalse(history_fixes.is_first("a/b@0123456781"))

    def repaired(self, old, new, path="pkg/a.py"):
        graft = self.write("graft", FAKE_SANDBOX.format(python=sys.executable))
        graft.chmod(0o755)
        text = self.git("show", f"{self.right}{'^' if path == 'pkg/a.py' else ''}:{path}").splitlines()
        at = text.index(old)
        body = "".join(("-" + line + "\n+" + new if i == at else " " + line) + "\n" for i, line in enumerate(text))
        self.write("fixed.patch", f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -1,{len(text)} +1,{len(text)} @@\n{body}")
        kit = self.kit(graft)
        task = history_fixes.bug_task(kit, self.bug, False)
        # The machine that runs this test may have no pytest.
        task.check = "python3 -B -c 'import sys; sys.path.insert(0, \".\"); from tests.test_a import test_half; test_half()'"
        self.assertEqual(repair_task.usable(task, kit), "")
        return repair_task.repair(kit, task, False)

    def test_a_repair_of_a_project_is_judged_in_the_sandbox(self):
        result = self.repaired("    return n // 3", "    return n // 2")
        self.assertEqual((result["fixed"], result["restored"], result["problems"]), (True, True, []))
        result = self.repaired("    return n // 3", "    return n >> 1")
        self.assertEqual((result["fixed"], result["restored"]), (True, False))
        result = self.repaired("    assert half(8) == 4", "    assert True", "tests/test_a.py")
        self.assertEqual(result["problems"], ["the patch edits the tests"])

    def test_without_git_directories_it_is_said_how_to_get_them(self):
        missing = history_fixes.HistoryFixes(False).missing(self.kit())
        self.assertIn("git clone --mirror", missing[0])


class SameProgram(unittest.TestCase):
    def test_texts_that_stand_for_comments_do_not_count(self):
        ours, theirs = 'def f(x):\n    """ What it does. """\n    return  x\n\n"""\nMore\n"""\n', "def f(x):\n    return x\n"
        self.assertTrue(repair_task.same_program("a.py", ours, theirs))
        self.assertFalse(repair_task.same_program("a.py", ours, "def f(x):\n    return -x\n"))
        self.assertFalse(repair_task.same_program("a.py", "def f(x):\n    return 'a'\n", "def f(x):\n    return 'b'\n"))
        self.assertFalse(repair_task.same_program("a.py", "def f(:", theirs))
        self.assertFalse(repair_task.same_program("a.c", "int x;", "int  x;"))


class Tasks(Scratch):
    def test_a_correct_program_passes_and_another_is_left_out(self):
        task = repairs.pack_task(CLAMP, "python")
        self.assertEqual(repair_task.usable(task, self.kit()), "")
        never = repairs.pack_task({**CLAMP, "canonical_solution": CLAMP["buggy_solution"]}, "python")
        self.assertIn("fails its check here", repair_task.usable(never, self.kit()))

    @unittest.skipUnless(shutil.which("node"), "needs node")
    def test_javascript_fails_where_console_assert_would_print(self):
        row = {**CLAMP, "prompt": "const clamp = (x, low, high) => {\n", "canonical_solution": "  return Math.max(low, Math.min(x, high))\n}\n",
               "buggy_solution": "  return Math.max(low, x)\n}\n", "test": "console.assert(clamp(5, 0, 3) === 3)\n"}
        task = repairs.pack_task(row, "js")
        self.assertEqual(repair_task.usable(task, self.kit()), "")
        broken = repair_task.RepairTask("b", task.broken, {}, task.check)
        self.assertIn("fails its check here", repair_task.usable(broken, self.kit()))

    def test_go_tests_need_no_module_from_elsewhere(self):
        text = repairs.go_test({"test": "func TestX(t *testing.T) {\n    assert := assert.New(t)\n    assert.Equal(1, X())\n}\n"})
        self.assertNotIn("testify", text)
        self.assertIn("assert := equal{t}\n    assert.Equal(1, X())", text)

    def test_quixbugs_gives_neither_the_corrected_program_nor_other_programs(self):
        for path in ("python_programs/gcd.py", "python_programs/lis.py", "correct_python_programs/gcd.py", "correct_python_programs/lis.py",
                     "python_testcases/test_gcd.py", "python_testcases/test_lis.py", "python_testcases/load_testdata.py", "conftest.py", "json_testcases/gcd.json"):
            self.write(f"sets/quixbugs/{path}", f"# {path}\n")
        self.assertEqual(sets.quixbugs_names(self.folder / "sets"), ["gcd", "lis"])
        task = repairs.quixbugs_task(self.kit(), "gcd")
        self.assertEqual(sorted(task.broken), ["conftest.py", "json_testcases/gcd.json", "python_programs/gcd.py", "python_testcases/load_testdata.py", "python_testcases/test_gcd.py"])
        self.assertEqual(task.correct, {"python_programs/gcd.py": "# correct_python_programs/gcd.py\n"})

    def test_figures_count_the_usable_and_name_the_rest(self):
        fixed = {"fixed": True, "restored": False, "shown": True, "checks": 4, "seconds": 2.0}
        missed = {"fixed": False, "restored": False, "shown": False, "checks": 60, "seconds": 9.0}
        results = {"a model": fixed, "a no-model": missed, "b model": missed, "b no-model": missed, "c model": {"unusable": "no compiler"}}
        passes, published, shown = repairs.QuixBugs().figures(self.kit(), results)
        self.assertEqual((shown.n, shown.value, shown.baseline_value), (2, 0.5, 0.0))
        self.assertEqual((passes.n, passes.value, passes.baseline_value), (2, 0.5, 0.0))
        self.assertEqual(published.value, 0.0)
        self.assertIn("1 left out: no compiler", passes.note)
        results["b model"] = {**missed, "problems": ["the work tree was changed"]}
        self.assertIn("PROMISES BROKEN: b (model): the work tree was changed", repairs.QuixBugs().figures(self.kit(), results)[0].note)

    def test_the_same_mistake_is_made_for_both_ways(self):
        text = "import os\n\n\ndef join(parts, last):\n    return [os.path.join(p, last) for p in parts]\n" * 4
        self.write("sets/heldout/heldout_packages.jsonl", json.dumps({"package": "p", "path": "a/b.py", "lang": "python", "text": text}) + "\n")
        measure = compile_errors.CompileErrors(compile_errors.SUITES[0], 5)
        graft = self.write("graft", FAKE_GRAFT.format(python=sys.executable))
        graft.chmod(0o755)
        self.write("answer.json", json.dumps({"status": "none", "checks": 8}))
        kit = self.kit(graft)
        items = measure.items(kit)
        self.assertEqual([i.key for i in items], ["p/a/b.py model", "p/a/b.py no-model"])
        first, second = (measure.run(kit, item) for item in items)
        self.assertEqual((first["family"], first["line"]), (second["family"], second["line"]))
        self.assertEqual((first["fixed"], first["problems"]), (False, []))


class Ranks(Scratch):
    def test_says_where_the_repair_stands_both_ways_and_leaves_out_what_passes(self):
        program = self.write("bench/repair_ranks", '#!/bin/sh\nprintf "%s\\n" "$@" > "$0.words"; cat "$4" > "$0.output"; printf "12\\t90\\tmutation: call\\tx\\n3\\t90\\tmutation: call\\tx\\n"\n')
        program.chmod(0o755)
        kit, measure = self.kit(self.folder / "graft"), ranks.Ranks(repairs.PackFix("python", ("python3",), 1))
        result = measure.run(kit, Item("x", repairs.pack_task(CLAMP, "python")))
        self.assertEqual(result, {"no-model": 12, "model": 3})
        self.assertEqual(Path(f"{program}.words").read_text().splitlines()[-1], "python3 test_solution.py")
        self.assertIn("AssertionError", Path(f"{program}.output").read_text())
        fine = repairs.pack_task({**CLAMP, "buggy_solution": CLAMP["canonical_solution"]}, "python")
        self.assertIn("passes", measure.run(kit, Item("y", fine))["unusable"])

    def test_figures_do_not_take_a_repair_that_is_missing_for_the_best(self):
        results = {"a": {"no-model": 0, "model": 0}, "b": {"no-model": 61, "model": 10}, "c": {"no-model": 20, "model": 21}, "d": {"unusable": "passes"}}
        measure = ranks.Ranks(repairs.PackFix("python", ("python3",), 1))
        self.assertEqual([(f.n, round(3 * f.value), round(3 * f.baseline_value)) for f in measure.figures(self.kit(), results)], [(3, 1, 0), (3, 1, 1), (3, 2, 1)])


class DamagedPrograms(unittest.TestCase):
    PROGRAM = '''"""Ways: 'a', 77."""


def ways(n):
    """
    >>> ways(1)
    'a é, 40'
    """
    if n > 40:
        raise ValueError("über 40")
    return f"a é, {n * 40}" + 'end' + "a\\n"


if __name__ == "__main__":
    print("script", 99)
'''

    def test_one_literal_of_the_code_is_another_and_nothing_else_changes(self):
        seen = set()
        for seed in range(300):
            broken = damaged_programs.with_wrong_literal(self.PROGRAM, random.Random(seed))
            if broken is None:
                continue
            changed = [(a, b) for a, b in zip(self.PROGRAM.split("\n"), broken.split("\n"), strict=True) if a != b]
            self.assertEqual(len(changed), 1)
            before, after = (ast.dump(ast.parse(text)) for text in (self.PROGRAM, broken))
            self.assertNotEqual(before, after)
            self.assertTrue(any(line in changed[0][0] for line in ("if n > 40", "raise ValueError", "return f")), changed)
            seen.add(changed[0][1])
        self.assertGreater(len(seen), 20)

    def test_the_same_name_gives_the_same_program_and_what_has_no_literal_none(self):
        made = [damaged_programs.with_wrong_literal(self.PROGRAM, random.Random("a.py")) for _ in range(2)]
        self.assertEqual(made[0], made[1])
        self.assertIsNone(damaged_programs.with_wrong_literal("def f(x):\n    return x + 1\n", random.Random(1)))
        self.assertRaises(SyntaxError, damaged_programs.with_wrong_literal, "def f(:\n", random.Random(1))

    def test_a_check_of_arguments_is_gone_whole(self):
        check = '    if n > 40:\n        raise ValueError("über 40")\n'
        self.assertEqual(damaged_programs.without_check(self.PROGRAM, random.Random(1)), self.PROGRAM.replace(check, ""))
        self.assertIsNone(damaged_programs.without_check("def f(x):\n    if x:\n        return 1\n    raise x\n", random.Random(1)))

    def test_a_conversion_is_gone_or_a_sign_another_in_one_place(self):
        program = 'def f(xs, é):\n    if len(xs) > é:\n        return "é", int(é * 2) + 1\n    return g(xs)\n\n\nif __name__ == "__main__":\n    print(len("a") - 1)\n'
        conversions = {damaged_programs.MissingConversions().damaged(program, random.Random(seed)) for seed in range(40)}
        self.assertEqual(conversions, {program.replace("len(xs)", "xs"), program.replace("int(é * 2)", "é * 2")})
        signs = {damaged_programs.WrongOperators().damaged(program, random.Random(seed)) for seed in range(400)}
        of_product = {program.replace("é * 2", f"é {sign} 2") for sign in damaged_programs.SIGNS.values() if sign != "*"}
        of_sum = {program.replace(" + 1", f" {sign} 1") for sign in damaged_programs.SIGNS.values() if sign != "+"}
        self.assertEqual(signs, of_product | of_sum)
        for measure in (damaged_programs.MissingConversions(), damaged_programs.WrongOperators()):
            self.assertIsNone(measure.damaged("def f(x):\n    return g(x)\n", random.Random(1)))


if __name__ == "__main__":
    unittest.main()
