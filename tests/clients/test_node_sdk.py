"""The official SDK for Node does its normal work, whatever kind of provider answers (node/sdk.mjs)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fakes.fixtures import MODELS

if TYPE_CHECKING:
    from tests.fakes.server import Server

HERE = Path(__file__).parent / "node"
SCENARIOS = (
    "create",
    "create as a stream",
    "the stream helper",
    "parse",
    "a tool and the turn after it",
    "a tool in a stream, its output replayed without a store",
    "retrieve and its replay",
    "input items are paged",
    "delete, and what is left",
    "faults are its own exceptions",
)


@pytest.fixture(scope="module", params=MODELS.values(), ids=MODELS)
def outcome(request: pytest.FixtureRequest, server: Server) -> dict[str, str | None]:
    """By scenario, what went wrong with it."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    if not (HERE / "node_modules").is_dir():
        pytest.skip("needs tests/clients/node/node_modules, which `make test` installs")
    finished = subprocess.run(
        [node, str(HERE / "sdk.mjs"), server.base_url, request.param],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_node_sdk_does_its_work(outcome: dict[str, str | None], scenario: str):
    assert outcome[scenario] is None


def test_every_scenario_is_listed(outcome: dict[str, str | None]):
    assert tuple(outcome) == SCENARIOS
