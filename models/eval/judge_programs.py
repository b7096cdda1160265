# SPDX-License-Identifier: Apache-2.0
"""Runs small Python programs one after the other, each in a process of its own, and prints which ended well: [true, false, ...].

    graft sandbox run -C FOLDER -- python3 judge_programs.py programs.json SECONDS
The programs are a model's: this file is meant to run inside the sandbox, and takes care of time alone.
"""

from __future__ import annotations

import json
import os
import signal
import sys


def ends_well(program: str, seconds: int) -> bool:
    """Whether the program runs to its end without an exception. Its last statement says so through a pipe: os._exit(0) does not pass."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        signal.alarm(seconds)
        try:
            quiet = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(quiet, stream)
            exec(compile(program, "program", "exec"), {"__name__": "__main__"})
            os.write(writing, b"1")
        except BaseException:
            pass
        os._exit(0)
    os.close(writing)
    said = os.read(reading, 1)
    os.close(reading)
    os.waitpid(pid, 0)
    return said == b"1"


def main() -> None:
    programs = json.load(open(sys.argv[1]))
    print(json.dumps([ends_well(program, int(sys.argv[2])) for program in programs]))


if __name__ == "__main__":
    main()
