"""A context in turns, as most formats know it: who said what, and which result answers which call.

Items of kinds that only other formats know are told again in known ones on the way (`plain_items`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from lambda_responses.transformers.plain_items import NO_ORIGINS, restate
from lambda_responses.transformers.server_calls import was_run_here
from lambda_responses.wire.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lambda_responses.wire.json import Json

Role: TypeAlias = Literal["user", "system", "developer", "assistant"]

CALLS = ("function_call", "custom_tool_call")
RESULTS = ("function_call_output", "custom_tool_call_output")


@dataclass(slots=True)
class Passage:
    """One message of a user, system or developer; or all that the assistant said, thought and called until
    somebody else spoke, with the results of its calls."""

    role: Role
    items: list[tuple[int, Json]] = field(default_factory=list[Any])
    """Each with its place in the context, by which faults name it (`input[3]`)."""
    results: list[tuple[int, Json]] = field(default_factory=list[Any])
    """One for each call among `items`, in the order of the calls."""


def passages(
    items: Sequence[Json],
    origins: Mapping[str, Json] = NO_ORIGINS,
    *,
    keep: Callable[[Json], bool] = lambda item: False,
) -> Iterator[Passage]:
    """The context, oldest first, with what the items' maker wants back, by their ids.

    `keep` says which items the format knows that others must be told plainly.

    Raises `InvalidRequestError`, naming the item, for a result without its call, and the reverse.
    """
    told = list(_told(items, origins, keep))
    results = _Results(told)
    current = Passage("assistant")
    for index, item in told:
        if item.get("type") in RESULTS:
            yield from results.answered(current)
            current = Passage("assistant")
            results.check_known(index, item)
        elif (role := _role_of(item, index)) == "assistant":
            current.items.append((index, item))
        else:
            yield from results.answered(current)
            current = Passage("assistant")
            yield Passage(role, [(index, item)])
    yield from results.answered(current)


def _told(
    items: Sequence[Json], origins: Mapping[str, Json], keep: Callable[[Json], bool]
) -> Iterator[tuple[int, Json]]:
    kept = {index for index, item in enumerate(items) if keep(item) and not was_run_here(item, origins)}
    plain = [{"type": "message", "role": "assistant"} if i in kept else item for i, item in enumerate(items)]
    for index, item in restate(plain, origins):
        yield index, items[index] if index in kept else item


def _role_of(item: Json, index: int) -> Role:
    match item:
        case {"role": "user" | "system" | "developer" as role}:
            return role
        case {"role": "assistant"} | {"type": str()} if item.get("role") in (None, "assistant"):
            return "assistant"
        case _:
            raise InvalidRequestError("This input item has no known role.", param=f"input[{index}]")


class _Results:
    """Results by call id; each answers one call, the first after which it comes."""

    def __init__(self, told: Sequence[tuple[int, Json]]) -> None:
        self._taken: set[int] = set()
        self._by_call: dict[str, list[tuple[int, Json]]] = {}
        for index, item in told:
            if item.get("type") in RESULTS:
                self._by_call.setdefault(str(item.get("call_id")), []).append((index, item))

    def answered(self, passage: Passage) -> Iterator[Passage]:
        """The passage with its results; nothing where the assistant said nothing."""
        if not passage.items:
            return
        for index, item in passage.items:
            if item.get("type") in CALLS:
                passage.results.append(self._take(index, item))
        yield passage

    def check_known(self, index: int, item: Json) -> None:
        """Raises `InvalidRequestError` for a result that answers no call before it."""
        if index not in self._taken:
            message = f"No tool call found for function call output with call_id {item.get('call_id')}."
            raise InvalidRequestError(message, param=f"input[{index}]")

    def _take(self, index: int, call: Json) -> tuple[int, Json]:
        call_id = str(call.get("call_id"))
        for place, result in self._by_call.get(call_id, ()):
            if place not in self._taken and place >= index:
                self._taken.add(place)
                return place, result
        kind = "custom tool call" if call["type"] == "custom_tool_call" else "function call"
        raise InvalidRequestError(f"No tool output found for {kind} {call_id}.", param="input")
