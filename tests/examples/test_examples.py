"""The programs in examples/, each as a process of its own, with no key and a store of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"), key=lambda path: path.name)

SAYS = {
    "ask": "5 tokens in, 5 out, by scripted/echo",
    "ask_async": "Name a mountain.",
    "compact": "['message', 'message', 'message', 'compaction']",
    "converse": "without the store: And now?",
    "count": "tokens without the story",
    "extract": "{'total': 1}",
    "in_background": "left and taken up again: response.completed",
    "log_calls": "responses (streamed) by scripted/echo: left early, 0 tokens",
    "look_back": "stored as told: True",
    "look_back_async": "stored as told: True",
    "many_at_once": "'task 19', 'blocking, in a loop'",
    "recover": "408 The model did not answer within 0.2 s.",
    "stream": "(12 tokens)",
    "stream_async": "that is enough",
    "use_servers": 'dice: roll({"sides": 20}) = 10 of 20',
    "use_tools": "The tool says: ",
}
"""A part of what each prints."""


def test_every_example_is_run():
    assert {path.stem for path in EXAMPLES} == SAYS.keys()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_as_it_is(path: Path, tmp_path: Path):
    environment = {name: value for name, value in os.environ.items() if name != "MODEL"}
    run = subprocess.run(
        [sys.executable, "-W", "error", path],
        cwd=tmp_path,
        env=environment | {"DATA_DIR": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert SAYS[path.stem] in run.stdout


def test_every_example_is_listed():
    page = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert all(f"({path.name})" in page for path in EXAMPLES)
