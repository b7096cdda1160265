# SPDX-License-Identifier: Apache-2.0
"""What a benchmark of `graft fix` has to see for itself: that the program ended, and that it kept its hands off the work tree.

Shared by run.py and models/eval. Standard library only.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
from pathlib import Path

from collection import environment


def snapshot(folder: Path) -> dict[str, str]:
    """Every file with its mode and content, .git included: graft may change none of it."""
    states = {}
    for path in sorted(folder.rglob("*")):
        info = path.lstat()
        if path.is_symlink():
            content = os.readlink(path)
        elif path.is_file():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            content = "folder"
        states[str(path.relative_to(folder))] = f"{info.st_mode:o} {content}"
    return states


def run_graft(command: list[str], limit: float) -> tuple[int | None, str, str]:
    """Exit code (None: killed at the limit), stdout, stderr. Ctrl-C reaches graft as well."""
    process = subprocess.Popen(
        command,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    try:
        out, err = process.communicate(timeout=limit)
        return process.returncode, out, err
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        out, err = process.communicate()
        return None, out, err
