"""What the import of a door costs, over a bare interpreter: processor time and modules.

A cold start pays this. Processor time is the least of several fresh interpreters, since noise only adds; the
number of modules has no noise at all and shows the same growth on any machine.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOORS = sorted(path.parent.name for path in ROOT.glob("functions/*/handler.py"))
SECONDS = {"create_response": 0.33}
MODULES = {"create_response": 700}
OTHER_SECONDS = 0.25
OTHER_MODULES = 620
ROUNDS = 15

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


def import_in_a_fresh_interpreter(module: str) -> Import:
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, module], cwd=ROOT, capture_output=True, text=True, check=True
    )
    seen = json.loads(run.stdout)
    return Import(seen["seconds"], frozenset(seen["modules"]), len(seen["modules"]) - seen["bare"])


@cache
def once(door: str) -> Import:
    """Also leaves byte code behind for the runs that are timed."""
    return import_in_a_fresh_interpreter(f"functions.{door}.handler")


@pytest.mark.skipif(
    sys.version_info[:2] != (3, 13), reason="the budget is for Python 3.13, which production runs"
)
@pytest.mark.parametrize("door", DOORS)
def test_a_door_opens_within_its_budget(door: str):
    budget = SECONDS.get(door, OTHER_SECONDS)
    least = once(door).seconds
    for _ in range(ROUNDS):
        if least <= budget:
            break
        least = min(least, import_in_a_fresh_interpreter(f"functions.{door}.handler").seconds)
    assert least <= budget


@pytest.mark.parametrize("door", DOORS)
def test_a_door_loads_few_modules(door: str):
    assert once(door).added <= MODULES.get(door, OTHER_MODULES)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("package", ["mcp", "mcp_types", "boto3", "botocore", "uvicorn", "sqlite3"])
def test_a_door_leaves_alone_what_few_requests_need(door: str, package: str):
    assert package not in once(door).modules
