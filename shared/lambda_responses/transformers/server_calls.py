"""Calls that this server ran, told again as models know calls: of functions, each with its output.

A response tells of a server's tool in one item, what it was called with and what came of it. A model made the
calls of one step together and saw their outputs after that; what it signed holds in that order alone. So the
calls of a step come first again, in its order, and then their outputs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from lambda_responses.stream.parts import json_objects
from lambda_responses.transformers.call_ids import lasting
from lambda_responses.wire.origins import FUNCTION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lambda_responses.wire.json import Json

Placed: TypeAlias = "tuple[int, Json]"
"""An item, and the place in the context of what it was made of."""

TOLD = frozenset(
    {
        "mcp_call",
        "mcp_approval_request",
        "mcp_approval_response",
        "mcp_list_tools",
        "tool_search_call",
        "tool_search_output",
    }
)
"""Items about the tools of servers."""

SEARCH = "tool_search"
"""The function by which a model looks for tools."""

_DECLINED = "The user declined this call."
_UNFINISHED = "The call did not finish."


def with_plain_calls(
    items: Sequence[Json],
    origins: Mapping[str, Json],
    *,
    keep: Callable[[Json], bool] = lambda item: False,
) -> Iterator[Placed]:
    """Every item with its place; in the place of those about servers' tools, the calls that they tell of.

    A call has the id of the item, so that its maker is found by that, and the call id that its maker gave it,
    unless another call of the context has it. What says nothing to a model is left out. `keep` says which of
    these items stay as they are.
    """
    plain = _PlainCalls(items, origins)
    calls: list[Placed] = []
    """Those of one step, as far as they have been told: one that was approved later may come before them."""
    outputs: list[Placed] = []
    step: Any = None
    for index, item in enumerate(items):
        told = plain.told(item) if item.get("type") in TOLD and not keep(item) else None
        begins = told is None or (told.call is not None and (told.step is None or told.step != step))
        if begins:
            yield from plain.in_order(calls, outputs)
            calls, outputs, step = [], [], None if told is None else told.step
        if told is None:
            yield index, item
            continue
        if told.call is not None:
            calls.append((index, told.call))
        if told.output is not None:
            outputs.append((index, told.output))
    yield from plain.in_order(calls, outputs)


def was_run_here(item: Json, origins: Mapping[str, Json]) -> bool:
    """Whether a model called a function, and this server made of that an item about a server's tool.

    Otherwise its maker has run it, who knows it by what it said itself.
    """
    return item.get("type") in TOLD and "call_id" in origins.get(item.get("id") or "", {})


@dataclass(frozen=True, slots=True)
class _Told:
    """What an item tells a model."""

    call: Json | None = None
    output: Json | None = None
    step: Any = None
    """Equal for the calls that were made together; None where nobody knows."""


class _PlainCalls:
    def __init__(self, items: Sequence[Json], origins: Mapping[str, Json]) -> None:
        self._origins = origins
        self._answers = {
            item.get("approval_request_id"): item
            for item in items
            if item.get("type") == "mcp_approval_response"
        }
        self._taken = {str(item["call_id"]) for item in items if item.get("call_id")}
        self._searched: str | None = None
        """The call id of the search whose output comes next."""
        self._answered = False
        """Whether somebody was asked, and has answered: only what was approved goes on with the same step."""
        self._answers_before = 0

    def told(self, item: Json) -> _Told:
        match item["type"]:
            case "mcp_call":
                return self._of_call(item)
            case "mcp_approval_request":
                return self._of_request(item)
            case "mcp_approval_response":
                self._answered = True
            case "tool_search_call":
                return self._of_search(item)
            case "tool_search_output":
                return self._of_search_output(item)
            case _:
                pass  # the tools that there are: a list is no part of what was said
        return _Told()

    def in_order(self, calls: Sequence[Placed], outputs: Sequence[Placed]) -> Iterator[Placed]:
        """What was told of one step, as its maker had it: the calls, and then their outputs."""
        ordered = sorted(calls, key=lambda call: self._origin(call[1]).get("place", 0))
        places = {call["call_id"]: place for place, (_, call) in enumerate(ordered)}
        yield from ordered
        yield from sorted(outputs, key=lambda output: places.get(output[1]["call_id"], len(places)))

    def _of_call(self, item: Json) -> _Told:
        if self._answered and not item.get("approval_request_id"):
            self._answered = False
            self._answers_before += 1
        step = self._step(item)
        call = self._call(item, self._function(item))
        output: Any = item.get("output")
        if output is None:
            return _Told(call, _failed(call, item.get("error")), step)
        return _Told(call, _output(call, output), step)

    def _of_request(self, item: Json) -> _Told:
        """A call that nobody approved; an approved one appears as `mcp_call`."""
        answer = self._answers.get(item.get("id"))
        if answer is None or answer.get("approve"):
            return _Told()
        call = self._call(item, self._function(item))
        reason = f"{_DECLINED} {answer.get('reason') or ''}".strip()
        return _Told(call, _output(call, reason), self._step(item))

    def _of_search(self, item: Json) -> _Told:
        if item.get("call_id"):
            call = _call(item, str(item["call_id"]), self._called(item) or SEARCH)
        elif item.get("execution") == "server" and item.get("id"):
            call = self._call(item, self._called(item) or SEARCH)
        else:
            return _Told()
        self._searched = call["call_id"]
        return _Told(call, step=self._step(item))

    def _of_search_output(self, item: Json) -> _Told:
        called, self._searched = item.get("call_id") or self._searched, None
        if not called:
            return _Told()
        names = [str(tool.get("name") or tool.get("type")) for tool in item.get("tools") or ()]
        text = f"Tools found: {', '.join(names)}" if names else "No tools found."
        return _Told(output=_output({"call_id": str(called)}, text))

    def _function(self, item: Json) -> str:
        """As the model called it; where that is not known, as it would be offered the tool today."""
        from lambda_responses.wire.mcp_names import function_name  # which few contexts need

        return self._called(item) or function_name(item["server_label"], item["name"])

    def _called(self, item: Json) -> str | None:
        return self._origin(item).get(FUNCTION)

    def _call(self, item: Json, name: str) -> Json:
        theirs = lasting(str(self._origin(item).get("call_id") or ""))
        call_id = str(item["id"]) if not theirs or theirs in self._taken else theirs
        self._taken.add(call_id)
        return _call(item, call_id, name)

    def _step(self, item: Json) -> Any:
        """The number of a step is its own in one response alone; between two, somebody speaks or answers."""
        step = self._origin(item).get("step")
        return None if step is None else (self._answers_before, step)

    def _origin(self, item: Json) -> Json:
        return self._origins.get(item.get("id") or "", {})


def _call(item: Json, call_id: str, name: str) -> Json:
    arguments: Any = item.get("arguments") or "{}"
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    call = {"type": "function_call", "call_id": call_id, "name": name, "arguments": text}
    return {"id": item["id"], **call} if item.get("id") else call


def _output(call: Json, output: str) -> Json:
    return {"type": "function_call_output", "call_id": call["call_id"], "output": output}


def _failed(call: Json, error: Any) -> Json:
    """An output that its `status` marks as none, for formats that tell a model apart what has failed."""
    return {**_output(call, f"Error: {_error_text(error)}"), "status": "incomplete"}


def _error_text(error: Any) -> str:
    match error:
        case str(text) if text:
            return text
        case {"type": "mcp_tool_execution_error"}:
            texts = (str(part.get("text") or "") for part in json_objects(error.get("content")))
            return "\n".join(filter(None, texts)) or _UNFINISHED
        case {"type": "http_error", "code": int(code), "message": str(message)}:
            return f"HTTP {code}: {message}"
        case {"message": str(message)} if message:
            return message
        case _:
            return _UNFINISHED
