"""Items that only other formats can make, told again as messages and function calls.

A tool that a client or server ran stays a call with its result. What a hosted tool found out stays as text,
because the answer after it refers to it. What only a provider can open is refused: without it the model
would answer another conversation than the one the client sees.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lambda_responses.transformers.server_calls import with_plain_calls
from lambda_responses.wire.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from lambda_responses.wire.json import Json

KNOWN = frozenset(
    {
        "message",
        "reasoning",
        "function_call",
        "function_call_output",
        "custom_tool_call",
        "custom_tool_call_output",
    }
)
"""Items that need no retelling."""

SETTINGS = frozenset({"additional_tools", "configuration_update"})
"""Items that say nothing to the model by themselves: tools and settings, read elsewhere."""

NO_ORIGINS: Mapping[str, Json] = {}


def restate(items: Sequence[Json], origins: Mapping[str, Json] = NO_ORIGINS) -> Iterator[tuple[int, Json]]:
    """Every item with its place, in known kinds alone. Raises `UnsupportedError`, naming `input[i]`.

    `origins` are what the items' maker wants back, by their ids.
    """
    for index, item in with_plain_calls(items, origins):
        kind = item.get("type") or "message"
        if kind in KNOWN:
            yield index, item
        elif kind in RETOLD:
            for plain in RETOLD[kind](item):
                yield index, plain
        elif kind not in SETTINGS:
            raise UnsupportedError(
                f"This model's provider cannot take an input item of type '{kind}'.", param=f"input[{index}]"
            )


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _call(call_id: Any, name: str, arguments: Any) -> Json:
    text = arguments if isinstance(arguments, str) else _dump(arguments)
    return {"type": "function_call", "call_id": str(call_id), "name": name, "arguments": text}


def _result(call_id: Any, output: str | list[Json]) -> Json:
    return {"type": "function_call_output", "call_id": str(call_id), "output": output}


def _said(text: str) -> Json:
    return {"type": "message", "role": "assistant", "content": text}


def _web_search(item: Json) -> Iterable[Json]:
    action: Json = item.get("action") or {}
    asked = action.get("queries") or action.get("query") or action.get("url") or action.get("pattern")
    return (_said(f"[Searched the web: {_listed(asked)}]"),) if asked else ()


def _file_search(item: Json) -> Iterable[Json]:
    found = "\n".join(
        f"{result.get('filename') or 'file'}: {result.get('text') or ''}"
        for result in item.get("results") or ()
    )
    text = f"[Searched files: {_listed(item.get('queries') or ())}]"
    return (_said(f"{text}\n{found}" if found else text),)


def _code_interpreter(item: Json) -> Iterable[Json]:
    logs = "\n".join(str(output.get("logs") or "[image]") for output in item.get("outputs") or ())
    text = f"[Ran code]\n{item.get('code') or ''}"
    return (_said(f"{text}\n[Result]\n{logs}" if logs else text),)


def _image_generation(item: Json) -> Iterable[Json]:
    return (_said(f"[Made an image: {item.get('revised_prompt') or 'no description'}]"),)


def _listed(value: Any) -> str:
    return value if isinstance(value, str) else "; ".join(map(str, value))


def _screenshot(item: Json) -> Iterable[Json]:
    shot: Json = {**item["output"], "type": "input_image"}
    return (_result(item["call_id"], [shot]),)


def _acting(name: str, *members: str) -> Callable[[Json], Iterable[Json]]:
    """A call whose arguments are those members; a single member is itself the arguments."""

    def call(item: Json) -> Iterable[Json]:
        given = {member: item[member] for member in members if item.get(member) is not None}
        return (_call(item["call_id"], name, given[members[0]] if len(members) == 1 and given else given),)

    return call


def _answering(*members: str) -> Callable[[Json], Iterable[Json]]:
    """A result that is told by the first of those members that the item has."""

    def result(item: Json) -> Iterable[Json]:
        said = next((item[member] for member in members if item.get(member) is not None), "")
        return (_result(item["call_id"], said if isinstance(said, str) else _dump(said)),)

    return result


RETOLD: dict[str, Callable[[Json], Iterable[Json]]] = {
    "web_search_call": _web_search,
    "file_search_call": _file_search,
    "code_interpreter_call": _code_interpreter,
    "image_generation_call": _image_generation,
    "computer_call": _acting("computer", "action", "actions"),
    "computer_call_output": _screenshot,
    "local_shell_call": _acting("local_shell", "action"),
    "local_shell_call_output": _answering("output"),
    "shell_call": _acting("shell", "action"),
    "shell_call_output": _answering("output"),
    "apply_patch_call": _acting("apply_patch", "operation"),
    "apply_patch_call_output": _answering("output", "status"),
    "program": _acting("program", "code"),
    "program_output": _answering("result"),
}
"""How an item is told again: as other items, in order. What this server ran itself: see `server_calls`."""
