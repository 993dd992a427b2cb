"""Export a thread as JSON Lines, and import it into another store, installation or tenant."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from lambda_responses.storage.responses import ResponseNotFound, StoredResponse, TooLargeToStore
from lambda_responses.storage.transfers import AnotherResponse, Before, MovedResponse
from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.json import to_bytes
from lambda_responses.wire.not_found import response_not_found
from lambda_responses.wire.thread_lines import VERSION, BadLine, read_line

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable

    from lambda_responses.lifecycle.ports import Principal, Services
    from lambda_responses.storage.threads import TreeNode
    from lambda_responses.wire.json import Json

AT_ONCE = 8
"""Responses that are read at the same time; no more than these are ever held."""


async def export_thread(
    response_id: str, *, origins: bool = True, principal: Principal, using: Services
) -> AsyncGenerator[str, None]:
    """The tree that a response is part of, as lines without their ends; see `wire.thread_lines`.

    Without `origins` nothing leaves that providers gave for themselves alone, and reasoning cannot be taken
    up again by its maker after an import. Raises `NotFoundError` before the first line.
    """
    first = True
    try:
        async for line in using.threads.lines(principal.tenant, response_id):
            for start in range(0, len(line), AT_ONCE):
                nodes = line[start : start + AT_ONCE]
                moved = await asyncio.gather(
                    *(
                        _taken_out(node, first and not at, principal, using)
                        for at, node in enumerate(nodes, start)
                    )
                )
                for node, response in zip(nodes, moved, strict=True):
                    if response is not None:
                        yield to_bytes(_as_line(node, response, origins=origins)).decode()
            first = False
    except ResponseNotFound:
        raise response_not_found(response_id) from None


async def import_thread(lines: AsyncIterable[str | bytes], *, principal: Principal, using: Services) -> Json:
    """Keep what was exported: `{"object": "thread.import", "imported": …, "present": …}`.

    Responses keep their ids and chains, and expire as if they had been made now. Each line is kept whole or
    not at all, and one that is there already changes nothing, so an import that was cut short may be run
    again. Raises `InvalidRequestError`, which names the line that cannot be kept; those before it are.
    """
    imported = present = number = 0
    async for line in lines:
        number += 1
        if not line.strip():
            continue
        try:
            if await using.transfers.taken_in(principal.tenant, _as_moved(read_line(line))):
                imported += 1
            else:
                present += 1
        except BadLine as fault:
            raise _refused(number, f"{fault}.") from None
        except ResponseNotFound:
            raise _refused(
                number, "the response before it is neither in an earlier line nor stored."
            ) from None
        except AnotherResponse:
            raise _refused(number, "another response of its id is stored.") from None
        except TooLargeToStore:
            raise _refused(number, "it is too large to be stored.") from None
    return {"object": "thread.import", "imported": imported, "present": present}


async def _taken_out(
    node: TreeNode, first: bool, principal: Principal, using: Services
) -> MovedResponse | None:
    """None for one that was deleted just now and that nothing stands on."""
    for seen in (node, replace(node, gone=True)):
        try:
            return await using.transfers.taken_out(principal.tenant, seen, first=first)
        except ResponseNotFound:
            continue
    return None


def _as_line(node: TreeNode, moved: MovedResponse, *, origins: bool) -> Json:
    line: Json = {
        "version": VERSION,
        "id": moved.response_id,
        "previous_id": moved.previous_id,
        "created_at": node.created_at,
        "expires_at": node.expires,
        "target": moved.stored.target,
        "deleted": moved.deleted,
        "response": moved.stored.response,
        "input": moved.stored.input,
    }
    if origins:
        line["origins"] = moved.stored.origins
    if moved.before is not None:
        before: Json = {"items": moved.before.items}
        line["before"] = before | ({"origins": moved.before.origins} if origins else {})
    return line


def _as_moved(line: Json) -> MovedResponse:
    stored = StoredResponse(line["response"], line["input"], line.get("origins") or {}, line["target"])
    before = line.get("before")
    return MovedResponse(
        line["id"],
        line.get("previous_id"),
        line["deleted"],
        stored,
        Before(before["items"], before.get("origins") or {}) if before else None,
        with_origins=line.get("origins") is not None,
    )


def _refused(number: int, reason: str) -> InvalidRequestError:
    return InvalidRequestError(f"Line {number} cannot be imported: {reason}", code="invalid_thread_line")
