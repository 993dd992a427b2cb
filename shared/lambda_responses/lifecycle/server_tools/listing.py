"""The step in which servers tell of their tools: what the client hears of it, and when it is a fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.tools.telling import list_begun, list_ended
from lambda_responses.wire.errors import FailedDependencyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.stream.deltas import Delta
    from lambda_responses.tools.catalog import ListsBefore, ServerList
    from lambda_responses.tools.servers.server import Server
    from lambda_responses.wire.errors import APIError


def told_lists(
    servers: Sequence[Server], before: ListsBefore, lists: Sequence[ServerList], *, first: bool
) -> Sequence[Delta]:
    """What is told of the `lists`; of none yet, that the first of them is awaited.

    Servers of which the context has an item are not told of. `first`: nothing has been told of any.
    """
    untold = [server.label for server in servers if server.label not in before.shown]
    if not lists:
        return list_begun(untold[0]) if untold else ()
    told: list[Delta] = []
    for listed in lists:
        label = listed.server.label
        if listed.shown:
            continue
        if first or [label] != untold[:1]:
            told += list_begun(label)
        told += list_ended(label, listed.item, listed.origin)
        if listed.fault is not None and listed.server.required:
            break
    return told


def not_listed(lists: Sequence[ServerList]) -> APIError | None:
    """424 for the first server that has to tell its tools and does not.

    https://platform.openai.com/docs/guides/tools-connectors-mcp
    """
    for listed in lists:
        if listed.fault is not None and listed.server.required:
            return FailedDependencyError(listed.error or "", code="http_error", param="tools")
    return None
