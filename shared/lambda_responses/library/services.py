"""`LiveServices` for a program: its faults go to the program's own log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from lambda_responses.providers.base import UpstreamError
from lambda_responses.runtime.logs import place_of
from lambda_responses.runtime.services import LiveServices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambda_responses.providers.routing import ProviderRouter
    from lambda_responses.runtime.settings import Settings
    from lambda_responses.wire.errors import APIError

_logger = logging.getLogger("lambda_responses")
"""A program's own handlers decide what becomes of these lines: a library writes nowhere by itself."""
_logger.addHandler(logging.NullHandler())


class LibraryServices(LiveServices):
    """The services of `make dev`, the embedded model included, with another way to tell of faults."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        super().__init__(settings, environment, local_model=True)
        if settings.mcp_urls is None:  # whoever calls is the program's own
            self.mcp_urls = True

    def router_with(self, variables: Mapping[str, str], *, retries: int | None) -> ProviderRouter:
        """A router of the environment with those variables in it. Raises `ProviderSettingsError`."""
        limit = self._settings.max_retries if retries is None else retries
        return self._router_by(self.parameters.current(), variables, retries=limit)

    def report(self, error: BaseException) -> None:
        """Tell the kind and place of a fault; its text may quote what somebody said."""
        _logger.error("unforeseen %s at %s", type(error).__name__, place_of(error))

    def delivery_failed(self, tenant: str, target: str, reason: str, *, final: bool) -> None:
        """Tell which kind of target, and why; never where it was to go, which may hold a secret."""
        _logger.warning("delivery to %s failed%s: %s", target, ", for good" if final else "", reason)

    def upstream_failed(self, target: str, fault: APIError) -> None:
        """Tell which target, how the caller is told, and what was seen; never what was said."""
        seen = fault.__cause__ or fault
        cause = f"{type(seen).__name__}: {seen}" if isinstance(seen, UpstreamError) else type(seen).__name__
        _logger.warning("upstream %s failed, told as %s: %s", target[:200], fault.status, cause)

    def tool_called(self, server: str | None, tool: str, *, seconds: float, fault: str | None) -> None:
        """Tell which tool of which named server, and what kind of fault; of others, that there was one."""
        level = logging.INFO if fault is None else logging.WARNING
        named = "a tool" if server is None else f"tool {tool[:200]} of {server}"
        _logger.log(level, "%s called in %.0f ms%s", named, seconds * 1000, f": {fault}" if fault else "")

    def tool_dropped(self, server: str, tool: str) -> None:
        """Tell which tool of which named server has changed, and is not offered any more."""
        _logger.warning("tool %s of %s has changed and is not offered", tool[:200], server)
