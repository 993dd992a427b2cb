"""Outbound: the client's own request, with their ids for ours and without the state that is ours."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from lambda_responses.transformers.base import SEAL, Rendered
from lambda_responses.transformers.server_calls import was_run_here, with_plain_calls
from lambda_responses.transformers.tool_names import tools_of
from lambda_responses.wire.ids import thread_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from lambda_responses.transformers.base import Turn
    from lambda_responses.transformers.openai_responses.profile import ResponsesProfile
    from lambda_responses.wire.json import Json

OURS = frozenset(
    {
        # The conversation is kept here, and all of it is sent.
        "previous_response_id",
        "conversation",
        # The upstream call is always made in the foreground, whoever waits for it.
        "background",
        "background_options",
        # The stream that the client sees is written here.
        "stream",
        "stream_options",
        # What a response is held to, over all its steps.
        "bounds",
    }
)
"""Request keys whose effect is ours and not the upstream's."""

_CALLS = ("function_call", "custom_tool_call")
_SAID_BETWEEN_CALLS = ("message", "reasoning")


def render_request(turn: Turn, profile: ResponsesProfile) -> Rendered:
    """The request as the client made it; nulls, which mean `omitted`, are left out."""
    given = {key: value for key, value in turn.request.items() if value is not None}
    body = {key: value for key, value in given.items() if key not in OURS and key not in profile.refused}
    body["model"] = turn.model
    body["input"] = render_input(turn, profile)
    body["store"] = False
    if profile.streams:
        body["stream"] = True
    include = _render_include(body.pop("include", ()), turn.model, profile)
    if include:
        body["include"] = include
    return Rendered(
        path=profile.path,
        body=body,
        dropped=tuple(key for key in given if key in profile.refused),
    )


def render_input(turn: Turn, profile: ResponsesProfile) -> list[Json]:
    """The context in the upstream's terms, oldest first."""
    rendered: list[Json] = []
    orphaned = False
    for item in _told(turn, profile):
        theirs = _render_item(item, turn.origins, profile)
        if theirs is None:
            # What followed the lost reasoning must not be known by an id: the upstream knows that, by that
            # id, it belongs to reasoning which it then demands.
            orphaned = True
            continue
        if not _is_output(theirs):
            orphaned = False
        elif orphaned and theirs.get("type") in (*_CALLS, "message"):
            theirs.pop("id", None)
        rendered.append(theirs)
    return _move_calls_last(rendered) if profile.wants_calls_last else rendered


def _told(turn: Turn, profile: ResponsesProfile) -> Iterator[Json]:
    """The items; calls of tools that this server runs, which the upstream knows as functions, as such."""
    hosted = {str(tool.get("type")) for _, tool in tools_of(turn.request, turn.items)}
    keep = partial(_is_known, origins=turn.origins, hosted=hosted)
    for index, item in with_plain_calls(turn.items, turn.origins, keep=keep):
        before = turn.items[index]
        if item is before and not was_run_here(item, turn.origins):
            yield item
            continue
        theirs = {key: value for key, value in item.items() if key != "status" or item is before}
        if was_run_here(before, turn.origins) == (item is before) and not profile.needs_ids:
            theirs.pop("id", None)  # the id by which its maker knows it is that of an item of another kind
        yield theirs


def _is_known(item: Json, origins: Mapping[str, Json], hosted: Collection[str]) -> bool:
    """Whether the upstream takes an item about servers' tools as it is: it runs these, or ran that one."""
    if item["type"].startswith("tool_search"):
        if "tool_search" in hosted or item.get("execution") == "client":
            return True
    elif "mcp" in hosted:
        return True
    answers = item["type"] == "mcp_approval_response"
    origin = origins.get(str(item.get("approval_request_id" if answers else "id")), {})
    return "id" in origin and "call_id" not in origin


def _render_item(item: Json, origins: Mapping[str, Json], profile: ResponsesProfile) -> Json | None:
    """The item under its maker's id, or without one; None for what its maker would not take."""
    our_id = item.get("id")
    if our_id == "":
        item = {key: value for key, value in item.items() if key != "id"}
    origin = origins.get(our_id) if isinstance(our_id, str) else None
    strange = origin is None and isinstance(our_id, str) and thread_of(our_id) is not None
    theirs = dict(item)
    if origin is not None and origin.get("id"):
        theirs["id"] = origin["id"]
    elif (origin is not None or strange) and not (profile.needs_ids and _is_output(item)):
        theirs.pop("id", None)
    match item.get("type"):
        case "reasoning":
            return _render_reasoning(theirs, origin or {}, profile)
        case "compaction":
            return _sealed_again(theirs, origin or {})
        case "function_call" if not profile.takes_call_status:
            theirs.pop("status", None)
        case "message" if item.get("role") == "assistant" and "id" not in theirs:
            return _shorten(theirs)
        case "mcp_approval_response" | "mcp_call":
            request_id = item.get("approval_request_id")
            if isinstance(request_id, str) and (their_id := origins.get(request_id, {}).get("id")):
                theirs["approval_request_id"] = their_id
        case _:
            pass
    return theirs


def _render_reasoning(theirs: Json, origin: Json, profile: ResponsesProfile) -> Json | None:
    """Reasoning goes back sealed, or in the open to those who read it so; else there is nothing to send."""
    theirs.pop("status", None)  # refused by the live API on the way in
    sealed = _sealed_again(theirs, origin)
    in_the_open = profile.takes_reasoning_text and (theirs.get("content") or theirs.get("summary"))
    return sealed or (theirs if in_the_open else None)


def _sealed_again(theirs: Json, origin: Json) -> Json | None:
    """The item with what its maker sealed, which counts before what a client brought from there; or None."""
    brought = theirs.pop("encrypted_content", None)
    seal = origin.get("encrypted_content") or brought
    return {**theirs, "encrypted_content": seal} if seal else None


def _shorten(message: Json) -> Json:
    """A model's text without an id, in the short form: many servers demand an id in the long one."""
    match message.get("content"):
        case [{"type": "output_text", "text": str(text)} as part] if not part.get("annotations"):
            short = {**message, "content": text}
            short.pop("status", None)
            return short
        case _:
            return message


def _render_include(asked: Any, model: str, profile: ResponsesProfile) -> list[str]:
    """What the client asked for, and the seals without which this turn's reasoning could not be replayed."""
    include = list(asked)
    if profile.asks_for_seals and not model.startswith(profile.unsealed_models) and SEAL not in include:
        include.append(SEAL)
    return include


def _is_output(item: Json) -> bool:
    """Whether a model made it, as far as its place in a model's turn is concerned."""
    kind = item.get("type", "message")
    return item.get("role") == "assistant" if kind == "message" else not kind.endswith("_output")


def _move_calls_last(items: Sequence[Json]) -> list[Json]:
    """The same items, with what a model said between two calls put before the first of them."""
    moved: list[Json] = []
    calls: list[Json] = []
    for item in items:
        said = item.get("type", "message") in _SAID_BETWEEN_CALLS
        if item.get("type") in _CALLS:
            calls.append(item)
            continue
        if not (said and _is_output(item)):
            moved += calls
            calls = []
        moved.append(item)
    return moved + calls
