"""The internet of these tests."""

from __future__ import annotations

import httpcore
import pytest

from tests.integration.outbound.internet import Internet


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> Internet:
    """An empty one, which every connection goes through."""
    made = Internet()
    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", made.connect())
    return made
