"""A plain (not streamed) answer, restated as the chunks that it would have been."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambda_responses.transformers.readings import members, read_objects
from lambda_responses.wire.json import to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lambda_responses.wire.json import Json

_STOP = ("stopReason", "additionalModelResponseFields")


def as_chunks(body: Json) -> Iterator[Json]:
    """Every block whole, then the stop and what is told of the answer; or the fault that stands for one.

    Raises `ValueError` for a body that is neither.
    """
    message = members(members(body.get("output")).get("message"))
    if not message:
        yield {"error": _fault_of(body)}
        return
    yield {"messageStart": {"role": message.get("role")}}
    content = read_objects(message.get("content"), "bedrock_converse", "content")
    for index, block in enumerate(content):
        yield from _block_chunks(index, block)
    if "stopReason" in body:
        yield {"messageStop": {name: body[name] for name in _STOP if name in body}}
    yield {"metadata": {name: body[name] for name in body if name not in (*_STOP, "output")}}


def _fault_of(body: Json) -> Json:
    fault = members(body.get("error")) or body
    if not isinstance(fault.get("message"), str):
        raise ValueError("The body holds no answer, and no fault.")
    return fault


def _block_chunks(index: int, block: Json) -> Iterator[Json]:
    for kind, said in block.items():
        if kind == "type":
            continue
        start, deltas = _restate(kind, said)
        if start is not None:
            yield {"contentBlockStart": {"contentBlockIndex": index, "start": start}}
        for delta in deltas:
            yield {"contentBlockDelta": {"contentBlockIndex": index, "delta": delta}}
    yield {"contentBlockStop": {"contentBlockIndex": index}}


def _restate(kind: str, said: Any) -> tuple[Json | None, list[Json]]:
    """How such a block starts, if it does, and what is said in it."""
    told = members(said)
    match kind:
        case "toolUse":
            arguments = to_bytes(told.get("input")).decode() if "input" in told else ""
            return {kind: _without(told, "input")}, [{kind: {"input": arguments}}]
        case "toolResult":
            return {kind: _without(told, "content")}, [{kind: told.get("content")}]
        case "image":
            return {kind: _without(told, "source", "error")}, [{kind: _without(told, "format")}]
        case "reasoningContent":
            text = members(told.get("reasoningText"))
            pieces = {**_without(told, "reasoningText"), **text}
            return None, [{kind: {name: piece}} for name, piece in pieces.items()]
        case "citationsContent":
            texts = read_objects(told.get("content"), "bedrock_converse", "cited content")
            citations = read_objects(told.get("citations"), "bedrock_converse", "citations")
            return None, [*texts, *({"citation": citation} for citation in citations)]
        case _:
            return None, [{kind: said}]


def _without(told: Json, *names: str) -> Json:
    return {name: value for name, value in told.items() if name not in names}
