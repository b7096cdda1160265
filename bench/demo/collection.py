# SPDX-License-Identifier: Apache-2.0
"""The bug collection, and scratch copies of the demo program to try things on.

Shared by verify.py and run.py. Standard library only; needs git, make and a C++ compiler in PATH.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAM = HERE / "program"
BUGS = HERE / "bugs"

CHECKS = {"python": "python3 -m pytest -q", "cpp": "make -s check"}


@dataclass(frozen=True)
class Bug:
    """One entry of bugs.json; its patch is bugs/NAME.patch, with paths from the program's root."""

    name: str
    language: str  # "python" or "cpp"
    kind: str
    file: str
    note: str  # what makes it easy or hard
    check: str  # shell command that fails with the bug and passes without

    @property
    def patch(self) -> Path:
        return BUGS / f"{self.name}.patch"


@dataclass(frozen=True)
class Outcome:
    """How a shell command ended; `code` is None if it ran into its time limit."""

    code: int | None
    output: str
    seconds: float


def load_bugs(only: list[str] | None = None, language: str | None = None) -> list[Bug]:
    """All bugs in the order of bugs.json; exits with a message for a name that is not there."""
    bugs = [Bug(**entry) for entry in json.loads((BUGS / "bugs.json").read_text())]
    names = {bug.name for bug in bugs}
    for name in only or []:
        if name not in names:
            sys.exit(f"There is no bug named {name} in {BUGS / 'bugs.json'}.")
    return [
        bug
        for bug in bugs
        if (not only or bug.name in only) and (language is None or bug.language == language)
    ]


def environment() -> dict[str, str]:
    """The caller's environment, less what would make checks disagree between runs.

    Python compares compiled files with whole seconds and sizes: a patch that is applied and taken
    back within a second would be judged by the file of the state before. So none are written.
    """
    env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    env.update(
        PYTHONDONTWRITEBYTECODE="1",
        GIT_CONFIG_GLOBAL=os.devnull,
        GIT_CONFIG_NOSYSTEM="1",
        LC_ALL="C.UTF-8",
    )
    return env


def run_shell(command: str, folder: Path, timeout: float) -> Outcome:
    """Run `command` in `folder`; past the limit its whole process group is killed."""
    start = time.monotonic()
    process = subprocess.Popen(
        command,
        shell=True,
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=timeout)
        code: int | None = process.returncode
    except (subprocess.TimeoutExpired, KeyboardInterrupt) as stopped:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        if isinstance(stopped, KeyboardInterrupt):
            raise
        code = None
    return Outcome(code, output, time.monotonic() - start)


def copy_program(folder: Path) -> None:
    """A clean copy of the program, without anything that was built or cached in it."""
    ignored = shutil.ignore_patterns("build", "__pycache__", ".pytest_cache", "*.pyc")
    shutil.copytree(PROGRAM, folder, ignore=ignored)


def git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run git in `folder`; a repository above it is not looked for."""
    env = environment() | {"GIT_CEILING_DIRECTORIES": str(folder.resolve().parent)}
    return subprocess.run(
        ["git", *arguments], cwd=folder, env=env, capture_output=True, text=True, check=False
    )


def apply_patch(folder: Path, patch: Path, *, reverse: bool = False) -> str:
    """Apply a git patch to the work tree; the text returned is empty if that went well."""
    direction = ["--reverse"] if reverse else []
    result = git(folder, "apply", "--whitespace=nowarn", *direction, str(patch.resolve()))
    return "" if result.returncode == 0 else (result.stderr.strip() or "git apply failed")


def tail(text: str, lines: int = 6) -> str:
    return "\n".join("    " + line for line in text.rstrip().splitlines()[-lines:])
