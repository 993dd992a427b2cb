"""Which call a piece of a stream belongs to, under every numbering that servers are known to use.

Indexes may be missing, all zero, or name another call than before; ids may come once, every time or never;
arguments come whole, in pieces, or as an object. What identifies a call is a new id or a new name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lambda_responses.stream.deltas import BlockEnded, Delta, ToolArguments, ToolCall
from lambda_responses.transformers.base import unknown
from lambda_responses.transformers.call_ids import lasting
from lambda_responses.transformers.chat_completions.known_members import CALL
from lambda_responses.transformers.readings import members, read_text
from lambda_responses.transformers.tool_names import InputUnwrapper
from lambda_responses.wire.json import from_text, to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lambda_responses.transformers.tool_names import ToolNames
    from lambda_responses.wire.json import Json


@dataclass(slots=True, eq=False)
class _Call:
    block: tuple[str, int]
    id: str = ""
    name: str = ""
    said: list[str] = field(default_factory=list[str])
    """The arguments so far; once the call is open they have been passed on."""
    unwrapper: InputUnwrapper | None = None
    open: bool = False
    ended: bool = False
    custom: bool = False

    @property
    def whole(self) -> bool:
        """Whether its arguments are complete JSON."""
        if not self.said or not self.said[-1].rstrip().endswith("}"):
            return False
        try:
            from_text("".join(self.said))
        except ValueError:
            return False
        return True


class CallPieces:
    """Puts the pieces of a stream's calls together. `taken` are the call ids of the context."""

    def __init__(self, names: ToolNames, taken: Iterable[str] = ()) -> None:
        self._names = names
        self._taken = set(taken)
        self._calls: list[_Call] = []
        self._by_index: dict[Any, _Call] = {}

    @property
    def called(self) -> bool:
        """Whether there was a call."""
        return any(call.open for call in self._calls)

    @property
    def last_block(self) -> tuple[str, int] | None:
        """The block of the latest call."""
        return self._calls[-1].block if self._calls else None

    def feed(self, piece: Json, out: list[Delta]) -> None:
        """Take one entry of `tool_calls`."""
        if not piece.keys() <= CALL:
            unknown("chat_completions", f"tool call keys {sorted(piece.keys() - CALL)}")
        about = members(piece.get("function"))
        custom = not about and "custom" in piece
        if custom:
            about = members(piece["custom"])
        id, name = _text(piece.get("id"), "call id"), _text(about.get("name"), "name of a call")
        index = piece.get("index")
        call = self._call_of(index if isinstance(index, (int, str)) else None, id, name, out)
        if call is None:
            unknown("chat_completions", "arguments of no call")
            return
        call.id = call.id or id
        call.name = call.name or name
        call.custom = call.custom or custom
        said = about.get("arguments", about.get("input"))
        text = said if isinstance(said, str) else "" if said is None else to_bytes(said).decode()
        if call.ended:
            return
        if text:
            call.said.append(text)
        if call.open:
            self._pass_on(call, text, out)
        elif call.name:
            self._open(call, out)

    def end(self, out: list[Delta]) -> None:
        """Close what is open: the stream ended properly."""
        for call in self._calls:
            self._end(call, out)

    def _call_of(self, index: int | str | None, id: str, name: str, out: list[Delta]) -> _Call | None:
        """The call that a piece continues, or a new one."""
        bound = self._by_index.get(index) if index is not None else self._last()
        if id:
            if bound is not None and (bound.id == id or not (bound.id or (bound.name and name))):
                return bound
            same = next((call for call in self._calls if call.id == id), None)
            return same if same is not None and not name else self._new(index, out)
        if name:
            if bound is not None and (not bound.name or (bound.name == name and not bound.whole)):
                return bound
            return self._new(index, out)
        return bound if bound is not None else self._last()

    def _last(self) -> _Call | None:
        return self._calls[-1] if self._calls else None

    def _new(self, index: Any, out: list[Delta]) -> _Call:
        for before in self._calls:
            if before.whole:
                self._end(before, out)
        call = _Call(("call", len(self._calls)))
        self._calls.append(call)
        if index is not None:
            self._by_index[index] = call
        return call

    def _open(self, call: _Call, out: list[Delta]) -> None:
        call.open = True
        name = self._names.restore(call.name)
        if name.kind == "custom_tool_call" and not call.custom:
            call.unwrapper = InputUnwrapper()
        kind = "custom_tool_call" if call.custom else name.kind
        out.append(ToolCall(call.block, self._usable_id(call.id), name.name, kind, name.namespace))
        if said := "".join(call.said):
            self._pass_on(call, said, out)

    def _usable_id(self, id: str) -> str:
        """The vendor's id where it can tell calls apart; some count from zero in every answer."""
        usable = "" if id in self._taken else lasting(id)
        self._taken.add(usable)
        return usable

    def _pass_on(self, call: _Call, text: str, out: list[Delta]) -> None:
        if call.unwrapper is not None:
            text = call.unwrapper.feed(text)
        if text:
            out.append(ToolArguments(call.block, text))

    def _end(self, call: _Call, out: list[Delta]) -> None:
        if call.ended or not call.open:
            return
        call.ended = True
        rest = call.unwrapper.end() if call.unwrapper else "{}" if not (call.said or call.custom) else ""
        if rest:
            out.append(ToolArguments(call.block, rest))
        out.append(BlockEnded(call.block))


def _text(value: Any, what: str) -> str:
    return read_text(value, "chat_completions", what)
