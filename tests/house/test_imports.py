"""What the import of a door costs, over a bare interpreter: processor time and modules.

A cold start pays this. Processor time is the least of several fresh interpreters, since noise only adds; the
number of modules has no noise at all and shows the same growth on any machine.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOORS = sorted(path.parent.name for path in ROOT.glob("functions/*/handler.py"))
SECONDS = {"create_response": 0.33}
OTHER_SECONDS = 0.25
MODULES = 370
ROUNDS = 15
LEFT_ALONE = [
    *("mcp", "mcp_types", "boto3", "botocore.session", "uvicorn", "sqlite3", "pydantic", "httpx"),
    *("cryptography", "httpcore", "idna", "lambda_responses.transformers.anthropic_messages"),
]

MEASURE = """
import sys, time
bare, started = len(sys.modules), time.process_time()
import importlib
importlib.import_module(sys.argv[1])
seconds = time.process_time() - started
import json
print(json.dumps({"seconds": seconds, "modules": sorted(sys.modules), "bare": bare}))
"""


@dataclass(frozen=True)
class Import:
    seconds: float
    modules: frozenset[str]
    added: int


Importer = Callable[[str], Import]


@pytest.fixture(scope="module")
def import_anew(tmp_path_factory: pytest.TempPathFactory) -> Importer:
    """Imports a door in a fresh interpreter that has byte code from its second run on."""
    environment = os.environ | {"PYTHONPYCACHEPREFIX": str(tmp_path_factory.mktemp("bytecode"))}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def measure(door: str) -> Import:
        command = [sys.executable, "-c", MEASURE, f"functions.{door}.handler"]
        run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        seen = json.loads(run.stdout)
        return Import(seen["seconds"], frozenset(seen["modules"]), len(seen["modules"]) - seen["bare"])

    return measure


@pytest.fixture(scope="module")
def first_import(import_anew: Importer) -> Importer:
    return cache(import_anew)


@pytest.mark.skipif(sys.version_info[:2] != (3, 13), reason="the budget is for Python 3.13")
@pytest.mark.parametrize("door", DOORS)
def test_a_door_opens_within_its_budget(door: str, first_import: Importer, import_anew: Importer):
    first_import(door)
    budget = SECONDS.get(door, OTHER_SECONDS)
    assert any(import_anew(door).seconds <= budget for _ in range(ROUNDS))


@pytest.mark.parametrize("door", DOORS)
def test_a_door_loads_few_modules(door: str, first_import: Importer):
    assert first_import(door).added <= MODULES


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("module", LEFT_ALONE)
def test_a_door_leaves_alone_what_few_requests_need(door: str, module: str, first_import: Importer):
    assert module not in first_import(door).modules
