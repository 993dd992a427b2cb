"""List a thread: every response that stands on the same first one, as a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from lambda_responses.storage.responses import ResponseNotFound
from lambda_responses.wire.ids import own_part_of, thread_of
from lambda_responses.wire.not_found import response_not_found

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lambda_responses.lifecycle.ports import Principal, Services
    from lambda_responses.storage.threads import TreeNode
    from lambda_responses.wire.json import Json

PREVIEW = 60
"""Characters of what was said that a list shows. None of them moves a terminal's cursor."""
MOST_READ = 1_000
"""Characters in which they are looked for."""


async def list_thread(response_id: str, *, principal: Principal, using: Services) -> Json:
    """The tree that a response is part of: `{"object": "thread", "data": [turn, …]}`.

    `data` is one line of turns, each continuing the one before it. A turn has `id`, `previous_response_id`,
    `created_at`, `expires_at`, `status` (`deleted` where it is only stood upon), `model` (`provider/model`),
    `preview`, and `forks`: further lines that continue it. Raises `NotFoundError`.
    """
    data: list[Json] = []
    lines: dict[str, list[Json]] = {}
    turns: dict[str, Json] = {}
    try:
        async for found in using.threads.lines(principal.tenant, response_id):
            previews = await _previews(found, principal, using)
            for node in found:
                turn = _turn(node, previews.get(node.response_id, ""))
                line = _line_of(node, lines, turns) if turns else data
                line.append(turn)
                turns[node.response_id], lines[node.response_id] = turn, line
    except ResponseNotFound:
        raise response_not_found(response_id) from None
    return {"object": "thread", "data": data}


def _line_of(node: TreeNode, lines: Mapping[str, list[Json]], turns: Mapping[str, Json]) -> list[Json]:
    """Where a response goes: on in the line of its thread, or in one of its own."""
    previous = cast("str", node.previous_id)
    line = lines[previous]
    if line[-1] is turns[previous] and thread_of(previous) == thread_of(node.response_id):
        return line
    fork: list[Json] = []
    turns[previous]["forks"].append(fork)
    return fork


def _turn(node: TreeNode, preview: str) -> Json:
    return {
        "id": node.response_id,
        "previous_response_id": node.previous_id,
        "created_at": node.created_at,
        "expires_at": node.expires,
        "status": "deleted" if node.gone else node.status,
        "model": node.target,
        "preview": preview,
        "forks": [],
    }


async def _previews(nodes: Sequence[TreeNode], principal: Principal, using: Services) -> dict[str, str]:
    """By response id, the beginning of what was asked. Nothing of what was deleted."""
    thread = thread_of(nodes[0].response_id)
    wanted = {own_part_of(node.response_id): node.response_id for node in nodes if not node.gone}
    if thread is None or not wanted:
        return {}
    return {
        wanted[own]: preview([*turn.output[::-1], *turn.input])
        async for own, turn in using.threads.turns(principal.tenant, thread)
        if own in wanted
    }


def preview(items: Sequence[Json]) -> str:
    """The beginning of the last text in these items, on one line."""
    for item in reversed(items):
        text = _text_in(item.get("content") or item.get("output"))
        said = " ".join("".join(each if each.isprintable() else " " for each in text[:MOST_READ]).split())
        if said:
            return said if len(said) <= PREVIEW else f"{said[: PREVIEW - 1].rstrip()}…"
    return ""


def _text_in(content: Any) -> str:
    """The text of an item's content, or of a tool's output: a string, or parts some of which have text."""
    match content:
        case str():
            return content
        case list():
            parts = cast("list[Any]", content)
            return " ".join(text for part in parts if isinstance(text := _text_of(part), str))
        case _:
            return ""


def _text_of(part: Any) -> Any:
    return cast("Json", part).get("text") if isinstance(part, dict) else None
