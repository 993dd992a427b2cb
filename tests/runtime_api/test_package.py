"""The loop as one piece: nothing depends on it, and it travels in the layer."""

from __future__ import annotations

import ast
import os
import platform
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.runtime_api.emulator import Emulator, needs_emulator, read_answer
from tests.runtime_api.events import rest_event
from tests.runtime_api.function_process import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE = ROOT / "shared" / "lambda_responses"
LOOP = "lambda_responses.runtime.streaming"


def imported(path: Path) -> set[str]:
    """The full names of what a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_nothing_imports_the_loop():
    outside = [
        path for path in PACKAGE.rglob("*.py") if PACKAGE / "runtime" / "streaming" not in path.parents
    ]
    outside += ROOT.glob("functions/*/*.py")
    assert len(outside) > 50
    assert [path for path in outside if any(name.startswith(LOOP) for name in imported(path))] == []


def test_the_loop_takes_little_of_the_package():
    """What another one in its place would need, too."""
    taken = {name for path in (PACKAGE / "runtime" / "streaming").glob("*.py") for name in imported(path)}
    ours = {name for name in taken if name.startswith("lambda_responses.") and not name.startswith(LOOP)}
    assert {name.removeprefix("lambda_responses.runtime.") for name in ours} == {
        "logs.logger",
        "settings.SettingsError",
        "starting.starting",
    }


@pytest.mark.slow
@needs_emulator
@pytest.mark.skipif(sys.version_info[:2] != (3, 13), reason="the layer is for Python 3.13")
def test_the_layer_runs_a_door_for_a_python_that_has_nothing_else(tmp_path: Path):
    architecture = {"aarch64": "arm64"}.get(platform.machine(), "x86_64")
    environment = os.environ | {"ARTIFACTS_DIR": str(tmp_path / "opt"), "ARCHITECTURE": architecture}
    make = ["make", "--silent", "--directory", str(ROOT / "shared"), "build-SharedLayer"]
    subprocess.run(make, env=environment, check=True, capture_output=True)
    emulator = Emulator(
        folder=ROOT / "functions" / "create_response",
        command=[str(tmp_path / "opt" / "streaming-runtime"), sys.base_prefix + "/bin/python3"],
        RESPONSES_AUTH="iam",
        RESPONSES_STORE=f"sqlite:///{tmp_path / 'responses.db'}",
    )
    try:
        _, body = read_answer(emulator.invoke(rest_event({"model": "scripted/echo", "input": "one"})))
        assert b'"completed"' in body
        assert "rror" not in emulator.log
    finally:
        emulator.stop()
