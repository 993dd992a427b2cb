"""What the contract tests of the stores share: a clock, a watched store, a made-up conversation."""

from __future__ import annotations

import math
import random
from base64 import b64encode
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lambda_responses.storage.keyed.port import ConditionFailed
from lambda_responses.storage.keyed.sizes import item_size
from lambda_responses.storage.responses import Context, Reservation, ResponseStore, StoredResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from lambda_responses.storage.keyed.port import Key, KeyedStore, Row, Write

WRITES = ("put", "update", "delete", "transact")


@dataclass
class Clock:
    """A clock that moves when told to."""

    seconds: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


async def nothing(_verb: str, _argument: object) -> None:
    """What happens before a request, usually."""


class WatchedStore:
    """A keyed store that counts requests and units as DynamoDB bills them, and lets tests step in."""

    def __init__(self, store: KeyedStore) -> None:
        self._store = store
        self.before: Callable[[str, object], Awaitable[None]] = nothing
        self.requests: Counter[str] = Counter()
        self.read_units = 0
        self.write_units = 0

    def __getattr__(self, verb: str) -> Callable[..., Awaitable[Any]]:
        async def request(*arguments: Any, **options: Any) -> Any:
            await self.before(verb, arguments[0])
            self.requests[verb] += 1
            writes: Sequence[Write] = arguments[0] if verb == "transact" else ()
            before = [await self._size_of(write.key) for write in writes]
            try:
                result = await getattr(self._store, verb)(*arguments, **options)
            except ConditionFailed as fact:  # is paid for like a write of what was found
                self.write_units += units(_size(fact.old) if fact.old else 0, 1_024)
                raise
            match verb:
                case "get" | "query" | "due":
                    rows = result if verb != "get" else [result] if result else []
                    self.read_units += units(sum(map(_size, rows)), 4_096)
                case "put":
                    self.write_units += units(item_size(*arguments[:2]), 1_024)
                case "transact":
                    after = [await self._size_of(write.key) for write in writes]
                    larger = map(max, before, after)
                    self.write_units += 2 * sum(units(size, 1_024) for size in larger)
                case _:
                    self.write_units += units(_size(result) if result else 0, 1_024)
            return result

        return request

    async def _size_of(self, key: Key) -> int:
        row = await self._store.get(key)
        return _size(row) if row else 0

    def reset(self) -> None:
        """Count from zero again."""
        self.requests.clear()
        self.read_units = self.write_units = 0


def units(size: int, unit: int) -> int:
    """Capacity units of one request; no request is free."""
    return max(1, math.ceil(size / unit))


def _size(row: Row) -> int:
    return item_size(row.key, row.values)


@dataclass
class Talk:
    """Conversations with a model that says what the test wants, kept in a response store."""

    store: ResponseStore
    tenant: str
    random: random.Random = field(default_factory=lambda: random.Random(4))

    def entropy(self, digits: int) -> str:
        return f"{self.random.getrandbits(4 * digits):0{digits}x}"

    def noise(self, size: int) -> str:
        """Text that does not compress below three quarters."""
        return b64encode(self.random.randbytes(size)).decode()[:size]

    async def reserve(self, previous: Context | None = None) -> Reservation:
        return await self.store.reserve(self.tenant, previous, epoch=1_800_000_000, entropy=self.entropy)

    async def after(self, response_id: str) -> Context:
        return await self.store.context(self.tenant, response_id)

    async def say(self, text: str, after: str | None = None, **extra: Any) -> str:
        """One whole turn; gives the id of its response."""
        reservation = await self.reserve(await self.after(after) if after else None)
        await self.store.commit(reservation, self.turn(reservation, text, after, **extra))
        return reservation.response_id

    def turn(
        self, reservation: Reservation, text: str, previous: str | None = None, **extra: Any
    ) -> StoredResponse:
        """What is to be kept of a turn: about 1.3 KB of JSON beside the envelope, most of it alike."""
        own = reservation.response_id[5 + 8 :]
        asked = {
            "id": f"msg_{own}00001111",
            "type": "message",
            "role": "user",
            "status": "completed",
            "content": [{"type": "input_text", "text": f"ask {text}"}],
        }
        answered = {
            "id": f"msg_{own}00012222",
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "annotations": [], "logprobs": [], "text": f"answer {text}"}],
        }
        response = envelope(reservation.response_id, [answered], previous) | extra
        return StoredResponse(response, [asked], {answered["id"]: {"id": f"rs_{text}"}}, "scripted/parrot")


def envelope(response_id: str, output: list[Any], previous: str | None) -> dict[str, Any]:
    """A response object as clients see it."""
    return {
        "id": response_id,
        "object": "response",
        "created_at": 1_800_000_000,
        "status": "completed",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "model": "parrot-1",
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": previous,
        "reasoning": {"effort": None, "summary": None},
        "store": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": {"input_tokens": 37, "output_tokens": 102, "total_tokens": 139},
        "user": None,
        "metadata": {},
    }


def texts(items: Any) -> list[str]:
    """The texts of messages, in order."""
    return [part["text"] for item in items for part in item["content"]]


def asked_and_answered(*turns: str) -> list[str]:
    """The texts that a context of these turns has."""
    return [f"{verb} {turn}" for turn in turns for verb in ("ask", "answer")]
