"""The operator's MCP servers, by the settings and by what was read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.runtime.settings import SettingsError
from lambda_responses.tools.servers.registry import Limits, ServerRegistry
from lambda_responses.tools.servers.servers_file import ServersFileError, read_servers_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambda_responses.runtime.parameters import Kept
    from lambda_responses.runtime.settings import Settings


def server_registry(settings: Settings, kept: Kept, environment: Mapping[str, str]) -> ServerRegistry:
    """The servers; programs to start are among them only where this is no function.

    Raises `SettingsError` for a file that cannot be used.
    """
    limits = Limits(
        call_seconds=settings.mcp_call_seconds,
        list_seconds=settings.mcp_list_seconds,
        result_bytes=settings.mcp_result_bytes,
        context_bytes=settings.mcp_context_bytes,
        list_ttl=settings.mcp_list_ttl,
        required=settings.mcp_list_failure == "fail",
    )
    try:
        servers = read_servers_file(
            kept.servers,
            secrets={**kept.secrets, **environment},
            limits=limits,
            programs="AWS_LAMBDA_RUNTIME_API" not in environment,
        )
    except ServersFileError as fault:
        raise SettingsError(f"RESPONSES_MCP_SERVERS cannot be used: {fault}.") from None
    return ServerRegistry(servers, limits)
