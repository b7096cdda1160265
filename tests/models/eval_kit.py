# SPDX-License-Identifier: Apache-2.0
"""What the tests of models/eval share: a folder of their own, one problem in HumanEvalPack's format, a program that answers as graft does."""

import shutil
import sys
import tempfile
import unittest
from pathlib import Path

EVAL = Path(__file__).resolve().parents[2] / "models" / "eval"
sys.path.insert(0, str(EVAL))

from measure import Kit  # noqa: E402  first: says where modules of other folders are

CLAMP = {
    "task_id": "Python/7",
    "prompt": 'def clamp(x, low, high):\n    """ Into the range.\n    >>> clamp(5, 0, 3)\n    3\n    """\n',
    "declaration": "def clamp(x, low, high):\n",
    "canonical_solution": "    if x < low:\n        return low\n    return min(x, high)\n",
    "buggy_solution": "    if x < low:\n        return low\n    return max(x, high)\n",
    "test": "def check(clamp):\n    assert clamp(5, 0, 3) == 3\n    assert clamp(-1, 0, 3) == 0\n    assert clamp(2, 0, 3) == 2\n\ncheck(clamp)\n",
    "example_test": "def check(clamp):\n    assert clamp(5, 0, 3) == 3\ncheck(clamp)\n",
    "entry_point": "clamp",
    "bug_type": "function misuse",
}

# Answers as graft does: the patch and the status in answer.json beside it; "touch" also writes into the work tree.
FAKE_GRAFT = """#!{python}
import json, pathlib, sys
answer = json.loads(pathlib.Path(__file__).with_name("answer.json").read_text())
if answer.pop("touch", False):
    pathlib.Path(sys.argv[sys.argv.index("-C") + 1], "left_behind").write_text("x")
print(json.dumps(answer))
sys.exit(0 if answer["status"] in ("verified", "already_passes") else 1)
"""


class Scratch(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="eval-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def kit(self, graft=None, **more):
        scratch = self.folder / "scratch"
        scratch.mkdir(exist_ok=True)
        return Kit(graft or self.folder / "no-graft", self.folder / "sets", scratch, **more)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path
