"""What the tests of pages share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fakes.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    """The server that a page calls by an address of its own."""
    fake = Upstream()
    yield fake
    fake.close()
