"""What the tests of clients share."""

from __future__ import annotations

from tests.fakes.fixtures import http, model, native_server, server, upstream, working_server
from tests.fakes.tooled import tooled, tools

__all__ = ["http", "model", "native_server", "server", "tooled", "tools", "upstream", "working_server"]
