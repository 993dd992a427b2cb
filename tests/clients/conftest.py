"""What the tests of clients share."""

from __future__ import annotations

from tests.fakes.fixtures import http, model, native_server, server, upstream

__all__ = ["http", "model", "native_server", "server", "upstream"]
