"""POST /v1/responses"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

from starlette.responses import Response

from lambda_responses.endpoints.event_stream import HEADERS, EventStreamResponse, Framing
from lambda_responses.endpoints.exchange import (
    deadline_of,
    end,
    meter_of,
    note,
    principal_of,
    printable,
    read_body,
    runtime_of,
    unless_gone,
    unless_gone_already,
)
from lambda_responses.lifecycle import create
from lambda_responses.lifecycle.bounds import RunBounds
from lambda_responses.lifecycle.once import ClaimLost, once
from lambda_responses.runtime.operations import json_response, operation
from lambda_responses.stream.emitter import render_fault
from lambda_responses.wire.errors import APIError
from lambda_responses.wire.requests import read_json

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from starlette.requests import Request

    from lambda_responses.lifecycle.background.inline import StreamedInBackground
    from lambda_responses.lifecycle.checked import CheckedEvents
    from lambda_responses.lifecycle.ports import Principal
    from lambda_responses.lifecycle.retrieve import Told
    from lambda_responses.lifecycle.run import ResponseRun
    from lambda_responses.runtime.metrics import Meter
    from lambda_responses.storage.request_claims import KeptAnswer
    from lambda_responses.wire.json import Event, Json


@operation("POST /v1/responses", asks_models=True)
async def create_response(request: Request) -> Response:
    """A response, whole or as events while it is made; for a request that is sent again, the first one."""
    meter = meter_of(request)  # first of all: what goes wrong from here on is a response that failed
    runtime, principal = runtime_of(request), await principal_of(request)
    sent = await read_body(request)
    body = read_json(sent)
    await runtime.renew()
    return await _Asked(request, sent, body, principal, meter).response()


def _events_of(response: Json) -> Sequence[Event]:
    from lambda_responses.stream.replay import events_of  # which few requests need

    return events_of(response)


async def _nothing() -> AsyncGenerator[Sequence[Event]]:
    """No events."""
    for events in ():
        yield events


class _Asked:
    """One request for a response, which may turn out to have been answered before."""

    def __init__(self, request: Request, sent: bytes, body: Json, principal: Principal, meter: Meter) -> None:
        runtime = runtime_of(request)
        self._request = request
        self._body = body
        self._principal = principal
        self._services, self._settings = runtime.services, runtime.settings
        self._keep_alive = self._settings.keep_alive_ms / 1000
        self._once = once(
            sent,
            body,
            key=request.headers.get("idempotency-key"),
            tries=request.headers.get("x-stainless-retry-count"),
            principal=principal,
            using=self._services,
            attach=self._settings.attach_retries,
        )
        self._in_background: bool = bool(body.get("background"))
        self._maker: StreamedInBackground | None = None
        sink = self._checking(meter) if self._settings.check_streams else meter
        self._bounds = RunBounds(sink=sink, deadline=deadline_of(request), claim=self._once)

    def _checking(self, meter: Meter) -> CheckedEvents:
        from lambda_responses.lifecycle.checked import CheckedEvents  # for who looks for a fault alone

        return CheckedEvents(self._services.report, onward=meter)

    async def response(self) -> Response:
        """The answer. Raises `APIError`, `ClientDisconnect`."""
        while True:
            try:
                return await (self._attached() if self._once.waits else self._first())
            except ClaimLost:
                continue

    async def _first(self) -> Response:
        answer = await self._once.answer(self._bounds.deadline)
        return await self._made() if answer is None else await self._replayed(answer)

    async def _attached(self) -> Response:
        """What another run may still have to come to. A stream waits no longer for that than it is silent."""
        patience = self._keep_alive if self._body.get("stream") else None
        answering = asyncio.ensure_future(self._once.answer(self._bounds.deadline))
        try:
            await unless_gone(self._request, asyncio.wait({answering}, timeout=patience))
        except BaseException:
            await end(answering)
            raise
        if not answering.done():
            framing = self._framing(None)
            events = self._late_events(answering, framing)
            return self._stream(await anext(events), events, framing, headers={})
        answer = answering.result()
        return await self._made() if answer is None else await self._replayed(answer)

    async def _run(self) -> ResponseRun:
        run = await create.create_response(
            self._body, principal=self._principal, using=self._services, bounds=self._bounds
        )
        if self._once.lasts:  # from here on; a try that lost its client before has another one after it
            await unless_gone_already(self._request)
        return run

    def _streamed_in_background(self) -> StreamedInBackground:
        from lambda_responses.lifecycle.background.inline import StreamedInBackground  # which few need

        self._maker = StreamedInBackground(
            self._body,
            principal=self._principal,
            using=self._services,
            deadline=self._bounds.deadline,
            claim=self._once,
            telling=self._bounds.sink,
        )
        return self._maker

    async def _made(self) -> Response:
        if self._in_background:
            return await self._made_in_background()
        run = await self._run()
        if not run.request.get("stream"):
            making = run.response()
            response = await (making if self._once.lasts else unless_gone(self._request, making))
            return json_response(response, headers=self._headers(run))
        events = run.events()
        beginning = anext(events)
        first = await (beginning if self._once.lasts else unless_gone(self._request, beginning))
        return self._stream(first, events, self._framing(run.id), headers=self._headers(run))

    async def _made_in_background(self) -> Response:
        if self._body.get("stream"):
            run = self._streamed_in_background()
            events = run.events()
            first = await anext(events, None) or ()  # it may be deleted before it has said a word
            note(self._request, response_id=run.id, target=run.target)
            headers = {"x-responses-target": printable(run.target)}
            return self._stream(first, events, self._framing(run.id), headers=headers)
        from lambda_responses.lifecycle.background.enqueue import enqueue_response

        response = await enqueue_response(
            self._body, principal=self._principal, using=self._services, claim=self._once
        )
        self._request.scope["state"].pop("meter", None)  # it is measured where it is made
        note(self._request, response_id=response["id"])
        return json_response(response)

    async def _replayed(self, answer: KeptAnswer) -> Response:
        headers = {"idempotent-replayed": "true", "x-responses-target": printable(answer.target)}
        self._note_replay(answer)
        if not self._body.get("stream"):
            return json_response(answer.response, headers=headers)
        framing = self._framing(answer.response["id"])
        if not answer.response.get("background"):
            frames = framing.frames(_events_of(answer.response))
            return Response(frames + framing.ending, headers={**HEADERS, **headers})
        told = await self._resumed(answer)
        return self._stream(told.events, told.rest or _nothing(), framing, headers=headers)

    async def _resumed(self, answer: KeptAnswer) -> Told:
        """What was told of a background response, and is still to be told."""
        from lambda_responses.lifecycle.background.resume import resume_response

        return await resume_response(
            answer.response,
            starting_after=None,
            include=(),
            tenant=self._principal.tenant,
            using=self._services,
            deadline=self._bounds.deadline,
        )

    async def _late_events(
        self, answering: asyncio.Future[KeptAnswer | None], framing: Framing
    ) -> AsyncGenerator[Sequence[Event]]:
        """Of a stream that had to begin before it was known whose events it tells: even a refusal is one.

        The first batch is empty. Once it was asked for, closing this ends `answering`.
        """
        try:
            yield ()
            async with aclosing(self._told(await answering)) as batches:
                async for events in batches:
                    if events and "response" in events[0]:  # as the first one of every stream has it
                        framing.obfuscated_for = self._framing(events[0]["response"]["id"]).obfuscated_for
                    yield events
        except APIError as fault:
            yield [{**render_fault(fault.body()["error"]), "sequence_number": 0}]
        finally:
            await end(answering)

    async def _told(self, answer: KeptAnswer | None) -> AsyncGenerator[Sequence[Event]]:
        """The events of that answer or, where there is none, of a run of our own."""
        while answer is None:
            run = self._streamed_in_background() if self._in_background else await self._run()
            try:
                async with aclosing(run.events()) as batches:
                    async for events in batches:
                        note(self._request, response_id=run.id, target=run.target)
                        yield events
                return
            except ClaimLost:
                answer = await self._once.answer(self._bounds.deadline)
        self._note_replay(answer)
        if not answer.response.get("background"):
            yield _events_of(answer.response)
            return
        told = await self._resumed(answer)
        yield told.events
        async with aclosing(told.rest or _nothing()) as batches:
            async for events in batches:
                yield events

    def _stream(
        self,
        first: Sequence[Event],
        batches: AsyncGenerator[Sequence[Event]],
        framing: Framing,
        *,
        headers: dict[str, str],
    ) -> Response:
        stays = self._stays_in_background if self._in_background else self._once.stays
        return EventStreamResponse(
            first, batches, framing, keep_alive=self._keep_alive, headers=headers, stays=stays
        )

    async def _stays_in_background(self, *, begun: bool) -> bool:
        """See `Stays`: for as long as it is made here. What others make of it is in its log."""
        if self._maker is not None:
            await self._maker.left()
        return False

    def _framing(self, response_id: str | None) -> Framing:
        options: Json = self._body.get("stream_options") or {}
        hides = options.get("include_obfuscation", True)
        return Framing(response_id if hides else None, self._settings.done_marker)

    def _headers(self, run: ResponseRun) -> dict[str, str]:
        note(self._request, response_id=run.id, target=run.target)
        headers = {"x-responses-target": printable(run.target)}
        if run.dropped:
            headers["x-responses-dropped"] = printable(", ".join(run.dropped))
        if run.bound:
            headers["x-responses-bound"] = run.bound
        return headers

    def _note_replay(self, answer: KeptAnswer) -> None:
        """For the log alone: the response was measured when it was made."""
        self._request.scope["state"].pop("meter", None)
        note(self._request, response_id=answer.response["id"], target=answer.target, replayed="true")
