"""List a thread: every response that stands on the same first one, as a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

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
_SEEN = {
    "input_image": "[image]",
    "computer_screenshot": "[image]",
    "input_file": "[file]",
    "input_audio": "[audio]",
}
"""What a list shows of a turn that asks without a word."""


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
        wanted[own]: preview(turn.input, turn.output)
        async for own, turn in using.threads.turns(principal.tenant, thread)
        if own in wanted
    }


def preview(asked: Sequence[Json], answered: Sequence[Json]) -> str:
    """What tells a turn from others, on one line: the beginning of the last text that it brought.

    Of a turn without any it is what was there to be seen instead, such as `[image]`, and of one that brought
    nothing of either kind the beginning of the answer.
    """
    shown = (*map(_line, reversed(asked)), *map(_media, reversed(asked)), *map(_line, answered))
    said = next(filter(None, shown), "")
    return said if len(said) <= PREVIEW else f"{said[: PREVIEW - 1].rstrip()}…"


def _line(item: Json) -> str:
    """The beginning of an item's text without breaks, and without what moves a cursor."""
    text = " ".join(text for part in _parts(item) if isinstance(text := part.get("text"), str))
    return " ".join("".join(each if each.isprintable() else " " for each in text[:MOST_READ]).split())


def _media(item: Json) -> str:
    return next((_SEEN[kind] for part in _parts(item) if (kind := part.get("type")) in _SEEN), "")


def _parts(item: Json) -> Sequence[Json]:
    """The parts of an item's content or of a tool's output, which may be a text or a single part as well."""
    match item.get("content") or item.get("output"):
        case str(text):
            return [{"text": text}]
        case {**part}:
            return [part]
        case [*parts]:
            return [cast("Json", part) for part in parts if isinstance(part, dict)]
        case _:
            return ()
