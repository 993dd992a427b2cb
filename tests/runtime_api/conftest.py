"""What the tests of the streaming runtime share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.runtime_api.function_process import DOORS, FunctionProcess
from tests.runtime_api.strict_api import StrictApi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Start = Callable[..., FunctionProcess]


@pytest.fixture
def api() -> Iterator[StrictApi]:
    """A Runtime API of the test's own."""
    strict = StrictApi()
    yield strict
    strict.close()


@pytest.fixture
def start(api: StrictApi) -> Iterator[Start]:
    """Starts a function whose Runtime API that is; by default the toy."""
    started: list[FunctionProcess] = []

    def start_with(handler: str = "toy.lambda_handler", **settings: str) -> FunctionProcess:
        started.append(FunctionProcess(api.address, folder=DOORS, handler=handler, **settings))
        return started[-1]

    yield start_with
    for process in started:
        process.stop()


class Toy:
    """The toy's process, which lives on from test to test as it would on Lambda."""

    def __init__(self) -> None:
        self.api = StrictApi()
        self.process = FunctionProcess(self.api.address, folder=DOORS, handler="toy.lambda_handler")

    def is_ready(self) -> bool:
        """Whether it asks for more; after a test that failed, or was about its end, it may not."""
        try:
            self.api.wait_for_more()
        except (AssertionError, OSError, ValueError):
            return False
        return True

    def close(self) -> None:
        self.process.stop()
        self.api.close()


@pytest.fixture(scope="session")
def toys() -> Iterator[list[Toy]]:
    """The toy that runs, if there is one."""
    running: list[Toy] = []
    yield running
    for each in running:
        each.close()


@pytest.fixture
def toy(toys: list[Toy]) -> Toy:
    """The toy, ready for an invocation."""
    if toys and not toys[0].is_ready():
        toys.pop().close()
    if not toys:
        toys.append(Toy())
        assert toys[0].is_ready()
    toys[0].process.forget_lines()
    return toys[0]
