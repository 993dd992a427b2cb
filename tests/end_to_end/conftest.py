"""What the tests of whole servers share."""

from __future__ import annotations

from tests.fakes.fixtures import format, http, model, native_server, server, upstream
from tests.fakes.replay import replay_url, replaying_server

__all__ = ["format", "http", "model", "native_server", "replay_url", "replaying_server", "server", "upstream"]
