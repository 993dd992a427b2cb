"""The official SDK for Node does the work of tests/clients/node/sdk.mjs on functions, too."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.hosted.hosting import Hosted

NODE = Path(__file__).parents[1] / "clients" / "node"


def test_the_node_sdk_does_its_work(base_url: str, hosted: Hosted):
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    if not (NODE / "node_modules").is_dir():
        pytest.skip("needs tests/clients/node/node_modules, which `make test` installs")
    finished = subprocess.run(
        [node, str(NODE / "sdk.mjs"), base_url, "scripted/echo"],
        env={"PATH": os.environ["PATH"], "OPENAI_API_KEY": hosted.key},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    outcome: dict[str, str | None] = json.loads(finished.stdout)
    assert outcome
    assert {scenario: fault for scenario, fault in outcome.items() if fault is not None} == {}
