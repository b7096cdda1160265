# SPDX-License-Identifier: Apache-2.0
"""Programs that a model had a hand in run through `graft sandbox run`."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from measure import Kit

HERE = Path(__file__).resolve().parent


def run_in_sandbox(kit: Kit, helper: str, files: dict[str, str], arguments: list[str], seconds: int) -> Any:
    """Runs `helper` (a file beside this one) over `files` in a folder of their own; -> the JSON of its last line."""
    folder = Path(tempfile.mkdtemp(prefix="sandboxed-", dir=kit.scratch))
    try:
        for name, text in files.items():
            (folder / name).write_text(text)
        for name in (helper, "verdict.py"):  # which helpers share
            shutil.copy(HERE / name, folder / name)
        command = [str(kit.graft), "sandbox", "run", "--json", "-C", str(folder), "--timeout", str(seconds), "--", "python3", helper, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    try:
        return json.loads(json.loads(done.stdout)["output"].strip().splitlines()[-1])
    except (ValueError, KeyError, IndexError):
        raise RuntimeError(f"{helper} in the sandbox: {(done.stdout or done.stderr).strip()[-500:]}") from None


def which_end_well(kit: Kit, programs: list[str], seconds: int = 3) -> list[bool]:
    if not programs:
        return []
    limit = seconds * len(programs) + 10
    return run_in_sandbox(kit, "judge_programs.py", {"programs.json": json.dumps(programs)}, ["programs.json", str(seconds)], limit)
