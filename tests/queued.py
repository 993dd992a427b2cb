"""Background responses as tests ask for them, make them and look at them, and models that wait for a test."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from lambda_responses.lifecycle.background.enqueue import enqueue_response
from lambda_responses.lifecycle.background.messages import message_about
from lambda_responses.lifecycle.background.work import work
from lambda_responses.lifecycle.ports import Unbounded
from lambda_responses.lifecycle.retrieve import get_response
from lambda_responses.stream.deltas import Stopped, Text
from tests.played import ME

if TYPE_CHECKING:
    from lambda_responses.lifecycle.background.verdict import Verdict
    from tests.played import PlayedServices

Json = dict[str, Any]

BODY: Json = {"model": "m", "input": "hi", "background": True}
ANSWER = [Text("b", "hello"), Stopped("end")]
FIRST = [Text("b", "first"), Stopped("pause")]


class Silence(asyncio.Event):
    """A model says nothing until this is set; `begun` is, once somebody listens."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = asyncio.Event()

    async def wait(self) -> Any:
        self.begun.set()
        return await super().wait()


class Limited:
    """A `Deadline` that has so much left."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def remaining(self) -> float:
        return self.seconds


async def queued(services: PlayedServices, **changes: Any) -> str:
    response = await enqueue_response({**BODY, **changes}, principal=ME, using=services)
    assert response["status"] == "queued"
    return response["id"]


async def done(services: PlayedServices, id: str, deadline: Any = None) -> Verdict:
    return await work(
        message_about("me", id),
        using=services,
        owner="w",
        deadline=deadline or Unbounded(),
    )


async def got(services: PlayedServices, id: str) -> Json:
    return await get_response(id, principal=ME, using=services)


def texts(response: Json) -> list[str]:
    return [item["content"][0]["text"] for item in response["output"]]
