"""The official SDK's types as judges of everything that a server sends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]

UNTYPED = {
    "Response.store": "the live API echoes it",
    "Response.presence_penalty": "Open Responses requires it",
    "Response.frequency_penalty": "Open Responses requires it",
    "Response.bound": "ours: it names what ended a loop of steps",
    "ResponseCustomToolCall.status": "the live API sends it",
    "ResponseErrorEvent.error": "the live API nests what the types have flat",
    "*.obfuscation": "the live API pads the deltas of every kind, the types know those of text",
    "Logprob.bytes": "the live API sends them with deltas too, the types know those of whole texts",
    "LogprobTopLogprob.bytes": "the same",
}
"""Members that are sent although the SDK's types lack them, and why."""

UNTYPED_CODES = {
    "context_length_exceeded": "the live API sends it, and coding agents compact on it",
    "insufficient_quota": "coding agents stop on it",
    "server_is_overloaded": "coding agents stop on it",
}
"""Codes of failed responses that the SDK's types lack, and why they are sent."""

_RESPONSE = TypeAdapter(Response)
_EVENTS: dict[str, TypeAdapter[Any]] = {
    get_args(cls.model_fields["type"].annotation)[0]: TypeAdapter(cls)
    for cls in get_args(get_args(ResponseStreamEvent)[0])
}


def judge_response(value: Json, *, upstream: str = "") -> None:
    """Raise unless this is a response by the SDK's types.

    A member that they do not know has to be one of `UNTYPED`, or stand in `upstream`: what a native upstream
    said of its own is passed on.
    """
    _refuse_unknown(_RESPONSE.validate_python(_typed(value)), upstream)


def judge_event(value: Json, *, upstream: str = "") -> None:
    """The same for an event of a stream."""
    typed = {**value, "response": _typed(value["response"])} if "response" in value else value
    _refuse_unknown(_EVENTS[value["type"]].validate_python(typed), upstream)


def judge(value: BaseModel) -> None:
    """The same for what the SDK itself has read: it builds its objects without looking at them."""
    read = value.to_dict(mode="python", warnings=False) if hasattr(value, "to_dict") else value
    model: Any = type(value)
    _refuse_unknown(TypeAdapter(model).validate_python(read), "")


def _typed(response: Json) -> Json:
    """The response, with a code of the types in the place of one of `UNTYPED_CODES`."""
    error: Json | None = response.get("error")
    if error is None or error["code"] not in UNTYPED_CODES:
        return response
    return {**response, "error": {**error, "code": "server_error"}}


def _refuse_unknown(read: Any, upstream: str) -> None:
    unknown = sorted(name for name in _extras(read) if not _is_meant(name, upstream))
    assert not unknown, unknown


def _is_meant(name: str, upstream: str) -> bool:
    member = name.partition(".")[2]
    return name in UNTYPED or f"*.{member}" in UNTYPED or f'"{member}"' in upstream


def _extras(value: Any) -> Iterator[str]:
    if isinstance(value, BaseModel):
        yield from (f"{type(value).__name__}.{name}" for name in value.model_extra or {})
        for name in type(value).model_fields:
            yield from _extras(getattr(value, name))
    elif isinstance(value, list):
        for each in value:
            yield from _extras(each)
