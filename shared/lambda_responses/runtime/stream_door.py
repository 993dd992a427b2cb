"""From what a table's stream delivers, or a schedule, to what Lambda calls."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from lambda_responses.runtime.logs import lines_of
from lambda_responses.runtime.queue_door import run_told
from lambda_responses.runtime.runtime import process_runtime
from lambda_responses.runtime.starting import starting
from lambda_responses.storage.keyed.port import Key

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from lambda_responses.runtime.runtime import Runtime
    from lambda_responses.wire.json import Json

    News = Callable[[Sequence[Key], Runtime], Awaitable[None]]
    Rounds = Callable[[Runtime], Awaitable[None]]


class StreamDoor:
    """The Lambda handler of what is done about new rows and, where it is called without any, about old ones.

    The stream only hurries: what is not done about a row is done on a later round. So a batch never comes
    back, which would keep those behind it waiting.
    """

    def __init__(self, news: News, *, rounds: Rounds) -> None:
        self._news = news
        self._rounds = rounds

    def __call__(self, event: Json, context: Any, *, using: Runtime | None = None) -> None:
        """Tests pass `using=`; Lambda never does."""
        runtime = using or process_runtime()
        work = (
            self._news(_new_rows(event["Records"]), runtime) if "Records" in event else self._rounds(runtime)
        )
        with lines_of(None, context):
            run_told(work)


def stream_door(news: News, *, rounds: Rounds) -> StreamDoor:
    """A Lambda handler for a table's stream and for a schedule."""
    if "AWS_LAMBDA_RUNTIME_API" in os.environ:
        with starting():
            process_runtime().open_store()
    return StreamDoor(news, rounds=rounds)


def _new_rows(records: Sequence[Json]) -> list[Key]:
    keys = (record["dynamodb"]["Keys"] for record in records if record["eventName"] == "INSERT")
    return [Key(key["pk"]["S"], key["sk"]["S"]) for key in keys]
