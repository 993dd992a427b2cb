"""What a start of each function may take on Lambda, from `exec` to its first question for work.

Ratios are measured as docs/cold-start.md says. Another process can only add to a time, so that one measure of
several within the budget is enough. The number of modules has no noise at all.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

import pytest

from lambda_responses.endpoints.application import OPERATIONS
from tests.bench.cold_start import BARE, LIMITS, OTHER_LIMIT, bare, measured, of_door, ratios
from tests.bench.layout import DOORS, ROOT, RUNS_HERE, STREAMED, lay_out
from tests.bench.runtime_api import started
from tests.template.declared import variables

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bench.cold_start import Start
    from tests.bench.layout import Layout

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not RUNS_HERE, reason="the layer is built for Python 3.13 on Linux"),
]

ROUNDS = 5
MEASURES = 5
MODULES = {
    **dict.fromkeys(("compact_response", "count_input_tokens", "create_response"), 340),
    "run_background_response": 420,
}
OTHER_MODULES = 220
"""More than boto3's client alone imports."""
LEFT_ALONE = (
    *("boto3", "s3transfer", "pydantic", "mcp", "mcp_types"),
    *("cryptography", "jwt", "sqlite3", "uvicorn"),
)
FOR_MODELS = ("httpx", "httpcore", "lambda_responses.providers.routing")
ASKING = {each.name for each in OPERATIONS if each.asks_models} | {"run_background_response"}
FORMATS = sorted(path.parent.name for path in ROOT.glob("shared/lambda_responses/transformers/*/__init__.py"))
IMPORTED = re.compile(r"^import time: +\d+ \| +\d+ \| +(\S+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    return lay_out(tmp_path_factory.mktemp("lambda"))


@pytest.fixture(scope="module")
def modules(layout: Layout, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], frozenset[str]]:
    """What a process has imported by the time that it is ready, by the name of its door."""
    place = tmp_path_factory.mktemp("imported")

    @cache
    def imported(name: str) -> frozenset[str]:
        start: Start = bare(layout) if name == BARE else of_door(layout, name)
        environment = {**start.environment, "PYTHONPROFILEIMPORTTIME": "1"}
        with (place / name).open("wb") as log:
            started(start.command, environment, log=log)
        return frozenset(IMPORTED.findall((place / name).read_text()))

    return imported


def test_every_function_is_ready_within_its_budget(layout: Layout) -> None:
    starts = {BARE: bare(layout), **{door: of_door(layout, door) for door in DOORS}}
    over = {door: [] for door in DOORS}
    for _ in range(MEASURES):
        seen = ratios(measured({name: starts[name] for name in (BARE, *over)}, ROUNDS))
        over = {
            door: [*before, round(seen[door], 2)]
            for door, before in over.items()
            if seen[door] > LIMITS.get(door, OTHER_LIMIT)
        }
        if not over:
            break
    assert over == {}


@pytest.mark.parametrize("door", DOORS)
def test_a_function_that_is_ready_has_imported_few_modules(
    door: str, modules: Callable[[str], frozenset[str]]
) -> None:
    assert len(modules(door) - modules(BARE)) <= MODULES.get(door, OTHER_MODULES)


@pytest.mark.parametrize("door", DOORS)
def test_a_function_that_is_ready_has_imported_nothing_that_few_requests_need(
    door: str, modules: Callable[[str], frozenset[str]]
) -> None:
    kept_back = [*LEFT_ALONE, *(f"lambda_responses.transformers.{format}" for format in FORMATS)]
    if door not in ASKING:
        kept_back += FOR_MODELS
    assert modules(door).intersection(kept_back) == set()


@pytest.mark.parametrize("door", STREAMED)
def test_a_function_that_streams_does_without_the_client_that_collects(
    door: str, modules: Callable[[str], frozenset[str]]
) -> None:
    assert "lambda_responses.runtime.streaming.process" in modules(door)
    assert "awslambdaric" not in modules(door)


def test_what_is_started_by_the_wrapper_here_is_so_on_lambda() -> None:
    assert {door for door in DOORS if "AWS_LAMBDA_EXEC_WRAPPER" in variables(door)} == set(STREAMED)
