# SPDX-License-Identifier: Apache-2.0
"""Runs a pytest file against the program and each of its mutants, a process and a folder each; prints which runs passed.

    graft sandbox run -C FOLDER -- python3 judge_mutants.py programs.json test_solution.py SECONDS
The first program is the unchanged one. A run that outlasts its time did not pass.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile

from verdict import verdict


def passes(program: str, test: str, seconds: int) -> bool:
    folder = tempfile.mkdtemp()
    with open(os.path.join(folder, "solution.py"), "w") as stream:
        stream.write(program)
    shutil.copy(test, folder)

    def test_passes() -> bool:
        os.chdir(folder)
        sys.path.insert(0, folder)
        return pytest.main(["-q", "-x", "-p", "no:cacheprovider", os.path.basename(test)]) == 0

    try:
        return verdict(test_passes, seconds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.dont_write_bytecode = True  # a mutant of the same second and size would run as the one before
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # plugins of the machine cost more than the tests
    import pytest

    print(json.dumps([passes(program, sys.argv[2], int(sys.argv[3])) for program in json.load(open(sys.argv[1]))]))
