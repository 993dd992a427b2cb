"""A model that follows a plan of calls and words in any format, and what vendors demand of what it is asked.

Where a plan stands is read off each request's context alone. So a step that is asked for again, after a crash
or by another way in, is said again; and what a server did not pass on shows: the plan does not go on.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

from tests.fakes.formats.base import READ, Call, Heard, Thought, Words, answer, served
from tests.fakes.formats.every import count_at
from tests.fakes.vendor_types import judged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.fakes.formats.base import Asked, Format, Said
    from tests.fakes.upstream import Exchange, Upstream

Json = dict[str, Any]

Calling: TypeAlias = "Sequence[tuple[str, Json]]"
"""Calls that are made at once: each the name of a function, as the model knows it, and its arguments."""
Step: TypeAlias = "Calling | str"

SIGNING = {"native", "anthropic", "gemini", "converse"}
"""Formats in which a maker gets its reasoning back with the calls that it led to."""

_ID = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")
_WITHHELD = "Do not call any tool now."


@dataclass
class Plan:
    """A model's behaviour: its steps, and `last` where they are over or where no tool may be called.

    With `thinks`, signed reasoning comes before every call. With `ids_restart` its ids are unique in one
    answer only, as some servers have them.
    """

    name: str
    format: Format
    steps: Sequence[Step]
    last: str = "That is all."
    thinks: bool = False
    ids_restart: bool = False
    exchanges: list[Exchange] = field(default_factory=list["Exchange"])

    async def __call__(self, exchange: Exchange) -> None:
        if count := count_at(exchange.path):
            await exchange.answer(200, {count: READ})
            return
        self.exchanges.append(exchange)
        said = self._said(self.format.asked(exchange.body))
        called = any(isinstance(each, Call) for each in said)
        await answer(self.format, exchange, said, "calls" if called else "end")

    def served(self, upstream: Upstream) -> str:
        """What our client calls this model."""
        return served(upstream, self.format, self)

    @property
    def asked(self) -> list[Asked]:
        """What it was asked, in the order of its answers."""
        return [self.format.asked(exchange.body) for exchange in self.exchanges]

    @property
    def results(self) -> list[str]:
        """Of the last request, what the calls came to."""
        return [each.text for each in self.asked[-1].of("result")]

    def check(self) -> None:
        """Raise unless the vendor would have taken every request; skips where nobody knows its types."""
        for exchange in self.exchanges:
            judged(self.name, exchange.body)
            check_calls(self.format.asked(exchange.body))
            if self.thinks and self.name in SIGNING:
                self._check_secrets(self.format.asked(exchange.body))
            _CHECKS.get(self.name, lambda body: None)(exchange.body)

    def _said(self, asked: Asked) -> Sequence[Said]:
        number = self._reached(asked)
        if is_withheld(asked) or number >= len(self.steps):
            return [Words(self.last)]
        step = self.steps[number]
        if isinstance(step, str):
            return [Words(step)]
        thoughts = [Thought(f"Thought {number}", self._secret(number))] if self.thinks else []
        return [*thoughts, *(self._call(number, n, *each) for n, each in enumerate(step))]

    def _reached(self, asked: Asked) -> int:
        """How many steps this context has behind it: those whose words or calls are in it, one after another.

        Calls of one step may be there in another order than they were made in.
        """
        said = asked.of("call", "assistant")
        told = iter([each.name if each.kind == "call" else each.text for each in said])
        for number, step in enumerate(self.steps):
            wanted = [step] if isinstance(step, str) else [name for name, _ in step]
            while wanted:
                found = next((each for each in told if each in wanted), None)
                if found is None:
                    return number
                wanted.remove(found)
        return len(self.steps)

    def _call(self, step: int, place: int, name: str, arguments: Json) -> Call:
        number = place if self.ids_restart else step * 10 + place
        return Call(f"call_{number}{'x' * 12}", name, json.dumps(arguments))

    def _secret(self, step: int) -> str:
        return f"c2VjcmV0{step:04}"

    def _check_secrets(self, asked: Asked) -> None:
        heard = [each.secret for each in asked.context if each.secret]
        if self.name == "gemini":
            assert all(calls[0].secret for calls, _ in rounds_of(asked)), (
                "the first call of a turn is not signed"
            )
        calling = [number for number, step in enumerate(self.steps) if not isinstance(step, str)]
        given = [self._secret(number) for number in calling[: len(rounds_of(asked))]]
        assert heard == given, (heard, given)


def is_withheld(asked: Asked) -> bool:
    """Whether no tool may be called: Converse has no other words for it than words."""
    return not asked.tools or any(_WITHHELD in each.text for each in asked.of("system"))


def rounds_of(asked: Asked) -> list[tuple[list[Heard], list[Heard]]]:
    """Calls and their results, round by round."""
    runs = groupby(asked.of("call", "result"), key=lambda each: each.kind)
    rounds: list[tuple[list[Heard], list[Heard]]] = []
    for kind, run in runs:
        if kind == "call":
            rounds.append((list(run), []))
        else:
            assert rounds, "a result comes before every call"
            rounds[-1][1].extend(run)
    return rounds


def check_calls(asked: Asked) -> None:
    """Every round of calls is answered before anything else is said, each once, and ids are unique."""
    ids = Counter(each.id for each in asked.of("call") if each.id)
    assert not (twice := [id for id, number in ids.items() if number > 1]), f"{twice} are not unique"
    for calls, results in rounds_of(asked):
        if calls[0].id:
            assert all(_ID.match(call.id) for call in calls), [call.id for call in calls]
            assert {each.id for each in results} == {each.id for each in calls}, (calls, results)
        else:
            told_apart = [each.name for each in results]
            assert told_apart == [each.name for each in calls], (calls, results)


def _check_chat(body: Json) -> None:
    """Every call has its message of role `tool` right behind it."""
    owed: list[str] = []
    for message in body["messages"]:
        if message["role"] == "tool":
            owed.remove(message["tool_call_id"])
            continue
        assert not owed, f"{owed} are not answered before {message['role']} speaks"
        owed = [call["id"] for call in message.get("tool_calls") or ()]
    assert not owed, f"{owed} are not answered"
    _check_declared(body, [message for message in body["messages"] if message.get("tool_calls")])


def _check_turns(kind_of: Any) -> Any:
    """Turns alternate; calls of one are answered by the next, before it says anything else."""

    def check(body: Json) -> None:
        owed = set[str]()
        roles = [message["role"] for message in body["messages"]]
        assert all(one != other for one, other in pairwise(roles)), roles
        for message in body["messages"]:
            parts = [kind_of(part) for part in message["content"] if isinstance(part, dict)]
            results = [id for kind, id in parts if kind == "result"]
            assert set(results) == owed, (results, owed)
            assert [kind for kind, _ in parts[: len(results)]] == ["result"] * len(results), parts
            owed = {id for kind, id in parts if kind == "call"}
        assert not owed, f"{owed} are not answered"
        _check_declared(
            body, [part for message in body["messages"] for part in message["content"] if kind_of(part)[0]]
        )

    return check


def _anthropic_kind(part: Any) -> tuple[str, str]:
    match part:
        case {"type": "tool_use", "id": id}:
            return "call", id
        case {"type": "tool_result", "tool_use_id": id}:
            return "result", id
        case _:
            return "", ""


def _converse_kind(part: Any) -> tuple[str, str]:
    match part:
        case {"toolUse": {"toolUseId": id}}:
            return "call", id
        case {"toolResult": {"toolUseId": id}}:
            return "result", id
        case _:
            return "", ""


def _check_gemini(body: Json) -> None:
    """A turn of calls is followed by a turn of as many results, of the same names in the same order."""
    owed: list[str] = []
    for content in body["contents"]:
        results = [
            part["functionResponse"]["name"] for part in content["parts"] if "functionResponse" in part
        ]
        assert results == owed, (results, owed)
        owed = [part["functionCall"]["name"] for part in content["parts"] if "functionCall" in part]
    assert not owed, f"{owed} are not answered"


def _check_native(body: Json) -> None:
    """What is asked of a model that runs no server's tools: nothing of MCP is in it."""
    kinds = {item.get("type") for item in body["input"] if isinstance(item, dict)}
    kinds |= {tool["type"] for tool in body.get("tools") or ()}
    assert not (odd := {kind for kind in kinds if str(kind).startswith("mcp")}), odd


def _check_declared(body: Json, called: Sequence[Any]) -> None:
    tools = body.get("tools") or (body.get("toolConfig") or {}).get("tools")
    assert tools or not called, "the history has calls, and no tool is declared"


_CHECKS: dict[str, Any] = {
    "chat": _check_chat,
    "anthropic": _check_turns(_anthropic_kind),
    "converse": _check_turns(_converse_kind),
    "gemini": _check_gemini,
    "native": _check_native,
}
