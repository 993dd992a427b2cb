"""Where webhook deliveries go in tests without a network: an `Outbound` that remembers what it was told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from openai import OpenAI

from lambda_responses.outbound.policy import OutboundPolicy, check_url
from lambda_responses.wire.json import from_text

if TYPE_CHECKING:
    from collections.abc import Mapping

_CLIENT = OpenAI(api_key="x")
_FOR_EVER = 2**40


@dataclass(frozen=True)
class Post:
    """One delivery."""

    url: str
    body: bytes
    headers: Mapping[str, str]

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def event(self, secret: str) -> dict[str, Any]:
        """What was told, if the official SDK finds it signed with that secret; its clock is not ours."""
        _CLIENT.webhooks.verify_signature(self.body, self.headers, secret=secret, tolerance=_FOR_EVER)
        return from_text(self.body)


@dataclass
class Mailbox:
    """Answers as `answers` say, a status or a fault each; then with `always`."""

    answers: list[int | Exception | asyncio.Event] = field(default_factory=list)
    always: int | Exception = 200
    posted: list[Post] = field(default_factory=list)
    policy: OutboundPolicy = field(default_factory=OutboundPolicy)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def tell(
        self, url: str, body: bytes, *, headers: Mapping[str, str], seconds: float | None = None
    ) -> int:
        check_url(url, self.policy)
        self.posted.append(Post(url, body, headers))
        self.arrived.set()
        answer = self.answers.pop(0) if self.answers else self.always
        if isinstance(answer, asyncio.Event):
            await answer.wait()
            answer = self.always
        if isinstance(answer, Exception):
            raise answer
        return answer
