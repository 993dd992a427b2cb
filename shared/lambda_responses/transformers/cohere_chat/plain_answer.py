"""A plain (not streamed) answer, restated as the events that it would have been."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from lambda_responses.transformers.readings import members

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lambda_responses.wire.json import Json


def as_chunks(body: Json) -> Iterator[Json]:
    """Content and calls whole, the end included; or the fault that stands for an answer.

    Raises `ValueError` for a body that is neither.
    """
    message = body.get("message")
    if not isinstance(message, dict):
        if not (body.get("error") or isinstance(message, str)):
            raise ValueError("The body holds no answer, and no fault.")
        yield body
        return
    told = cast("Json", message)
    tokens = _Tokens(body.get("logprobs"))
    if plan := told.get("tool_plan"):
        yield {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": plan}}}
    for index, part in enumerate(_list(told.get("content"))):
        yield from _restate_part(index, part, tokens)
    for citation in _list(told.get("citations")):
        yield {"type": "citation-start", "delta": {"message": {"citations": citation}}}
    for index, call in enumerate(_list(told.get("tool_calls"))):
        yield {"type": "tool-call-start", "index": index, "delta": {"message": {"tool_calls": call}}}
        yield {"type": "tool-call-end", "index": index}
    ending = {name: body[name] for name in ("finish_reason", "usage", "error") if name in body}
    yield {"type": "message-end", "delta": ending}


def _restate_part(index: int, part: Any, tokens: _Tokens) -> Iterator[Json]:
    about = members(part) or {"type": "text", "text": part}
    member = "thinking" if about.get("type") == "thinking" else "text"
    empty = {**about, member: ""}
    yield {"type": "content-start", "index": index, "delta": {"message": {"content": empty}}}
    for piece, logprobs in tokens.of(about.get(member)):
        delta = {"message": {"content": {member: piece}}}
        said: Json = {"type": "content-delta", "index": index, "delta": delta}
        yield said if logprobs is None else {**said, "logprobs": logprobs}
    yield {"type": "content-end", "index": index}


class _Tokens:
    """Log probabilities stand beside a plain answer, piece by piece, for all of its parts."""

    def __init__(self, given: Any) -> None:
        self._left = [members(entry) for entry in _list(given)]

    def of(self, text: Any) -> list[tuple[Any, Json | None]]:
        """That text in pieces with their log probabilities, or whole where these do not add up to it."""
        said = ""
        for taken, entry in enumerate(self._left, start=1):
            piece = entry.get("text")
            said += piece if isinstance(piece, str) else ""
            if said == text:
                pieces, self._left = self._left[:taken], self._left[taken:]
                return [(entry.get("text"), entry) for entry in pieces]
        return [(text, None)]


def _list(given: Any) -> list[Any]:
    if isinstance(given, list):
        return cast("list[Any]", given)
    return [given] if isinstance(given, str) else []
