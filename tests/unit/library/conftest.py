"""The library over a store of the test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import lambda_responses
from lambda_responses import CallRecord

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def library(tmp_path: Path) -> Iterator[None]:
    lambda_responses.configure({"RESPONSES_STORE": f"sqlite:///{tmp_path}/responses.db"})
    yield
    lambda_responses.configure()


@pytest.fixture
def heard() -> Iterator[list[CallRecord]]:
    """What a callback hears."""
    records: list[CallRecord] = []
    forget = lambda_responses.on_response(records.append)
    yield records
    forget()
