#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""models/eval: loaders, scorers and judges on small made-up sets in the published formats; no network, no graft."""

import csv
import gzip
import io
import json
import math
import random
import shutil
import subprocess
import sys
import time
import unittest
from array import array
from contextlib import redirect_stderr

from eval_kit import CLAMP, EVAL, Scratch  # first: says where modules of other folders are

import byte_model
import completions
import corruptions
import edit_windows
import infilling
import intervals
import mutants
import overlap
import repeated_edits
import sets
import table
import trainer
from measure import Figure, Item, Measure, Results, run_items


class Intervals(unittest.TestCase):
    def test_wilson_has_the_published_values(self):
        for hits, n, low, high in ((0, 10, 0.0, 0.278), (5, 10, 0.237, 0.763), (81, 263, 0.255, 0.366)):
            got = intervals.wilson(hits, n)
            self.assertAlmostEqual(got[0], low, 3)
            self.assertAlmostEqual(got[1], high, 3)
        self.assertEqual(intervals.wilson(0, 0), (0.0, 1.0))

    def test_the_bootstrap_surrounds_the_ratio(self):
        rng = random.Random(4)
        parts = [(rng.gauss(2, 0.5) * n, n) for n in (rng.randrange(50, 150) for _ in range(60))]
        ratio = sum(a for a, _ in parts) / sum(b for _, b in parts)
        low, high = intervals.bootstrap_ratio(parts)
        self.assertTrue(low < ratio < high)
        self.assertTrue(0.1 < high - low < 0.5, (low, high))
        self.assertEqual(intervals.bootstrap_ratio(parts), (low, high))
        self.assertEqual(intervals.bootstrap_ratio([(4, 2), (2, 1)]), (2.0, 2.0))
        self.assertTrue(math.isnan(intervals.bootstrap_ratio([(1, 1)])[0]))


class ByteModel(unittest.TestCase):
    def test_probabilities_of_the_next_byte_sum_to_one(self):
        text = b"abab abba abab"
        before = byte_model.text_bits(text)
        total = sum(2 ** (before - byte_model.text_bits(text + bytes([b]))) for b in range(256))
        self.assertAlmostEqual(total, 1.0, 9)

    def test_it_learns_what_repeats(self):
        self.assertAlmostEqual(byte_model.text_bits(b"x"), 8.0)
        line = b"def one_of_many(argument):\n"
        self.assertLess(byte_model.text_bits(line * 10), 1.5 * byte_model.text_bits(line))


class Sets(Scratch):
    def test_a_line_that_is_not_as_published_is_named(self):
        path = self.write("x.jsonl", json.dumps(CLAMP) + "\n{\n")
        with self.assertRaisesRegex(SystemExit, r"x\.jsonl:2: no JSON"):
            sets.read_json_lines(path, sets.PACK_FIELDS)
        path = self.write("y.jsonl", json.dumps({**CLAMP, "test": None}) + "\n")
        with self.assertRaisesRegex(SystemExit, r"y\.jsonl:1: no text under test"):
            sets.read_json_lines(path, sets.PACK_FIELDS)
        with self.assertRaisesRegex(SystemExit, r":1: no text under"):
            sets.read_json_lines(self.write("z.jsonl", "[1]\n"), sets.PACK_FIELDS)

    def test_what_is_missing_is_said_with_how_to_get_it(self):
        sentence = sets.INFILLING.missing(self.folder)[0]
        self.assertIn("git clone https://github.com/openai/human-eval-infilling", sentence)
        self.assertIn(str(self.folder), sentence)

    def test_packed_lines_are_read(self):
        path = self.folder / sets.INFILLING.probe
        path.parent.mkdir(parents=True)
        row = {"task_id": "SingleLineInfilling/HumanEval/7/L0", "entry_point": "f", "prompt": "é\n", "suffix": "", "canonical_solution": "x", "test": "t"}
        path.write_bytes(gzip.compress((json.dumps(row) + "\n").encode()))
        self.assertEqual(sets.infilling(self.folder), [row])
        self.assertEqual(sets.INFILLING.missing(self.folder), [])


class Doubling(Measure):
    name = title = "doubling"

    def __init__(self):
        self.ran = []

    def items(self, kit):
        return [Item(str(i), i) for i in range(4)]

    def run(self, kit, item):
        self.ran.append(item.key)
        return {"twice": 2 * item.thing}


class Resuming(Scratch):
    def run_quietly(self, measure, results, deadline=math.inf):
        with redirect_stderr(io.StringIO()):
            return run_items(self.kit(), measure, results, 2, deadline)

    def test_a_run_goes_on_where_the_last_one_stopped(self):
        path = self.folder / "results.jsonl"
        Results(path, self.kit()).add("doubling", "1", {"twice": 2})
        with path.open("a") as stream:
            stream.write('{"measure": "doubling", "key": "2", "resu')  # stopped while writing
        measure, results = Doubling(), Results(path, self.kit())
        self.assertEqual(self.run_quietly(measure, results), {str(i): {"twice": 2 * i} for i in range(4)})
        self.assertEqual(sorted(measure.ran), ["0", "2", "3"])
        again = Doubling()
        self.run_quietly(again, Results(path, self.kit()))
        self.assertEqual(again.ran, [])

    def test_results_of_another_program_are_refused(self):
        path = self.folder / "results.jsonl"
        Results(path, self.kit())
        graft = self.write("graft", "other")
        with self.assertRaisesRegex(SystemExit, "another graft"):
            Results(path, self.kit(graft))
        with self.assertRaisesRegex(SystemExit, "another budget"):
            Results(path, self.kit(budget=3))

    def test_no_item_begins_after_the_deadline(self):
        measure = Doubling()
        self.assertEqual(self.run_quietly(measure, Results(None, self.kit()), time.monotonic() - 1), {})
        self.assertEqual(measure.ran, [])


class Completions(unittest.TestCase):
    def test_the_baseline_copies_after_the_longest_match(self):
        prefix = "alpha = 1\nfirst(alpha, beta)\nother(alpha, gamma)\nfirst(al"
        self.assertEqual(completions.copied(prefix, "\n"), "pha, beta)")
        self.assertEqual(completions.copied("x\nsecond(", "\n) = second(delta)\n"), "delta)")
        self.assertEqual(completions.copied("nothing alike", "\nzzz"), "")

    def test_files_around_are_of_the_package_and_the_nearest_first(self):
        def row(package: str, path: str, text: str) -> dict[str, str]:
            return {"package": package, "path": path, "text": text}

        here = row("p", "src/net/a.py", "self")
        rows = [here, row("p", "src/disk/b.py", "cousin"), row("p", "src/net/c.py", "short"), row("p", "src/net/d.py", "longer"), row("q", "src/net/e.py", "foreign"), row("p", "f.py", "above")]
        self.assertEqual(completions.around(here, rows), ["longer", "short", "cousin", "above"])


class Infilling(unittest.TestCase):
    row = {"prompt": "def f(x):\n    a = x\n", "suffix": "    b = 2\n    return a", "entry_point": "f", "test": "def check(f):\n    assert f(3) == 6"}

    def test_nearest_lines_come_first_and_once(self):
        self.assertEqual(infilling.nearest_lines(self.row, 3), ["    a = x", "    b = 2", "def f(x):"])

    def test_programs_are_put_together_as_the_set_means(self):
        text = infilling.program(self.row, "    a *= 2", infilling.hidden_test(self.row))
        exec(compile(text, "t", "exec"), {})
        with self.assertRaises(AssertionError):
            exec(compile(infilling.program(self.row, "", infilling.hidden_test(self.row)), "t", "exec"), {})

    def test_what_passes_the_examples_first_is_shown(self):
        self.assertEqual(infilling.first_verified(["a", "b", "c"], {"a": False, "b": True, "c": True}), "b")
        self.assertIsNone(infilling.first_verified(["a"], {"a": False}))


class JudgePrograms(Scratch):
    def test_only_a_program_that_reaches_its_end_passes(self):
        programs = ["x = 1", "assert False", "while True: pass", "import sys; sys.exit(0)", "import os; os._exit(0)", "def f(:", "print('noise')"]
        path = self.write("programs.json", json.dumps(programs))
        done = subprocess.run([sys.executable, EVAL / "judge_programs.py", path, "1"], capture_output=True, text=True, check=True)
        self.assertEqual(json.loads(done.stdout), [True, False, False, False, False, False, True])


class Corruptions(unittest.TestCase):
    text = '"""Module (text)."""\nimport os\n\n\ndef join(parts, last):\n    # comment (here)\n    whole = [os.path.join(p, last) for p in parts]\n    return {"whole": whole}\n'

    def test_one_line_of_code_changes(self):
        rng, families = random.Random(2), set()
        for _ in range(300):
            corruption = corruptions.corrupt(self.text, "python", rng)
            if corruption is None:
                continue
            families.add(corruption.family)
            changed = [i for i, (a, b) in enumerate(zip(self.text.split("\n"), corruption.text.split("\n")), 1) if a != b]
            self.assertEqual(changed, [corruption.line])
            self.assertNotIn(corruption.line, (1, 6))  # text and comment
        self.assertEqual(len(families), 7)

    def test_includes_are_lost_in_c_alone(self):
        text, rng = "#include <a.h>\n#include <b.h>\nint twice(int value) { return 2 * value; }\n", random.Random(1)
        found = [c for c in (corruptions.corrupt(text, "c", rng) for _ in range(200)) if c and c.family == "drop include"]
        self.assertEqual({c.text.count("#include") for c in found}, {1})
        self.assertEqual({c.line for c in found}, {1, 2})


class Mutants(Scratch):
    source = CLAMP["prompt"] + CLAMP["canonical_solution"] + "\n\ndef other():\n    return 1 < 2\n"

    def test_each_changes_the_function_alone(self):
        found = mutants.mutants(self.source, "clamp", 100, 1)
        self.assertGreaterEqual(len(found), 5)
        self.assertEqual(len(set(found)), len(found))
        for text in found:
            self.assertIn("1 < 2", text)
            self.assertIn("Into the range.", text)
            compile(text, "mutant", "exec")
        self.assertEqual(len(mutants.mutants(self.source, "clamp", 3, 1)), 3)
        self.assertEqual(mutants.mutants(self.source, "absent", 3, 1), [])

    @unittest.skipUnless(shutil.which("pytest"), "needs pytest")
    def test_a_good_test_kills_what_a_poor_one_lets_live(self):
        programs = self.write("programs.json", json.dumps([self.source, *mutants.mutants(self.source, "clamp", 100, 1)]))
        survivors = {}
        for name, body in (("good", CLAMP["test"]), ("poor", "assert clamp(2, 0, 3) == 2")):
            test = self.write("test_solution.py", "from solution import clamp\n\n\ndef test_it():\n" + "\n".join("    " + line for line in body.splitlines()))
            done = subprocess.run([sys.executable, EVAL / "judge_mutants.py", programs, test, "60"], capture_output=True, text=True, check=True)
            passed = json.loads(done.stdout)
            self.assertTrue(passed[0], name)
            survivors[name] = sum(passed[1:])
        self.assertLess(survivors["good"], survivors["poor"])


class Overlap(Scratch):
    def test_runs_of_13_words(self):
        words = " ".join(f"w{i}" for i in range(20))
        self.assertEqual(len(overlap.runs(words)), 8)
        self.assertEqual(overlap.runs("too short"), set())
        self.assertTrue(overlap.runs("before\n" + words.replace(" ", "   ")) & overlap.runs(words))

    def test_training_text_is_searched(self):
        shared = "def one(a, b):\n    return [a + i * b for i in range(10) if i != a]\n"
        self.write("sets/heldout/heldout_packages.jsonl", "".join(json.dumps({"package": "p", "path": n, "lang": "python", "text": t}) + "\n" for n, t in
                   (("a.py", shared), ("b.py", "def two(x):\n    while x > 3 and not x % 2:\n        x = x // 2\n    return x\n"))))
        corpus = self.write("train.jsonl", json.dumps({"text": "import os\n" + shared}) + "\n")
        measure = overlap.Overlap()
        kit = self.kit(corpus=corpus)
        results = {item.key: measure.run(kit, item) for item in measure.items(kit)}
        self.assertEqual(results["runs of 13 words"]["held-out packages"], {"items": 2, "touched": 1, "half": 1})
        self.assertEqual(results["archives"]["shared"], 0)

    def test_archives_by_role(self):
        path = self.write("m.tsv", "")
        with path.open("w") as stream:
            writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
            writer.writerows([["archive", "sha256", "role"], ["a", "1", "train"], ["b", "2", "heldout"]])
        self.assertEqual(overlap.archives(path, "heldout"), {("b", "2")})


class Trainer(unittest.TestCase):
    def test_largest_difference_and_equal_choices(self):
        ours, theirs = array("f", [1, 2, 0, 5, 1, 1]), array("f", [1, 2.5, 0, 1, 1, 3])
        self.assertEqual(trainer.differences(ours, theirs, 3), {"largest": 4.0, "near": 0, "same": 1, "positions": 2})
        # A position counts as near where none of its logits is further off than 0.01.
        near = array("f", [x + off for x, off in zip(theirs, [0.009, -0.009, 0, 0.009, 0, 0.02])])
        self.assertEqual(trainer.differences(near, theirs, 3)["near"], 1)


class Table(unittest.TestCase):
    def test_a_row(self):
        row = table.cells(Figure("m", "s", 40, 0.425, 0.28, 0.58, baseline="no model", baseline_value=0.4, good=0.28, excellent=0.4))
        self.assertEqual(row, ["m", "s", "40", "42.5 %", "28 to 58", "no model 40.0 %", "28.0 % / 40.0 %", ""])
        row = table.cells(Figure("m", "s", 0, None, note="not measured: no go"))
        self.assertEqual(row, ["m", "s", "-", "-", "-", "-", "-", "not measured: no go"])
        self.assertIn("| a \\| b |", table.markdown([Figure("a | b", "s", 1, 1.7777, unit="bits")]))
        self.assertIn("1.778 bits", table.text([Figure("a", "s", 1, 1.7777, unit="bits")]))


WINDOWS_OF = """import os

TABLE = [
    ("one", 1, "a"),
    ("two", 2, "b"),
    ("three", 3, "c"),
]


def load(path, mode):
    # read the file
    first = fetch(path, "plain", None)
    second = fetch(first.name, "plain", None)
    if first == second:
        show(first)
    total = first.size + 1
    show(second)
    return swap(total, mode), os.name


def save(path):
    data = fetch(path, "plain", None)
    show(data)
    out = swap(data, path)
    once(out, 12)
    return os.path.join(out.size, os.sep)
"""


class RepeatedEdits(unittest.TestCase):
    def test_every_kind_of_window_leads_to_its_text_and_asks_for_what_the_pattern_says(self):
        seen = set()
        for seed in range(6):
            for window in edit_windows.windows([("python", WINDOWS_OF)], 40, seed):
                seen.add(window.kind)
                text = window.text
                for begin, end, new, seconds in window.changes:
                    self.assertTrue(0 <= begin <= end <= len(text) and seconds > 0, window)
                    text = text[:begin] + new + text[end:]
                self.assertEqual(text, window.now)
                self.assertEqual(bool(window.rest), window.kind in edit_windows.PATTERNS)
                spans = sorted((s.begin, s.end) for s in window.rest)
                self.assertTrue(all(a[1] <= b[0] for a, b in zip(spans, spans[1:])))
                for site in window.rest:
                    self.assertNotEqual(window.now[site.begin : site.end], site.new)
        self.assertLessEqual({"callee", "add argument", "swap arguments", "argument value", "text literal", "row", "rename", "taken back", "once call", "new line"}, seen)

    def test_names_are_found_in_code_alone_and_calls_are_not_definitions(self):
        source = edit_windows.Source('def f(a):\n    # f(a) here\n    return g("f(a)", f(a), f(1, (2, 3)))\n', "python")
        self.assertEqual(len(source.at["f"]), 3)
        self.assertEqual({k: len(v) for k, v in source.calls().items()}, {"f": 2, "g": 1})
        last = source.calls()["f"][1]
        self.assertEqual([source.span(*part) for part in source.arguments(last + 1)], ["1", "(2, 3)"])

    def window(self, rest=((10, 13),), old="get", new="fetch"):
        now = "fetch(1)  get(2) get(3)"
        return edit_windows.Window("callee", "python", "get(1)  get(2) get(3)", (), now, 5, tuple(edit_windows.Site(a, b, "fetch") for a, b in rest), old, new)

    def test_judge_wants_the_text_that_the_next_change_makes(self):
        site = edit_windows.Site
        window = self.window(((10, 13), (17, 20)))
        right = repeated_edits.judge(window, [site(9, 14, " fetch("), site(17, 20, "fetch")])
        self.assertEqual((right["exact"], right["there"], right["right"], right["places"], right["sites"]), (True, True, 2, 2, 2))
        later = repeated_edits.judge(window, [site(17, 20, "fetch")])
        self.assertEqual((later["exact"], later["there"], later["any"]), (False, False, True))
        wrong = repeated_edits.judge(window, [site(10, 13, "get_it")])
        self.assertEqual((wrong["exact"], wrong["there"], wrong["any"], wrong["right"]), (False, True, False, 0))
        self.assertFalse(repeated_edits.judge(window, [])["exact"])
        self.assertEqual(repeated_edits.judge(self.window(()), [site(0, 1, "x")])["offered"], True)

    def test_the_baseline_replaces_whole_words_behind_the_cursor_first(self):
        self.assertEqual([(s.begin, s.new) for s in repeated_edits.replace_all(self.window())], [(10, "fetch"), (17, "fetch")])
        self.assertEqual(repeated_edits.replace_all(self.window(old="et", new="x")), [])


if __name__ == "__main__":
    unittest.main()
