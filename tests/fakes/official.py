"""The official SDK's types as judges of everything that a server sends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter

if TYPE_CHECKING:
    from collections.abc import Iterator

RESPONSE = TypeAdapter(Response)
EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)

UNTYPED = {
    "Response.store": "the live API echoes it",
    "Response.presence_penalty": "Open Responses requires it",
    "Response.frequency_penalty": "Open Responses requires it",
    "*.obfuscation": "the live API pads the deltas of every kind, the types know those of text",
    "ResponseErrorEvent.error": "the live API nests what the types have flat",
}
"""Members that are sent although the SDK's types lack them, and why."""


def judge_response(value: Any) -> None:
    """Raise unless this is a response by the SDK's types, with no member that it does not know."""
    _refuse_unknown(RESPONSE.validate_python(value))


def judge_event(value: Any) -> None:
    """The same for an event of a stream."""
    _refuse_unknown(EVENT.validate_python(value))


def judge(value: BaseModel) -> None:
    """The same for what the SDK itself has read: it builds its objects without looking at them."""
    read = value.to_dict(mode="python", warnings=False) if hasattr(value, "to_dict") else value
    model: Any = type(value)
    _refuse_unknown(TypeAdapter(model).validate_python(read))


def _refuse_unknown(read: Any) -> None:
    unknown = sorted(name for name in _extras(read) if not _is_meant(name))
    assert not unknown, unknown


def _is_meant(name: str) -> bool:
    return name in UNTYPED or f"*.{name.partition('.')[2]}" in UNTYPED


def _extras(value: Any) -> Iterator[str]:
    if isinstance(value, BaseModel):
        yield from (f"{type(value).__name__}.{name}" for name in value.model_extra or {})
        for name in type(value).model_fields:
            yield from _extras(getattr(value, name))
    elif isinstance(value, list):
        for each in value:
            yield from _extras(each)
