"""The shape of a request to Cohere, strictly: an oracle of our own, for want of one that others keep.

Written from https://docs.cohere.com/v2/reference/chat-stream: each member and what it may be. A member that
is not listed is a mistake.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def _is(*kinds: type) -> Any:
    def check(value: Any) -> bool:
        return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))

    return check


def _one_of(*values: str) -> Any:
    return lambda value: value in values


def _all(shape: Any) -> Any:
    return lambda value: isinstance(value, list) and bool(value) and all(map(shape, value))


def _either(*shapes: Any) -> Any:
    return lambda value: any(shape(value) for shape in shapes)


def _object(needed: Json, **optional: Any) -> Any:
    def check(value: Any) -> bool:
        known = needed | optional
        return (
            isinstance(value, dict)
            and needed.keys() <= value.keys() <= known.keys()
            and all(known[name](member) for name, member in value.items())
        )

    return check


def _between(least: float, greatest: float) -> Any:
    return lambda value: _is(int, float)(value) and least <= value <= greatest


STRING = _is(str)
TEXT = _object({"type": _one_of("text"), "text": STRING})
THINKING = _object({"type": _one_of("thinking"), "thinking": STRING})
IMAGE = _object(
    {
        "type": _one_of("image_url"),
        "image_url": _object({"url": STRING}, detail=_one_of("auto", "low", "high")),
    }
)
DOCUMENT = _object({"data": _is(dict)}, id=STRING)
DOCUMENT_PART = _object({"type": _one_of("document"), "document": DOCUMENT})
FUNCTION = _object({"name": STRING, "arguments": STRING})
CALL = _object({"id": STRING, "type": _one_of("function"), "function": FUNCTION})

ROLES: dict[str, Any] = {
    "system": _object({"role": STRING, "content": _either(STRING, _all(TEXT))}),
    "user": _object({"role": STRING, "content": _either(STRING, _all(_either(TEXT, IMAGE)))}),
    "assistant": _object(
        {"role": STRING},
        content=_either(STRING, _all(_either(TEXT, THINKING))),
        tool_calls=_all(CALL),
        tool_plan=STRING,
    ),
    "tool": _object(
        {
            "role": STRING,
            "tool_call_id": STRING,
            "content": _either(STRING, _all(_either(TEXT, DOCUMENT_PART))),
        }
    ),
}

TOOL = _object(
    {
        "type": _one_of("function"),
        "function": _object({"name": STRING, "parameters": _is(dict)}, description=STRING),
    }
)
THINKS = _object({"type": _one_of("enabled", "disabled")}, token_budget=lambda n: _is(int)(n) and n > 0)
FORMAT = _object({"type": _one_of("json_object")}, json_schema=_is(dict))

BODY = _object(
    {"model": STRING, "messages": _all(_is(dict)), "stream": _is(bool)},
    tools=_all(TOOL),
    tool_choice=_one_of("REQUIRED", "NONE"),
    strict_tools=_is(bool),
    documents=_all(DOCUMENT),
    response_format=FORMAT,
    thinking=THINKS,
    max_tokens=_is(int),
    temperature=_is(int, float),
    p=_between(0.01, 0.99),
    frequency_penalty=_between(0, 1),
    presence_penalty=_between(0, 1),
    logprobs=_is(bool),
)


def check_body(body: Json) -> None:
    """Raise `AssertionError`, naming the member, unless Cohere's reference allows this body."""
    assert BODY(body), {name: value for name, value in body.items() if name != "messages"}
    known: set[str] = set()
    for message in body["messages"]:
        assert ROLES[message["role"]](message), message
        known |= {call["id"] for call in message.get("tool_calls") or ()}
        assert message["role"] != "tool" or message["tool_call_id"] in known, message
        assert message["role"] != "assistant" or message.keys() & {"content", "tool_calls"}, message
    assert "tool_choice" not in body or "tools" in body
