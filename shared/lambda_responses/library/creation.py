"""Making a response on the library's loop: the use case of `POST /v1/responses`, plain and as events.

What is asked for in the background is queued, and made by whoever works at the store's queue: this process
too, as long as it lives. So it knows nothing of what was said beside the request in one call.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from lambda_responses.library.hooks import CallRecord, failure_told, observed, public_request
from lambda_responses.library.objects import JsonObject, Response
from lambda_responses.library.routes import services_for
from lambda_responses.library.streams import Source
from lambda_responses.library.waits import within
from lambda_responses.lifecycle import create
from lambda_responses.lifecycle.ports import Unbounded, Unkept
from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.json import from_text, to_bytes
from lambda_responses.wire.requests import read_model

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from lambda_responses.library.home import Home
    from lambda_responses.library.options import Call
    from lambda_responses.lifecycle.background.inline import StreamedInBackground
    from lambda_responses.lifecycle.run import ResponseRun
    from lambda_responses.wire.json import Event

_TERMINAL = ("response.completed", "response.incomplete", "response.failed")


async def created(home: Home, call: Call) -> Response:
    """The whole response. Raises `exceptions.APIError`."""
    if call.body.get("background"):
        return await _queued(home, call)
    async with observed(_record(call)) as record, within(call.timeout):
        run = await _prepared(home, call)
        try:
            made = await run.response()
        finally:
            record.target = _target(run)
        record.response = response = Response(
            made, call.parse, target=run.target, dropped=run.dropped, bound=run.bound
        )
    return response


async def _queued(home: Home, call: Call) -> Response:
    """The response as it is before it is made."""
    from lambda_responses.lifecycle.background.enqueue import enqueue_response  # which few programs need

    async with observed(_record(call)) as record, within(call.timeout):
        await _expect_workers(home, call)
        queued = await enqueue_response(
            call.body, principal=home.principal, using=home.services, provider=call.route.provider
        )
        record.response = response = Response(queued, call.parse)
    return response


async def opened(home: Home, call: Call) -> Source:
    """A stream whose first events are there. Raises `exceptions.APIError` for what went wrong before."""
    source = Source(_events(home, call))
    await source.begun()
    return source


async def _events(home: Home, call: Call) -> AsyncGenerator[Sequence[JsonObject], None]:
    async with observed(_record(call)) as record:
        async with within(call.timeout):
            background = call.body.get("background")
            run = await (_prepared_in_background(home, call) if background else _prepared(home, call))
        async with aclosing(run.events()) as batches:
            while (events := await _next(batches, call.timeout)) is not None:
                record.target = run.target
                shown = [_event(event, call) for event in events]
                if events and events[-1]["type"] in _TERMINAL:
                    _note_end(record, shown[-1])
                yield shown


async def _next(
    batches: AsyncGenerator[Sequence[Event], None], seconds: float | None
) -> Sequence[Event] | None:
    if seconds is None:
        return await anext(batches, None)
    async with within(seconds):
        return await anext(batches, None)


def _note_end(record: CallRecord, event: JsonObject) -> None:
    response: Response = event.response
    record.error = failure_told(response.model_dump())
    if record.error is None:
        record.response = response


def _event(event: Event, call: Call) -> JsonObject:
    """An event as it is now: what it shows of the response goes on growing while somebody else reads it."""
    flat = event["type"].endswith(".delta")
    return JsonObject(event if flat else from_text(to_bytes(event)), call.parse)


async def _prepared(home: Home, call: Call) -> ResponseRun:
    await home.live.renew()
    services = services_for(home, call.route, read_model(call.body))
    return await create.create_response(
        call.body, principal=home.principal, using=services, provider=call.route.provider
    )


async def _prepared_in_background(home: Home, call: Call) -> StreamedInBackground:
    from lambda_responses.lifecycle.background.inline import StreamedInBackground

    await _expect_workers(home, call)
    return StreamedInBackground(
        call.body,
        principal=home.principal,
        using=home.services,
        deadline=Unbounded(),
        provider=call.route.provider,
        telling=Unkept(),
    )


async def _expect_workers(home: Home, call: Call) -> None:
    """Raises `InvalidRequestError` for what they would not know of."""
    if (alone := call.route.for_one_call) is not None:
        message = f"'{alone}' cannot go with 'background': whoever makes the response may be another process."
        raise InvalidRequestError(message, code="unsupported_parameter", param=alone)
    await home.live.renew()
    home.work()


def _record(call: Call) -> CallRecord:
    streamed = bool(call.body.get("stream"))
    return CallRecord("responses", public_request(call.body), streamed=streamed, metadata=call.metadata)


def _target(run: ResponseRun) -> str | None:
    """Who was asked, where anybody was."""
    try:
        return run.target
    except AttributeError:
        return None
