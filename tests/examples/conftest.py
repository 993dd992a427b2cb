"""Upstreams for programs that name real providers."""

from tests.fakes.fixtures import native_server, upstream

__all__ = ["native_server", "upstream"]
