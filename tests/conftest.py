"""What every test runs under."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.played import Played, PlayedServices

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.played import Play


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The loop that the server runs on."""
    return "asyncio"


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Play]:
    """Services over providers that play what a test wrote down."""
    opened: list[PlayedServices] = []

    def play_with(*providers: Played, **options: Any) -> PlayedServices:
        opened.append(PlayedServices(tmp_path, *providers, **options))
        return opened[-1]

    yield play_with
    for services in opened:
        services.close()
