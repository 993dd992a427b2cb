"""What opening a door costs: processor time of its import in a fresh interpreter that has byte code."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.bench.doors import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ROUNDS = 7
_MEASURE = """
import sys, time
started = time.process_time()
__import__(sys.argv[1])
print(time.process_time() - started)
"""


def seconds_by_door(bytecode: Path) -> Iterator[tuple[str, float]]:
    """Each door's name and the least of several imports: what disturbs them only adds."""
    environment = os.environ | {"PYTHONPYCACHEPREFIX": str(bytecode)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    for door in sorted(path.parent.name for path in ROOT.glob("functions/*/handler.py")):
        command = [sys.executable, "-c", _MEASURE, f"functions.{door}.handler"]
        runs = [
            subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
            for _ in range(_ROUNDS + 1)
        ]
        yield door, min(float(run.stdout) for run in runs[1:])  # the first one wrote the byte code
