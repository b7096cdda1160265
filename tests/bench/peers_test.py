#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench/peers.py with runs that were kept, made up here: the table, the bars' lengths, what is refused. Nothing is measured."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml

PEERS = pathlib.Path(__file__).resolve().parents[2] / "bench" / "peers.py"
SVG = "{http://www.w3.org/2000/svg}"


def row(model="small.gguf", depth=0, measure="prefill", **samples):
    return {"model": model, "depth": depth, "measure": measure, "samples": samples}


RUN = [
    row(graft=[3000, 4000, 5000], other=[1000, 1000]),
    row(measure="decode", graft=[800, 400, 600], other=[]),
    row(measure="fraction", graft=[0.5, 0.7]),
    row(measure="memory", graft=[2_000_000, 3_000_000]),
    row(measure="kernels", graft=["avx2"]),
    row(depth=4096, graft=[500], other=[250.0]),
    row("large.gguf", graft=[40.0], other=[50.25]),
]


class Kept(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)

    def run_peers(self, *args):
        return subprocess.run([sys.executable, str(PEERS), *args], capture_output=True, text=True, encoding="utf-8", timeout=60)

    def tell(self, rows):
        """-> (the table, the drawing's root)"""
        (self.folder / "run.json").write_text(json.dumps(rows))
        done = self.run_peers("--from", str(self.folder / "run.json"), "--svg", str(self.folder / "run.svg"))
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout, xml.parse(self.folder / "run.svg").getroot()

    def bars(self, root):
        """-> {what a bar is of: its element}"""
        return {r.find(SVG + "title").text.split(":")[0]: r for r in root.iter(SVG + "rect") if "bar" in r.get("class").split()}

    def whiskers(self, root):
        """-> [(least, most)] in pixels from the middle stroke of each"""
        paths = [p.get("d") for p in root.iter(SVG + "path") if p.get("class") == "whisker"]
        return [tuple(float(part) for part in (d.split("M")[2].split()[0], d.split("H")[1].split("M")[0])) for d in paths]

    def test_the_table_is_that_of_the_run(self):
        table, _ = self.tell(RUN)
        self.assertEqual(table.splitlines(), [
            "| model | depth | | graft | other | of the best peer | decode of bandwidth | peak memory |",
            "|---|---|---|---|---|---|---|---|",
            "| small.gguf | 0 | prefill | 4,000 (3,000 to 5,000) | 1,000 (1,000 to 1,000) | 4.00 |  |  |",
            "| small.gguf | 0 | decode | 600 (400 to 800) |  |  | 0.60 | 3 MB |",
            "| small.gguf | 4,096 | prefill | 500 (500 to 500) | 250 (250 to 250) | 2.00 |  |  |",
            "| large.gguf | 0 | prefill | 40.0 (40.0 to 40.0) | 50.2 (50.2 to 50.2) | 0.80 |  |  |",
        ])

    def test_bars_are_as_long_as_the_medians_in_a_models_scale(self):
        bars = self.bars(self.tell(RUN)[1])
        length = {what: float(r.get("width")) for what, r in bars.items()}
        self.assertEqual(set(length), {"graft, small.gguf, depth 0, prefill", "other, small.gguf, depth 0, prefill",
                                       "graft, small.gguf, depth 0, decode", "graft, small.gguf, depth 4,096, prefill",
                                       "other, small.gguf, depth 4,096, prefill", "graft, large.gguf, depth 0, prefill",
                                       "other, large.gguf, depth 0, prefill"})
        first = length["graft, small.gguf, depth 0, prefill"]
        self.assertGreater(first, 100)
        for what, share in (("other, small.gguf, depth 0, prefill", 1000 / 4000),
                            ("graft, small.gguf, depth 4,096, prefill", 500 / 4000),
                            ("other, small.gguf, depth 4,096, prefill", 250 / 4000),
                            ("graft, small.gguf, depth 0, decode", 600 / 800 * 5000 / 4000),  # its panel's own scale
                            ("other, large.gguf, depth 0, prefill", 5000 / 4000)):  # that model's own
            self.assertAlmostEqual(length[what] / first, share, 3, what)
        self.assertAlmostEqual(length["graft, large.gguf, depth 0, prefill"] / length["other, large.gguf, depth 0, prefill"], 40 / 50.25, 3)

    def test_no_depth_is_longer_than_the_scale_wherever_it_stands(self):
        bars = list(self.bars(self.tell([row(depth=4096, graft=[10]), row(graft=[100])])[1]).values())
        shallow = self.bars(self.tell([row(graft=[100])])[1])["graft, small.gguf, depth 0, prefill"]
        self.assertEqual(bars[1].get("width"), shallow.get("width"))
        self.assertAlmostEqual(float(bars[0].get("width")) * 10, float(bars[1].get("width")), 1)

    def test_a_whisker_goes_from_the_least_to_the_most(self):
        root = self.tell(RUN)[1]
        bars, whiskers = self.bars(root), self.whiskers(root)
        self.assertEqual(len(whiskers), 2)  # of those with rounds that differ
        for what, (least, most), values in (("graft, small.gguf, depth 0, prefill", whiskers[0], (3000, 4000, 5000)),
                                            ("graft, small.gguf, depth 0, decode", whiskers[1], (400, 600, 800))):
            x, length = float(bars[what].get("x")), float(bars[what].get("width"))
            self.assertAlmostEqual((least - x) / length, values[0] / values[1], 2)
            self.assertAlmostEqual((most - x) / length, values[2] / values[1], 2)

    def test_each_bar_has_its_number_and_nothing_covers_another(self):
        root = self.tell(RUN)[1]
        numbers = [t for t in root.iter(SVG + "text") if t.get("class") == "number"]
        self.assertEqual([t.text for t in numbers], ["4,000", "600", "1,000", "500", "250", "40.0", "50.2"])
        lines = {}
        for r, t in zip(self.bars(root).values(), numbers):
            self.assertGreater(float(t.get("x")), float(r.get("x")) + float(r.get("width")))
            lines.setdefault(float(r.get("y")), []).append((float(r.get("x")), float(t.get("x")) + 6 * len(t.text)))
        for y, taken in lines.items():
            self.assertEqual(taken, sorted(taken))
            self.assertTrue(all(a[1] < b[0] for a, b in zip(taken, taken[1:])), taken)
            self.assertTrue(all(y + 12 < other for other in lines if other > y), lines)
        box = [float(v) for v in root.get("viewBox").split()]
        self.assertTrue(all(end < box[2] for taken in lines.values() for _, end in taken))
        self.assertTrue(all(y + 12 < box[3] for y in lines))

    def test_a_panel_stands_over_its_bars(self):
        root = self.tell(RUN)[1]
        panel = {t.text: t.get("x") for t in root.iter(SVG + "text") if t.get("class") == "panel"}
        self.assertEqual(set(panel), {"prefill", "decode"})
        for what, r in self.bars(root).items():
            self.assertEqual(float(r.get("x")), float(panel[what.split(", ")[-1]]), what)

    def test_no_figure_no_bar(self):
        root = self.tell([row(graft=[2.0], other=[]), row(measure="decode", other=[3.0])])[1]
        self.assertEqual(set(self.bars(root)), {"graft, small.gguf, depth 0, prefill", "other, small.gguf, depth 0, decode"})
        self.assertEqual([t.text for t in root.iter(SVG + "text") if t.get("class") == "none"], ["no figure"] * 2)

    def test_a_rate_of_nothing_is_a_bar_without_length(self):
        bars = self.bars(self.tell([row(graft=[0])])[1])
        self.assertEqual([float(r.get("width")) for r in bars.values()], [0.0])

    def test_odd_names_are_text_and_nothing_else(self):
        model, name = 'a<b>&"\'|.gguf', "<script>|\x1b[31m\ud800\n</svg>"
        table, root = self.tell([row(model, graft=[1.0], **{name: [2.0]})])
        texts = [t.text for t in root.iter(SVG + "text")]
        self.assertIn(model, texts)
        self.assertIn("<script>|\ufffd[31m\ufffd\ufffd</svg>", texts)
        self.assertEqual({e.tag for e in root.iter()} - {SVG + t for t in ("svg", "title", "style", "rect", "text", "path")}, set())
        self.assertNotIn("\x1b", table)
        self.assertEqual([line.replace("\\|", "").count("|") for line in table.splitlines()], [9, 9, 9])

    def test_our_bars_and_both_schemes_have_colours(self):
        root = self.tell(RUN)[1]
        for what, r in self.bars(root).items():
            self.assertEqual(r.get("class"), "bar graft" if what.startswith("graft") else "bar peer")
        light, dark = root.find(SVG + "style").text.split("@media (prefers-color-scheme: dark)")
        for kind in ("text", ".page", ".graft", ".peer", ".whisker"):
            rules = [next(line for line in style.splitlines() if line.strip().startswith(kind + " {")) for style in (light, dark)]
            colours = [rule.partition("fill: " if "fill: #" in rule else "stroke: ")[2].split()[0].strip(";") for rule in rules]
            self.assertNotEqual(*colours, kind)

    def test_what_is_no_such_run_is_refused(self):
        inner = "[" * 100_000
        for bad in ("", "{}", "[]", "not json", inner, json.dumps([row(measure="fraction", graft=[0.5])]), "[1]",
                    json.dumps([row(graft="12")]), json.dumps([row(graft=["12"])]), json.dumps([row(graft=[-1])]),
                    json.dumps([row(graft=[True])]), json.dumps([row(graft=[None])]), '[{"model": "m"}]',
                    json.dumps([row(graft=[1])]).replace("[1]", "[NaN]"), json.dumps([row(graft=[1])]).replace("[1]", "[1e999]"),
                    json.dumps([row(graft=[1])]).replace("[1]", f"[1{'0' * 400}]"), json.dumps([row(graft=[1]), row(graft=[2])]),
                    json.dumps([row(depth="0", graft=[1])]), json.dumps([row(depth=-1, graft=[1])]), json.dumps([row(depth=True, graft=[1])]),
                    json.dumps([row(model=3, graft=[1])]), json.dumps([{**row(graft=[1]), "samples": [1]}]),
                    json.dumps([{**row(graft=[1]), "measure": None}]), json.dumps([{**row(graft=[1]), "more": 1}])):
            with self.subTest(bad=bad[:80]):
                (self.folder / "bad.json").write_text(bad)
                done = self.run_peers("--from", str(self.folder / "bad.json"), "--svg", str(self.folder / "bad.svg"))
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn("bad.json is not a run that --json kept: ", done.stderr)
                self.assertEqual(len(done.stderr.splitlines()), 1)
                self.assertEqual(done.stdout, "")
                self.assertFalse((self.folder / "bad.svg").exists())
        (self.folder / "bad.json").write_bytes(b"[\xff]")
        for path in (self.folder / "bad.json", self.folder / "absent.json"):
            done = self.run_peers("--from", str(path))
            self.assertEqual((done.returncode, len(done.stderr.splitlines())), (2, 1), done.stderr)

    def test_a_kept_run_is_not_measured_again_nor_mixed_with_one(self):
        (self.folder / "run.json").write_text(json.dumps(RUN))
        kept = ("--from", str(self.folder / "run.json"))
        for args in ((*kept, "model.gguf"), (*kept, "--ours", "x"), (*kept, "--peer", "a=b"), (*kept, "--json", str(self.folder / "new.json")), (), ("model.gguf",)):
            self.assertEqual(self.run_peers(*args).returncode, 2, args)
        self.assertFalse((self.folder / "new.json").exists())

    def test_what_a_measured_run_keeps_tells_the_same_table(self):
        engine, bench = self.folder / "engine", self.folder / "bench"
        engine.write_text("#!/bin/sh\necho '" + json.dumps({
            "prefill_tokens_per_second": {"median": 300.0}, "decode_tokens_per_second": {"median": 30.0}, "peak_memory_bytes": 5e6,
            "decode_bandwidth_fraction": 0.9, "kernels": "avx2"}) + "'\n")
        bench.write_text("#!/bin/sh\nexit 1\n")
        for program in (engine, bench):
            program.chmod(0o755)
        run = ("--ours", str(engine), "--peer", f"broken={bench}", "--depths", "0", "--rounds", "2", "folder/m.gguf")
        measured = self.run_peers(*run, "--json", str(self.folder / "k.json"), "--svg", str(self.folder / "k.svg"))
        self.assertEqual(measured.returncode, 0, measured.stderr)
        self.assertIn("| m.gguf | 0 | decode | 30.0 (30.0 to 30.0) |  |  | 0.90 | 5 MB |", measured.stdout)
        again = self.run_peers("--from", str(self.folder / "k.json"), "--svg", str(self.folder / "again.svg"))
        self.assertEqual((again.returncode, again.stdout), (0, measured.stdout))
        self.assertEqual((self.folder / "again.svg").read_text(), (self.folder / "k.svg").read_text())


if __name__ == "__main__":
    unittest.main()
