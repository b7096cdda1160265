# SPDX-License-Identifier: Apache-2.0
"""Runs small Python programs one after the other, each in a process of its own, and prints which ended well: [true, false, ...].

    graft sandbox run -C FOLDER -- python3 judge_programs.py programs.json SECONDS
The programs are a model's: this file is meant to run inside the sandbox, and takes care of time alone.
"""

from __future__ import annotations

import json
import sys

from verdict import verdict


def ends_well(program: str) -> bool:
    """Whether the program runs to its end without an exception."""
    exec(compile(program, "program", "exec"), {"__name__": "__main__"})
    return True


def main() -> None:
    programs = json.load(open(sys.argv[1]))
    print(json.dumps([verdict(lambda: ends_well(program), int(sys.argv[2])) for program in programs]))


if __name__ == "__main__":
    main()
