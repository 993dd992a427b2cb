"""What stands between a model's step and its telling: calls of server tools are held, all else passes.

A client must not see them as calls of functions, which would be its own to make. They are told as `mcp_call`
items once the step is over, see `calls`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lambda_responses.stream.deltas import (
    BlockEnded,
    Envelope,
    ItemOpened,
    Opaque,
    Refusal,
    Text,
    ToolArguments,
    ToolCall,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lambda_responses.stream.deltas import Block, Delta
    from lambda_responses.wire.json import Json

_OFFERED = frozenset({"tools", "tool_choice", "max_tool_calls", "bounds"})
"""Members of a response that repeat what was asked of the upstream, and is not what the client asked for."""


@dataclass(slots=True)
class HeldCall:
    """A call as far as it has been said."""

    name: str
    """The function's, as models are told of it."""
    call_id: str
    """The upstream's; empty where it has none."""
    origin: Json = field(default_factory=dict[str, Any])
    """What its maker wants back."""
    said: str = ""

    @property
    def arguments(self) -> str:
        """JSON text; what says nothing is an empty object."""
        return self.said if self.said.strip() else "{}"


class Gate:
    """One step's. `holds` says of a function's name whether it is a tool of this server."""

    def __init__(self, holds: Callable[[str], bool]) -> None:
        self._holds = holds
        self._held: list[HeldCall] = []
        self._open: dict[Block, HeldCall] = {}
        self.speaks = False
        """Whether any words of an answer have passed."""

    def passed(self, deltas: Sequence[Delta]) -> Sequence[Delta]:
        """Those of the deltas that are told at once."""
        self.speaks = self.speaks or any(map(_speaks, deltas))
        return [_without_tools(delta) for delta in deltas if not self._keeps(delta)]

    def forget(self) -> None:
        """The step is taken anew, by somebody who knows nothing of these calls."""
        self._held.clear()
        self._open.clear()
        self.speaks = False

    @property
    def calls(self) -> Sequence[HeldCall]:
        """The calls that were held, in the order in which they began; of a cut step some may not be whole."""
        return self._held

    def _keeps(self, delta: Delta) -> bool:
        match delta:
            case ToolCall(block, call_id, name, "function_call") if self._holds(name):
                self._begin(block, HeldCall(name, call_id))
            case ItemOpened(block, {"type": "function_call", "name": str(name)} as item) if self._holds(name):
                begun = HeldCall(name, str(item.get("call_id") or ""), said=str(item.get("arguments") or ""))
                self._begin(block, begun)
            case ToolCall(block) | ItemOpened(block):
                self._open.pop(block, None)  # the name stands for another item from here on
                return False
            case ToolArguments(block, text) if block in self._open:
                self._open[block].said += text
            case Opaque(block, data) if block in self._open:
                self._open[block].origin.update(data)
            case BlockEnded(block, item) if block in self._open:
                _complete(self._open[block], item)
            case _:
                return False
        return True

    def _begin(self, block: Block, call: HeldCall) -> None:
        self._held.append(call)
        self._open[block] = call


def _complete(call: HeldCall, final: Json | None) -> None:
    """What the upstream's finished item says counts where the deltas have left it out."""
    arguments = (final or {}).get("arguments")
    if isinstance(arguments, str) and arguments.startswith(call.said):
        call.said = arguments


def _speaks(delta: Delta) -> bool:
    match delta:
        case Text() | Refusal() | BlockEnded(_, {"type": "message"}):
            return True
        case _:
            return False


def _without_tools(delta: Delta) -> Delta:
    """What an upstream repeats of a request whose tools the client has not seen is not told."""
    match delta:
        case Envelope(fields) if not _OFFERED.isdisjoint(fields):
            return Envelope({name: value for name, value in fields.items() if name not in _OFFERED})
        case _:
            return delta
