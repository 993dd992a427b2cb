"""The life of a process: start, pass a snapshot perhaps, then one invocation after the other."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, NoReturn

from lambda_responses.runtime.logs import logger
from lambda_responses.runtime.starting import starting
from lambda_responses.runtime.streaming import console
from lambda_responses.runtime.streaming.answer import Answer
from lambda_responses.runtime.streaming.connection import ConnectionFault
from lambda_responses.runtime.streaming.entry import EntryFault, opened_application
from lambda_responses.runtime.streaming.fault import Fault, fault_of
from lambda_responses.runtime.streaming.request import Requests, UnknownEvent
from lambda_responses.runtime.streaming.runtime_api import AnswerTooLarge, RuntimeApiRefused
from lambda_responses.runtime.streaming.snapshot import pass_snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp

    from lambda_responses.runtime.streaming.invocation import Invocation
    from lambda_responses.runtime.streaming.request import Request
    from lambda_responses.runtime.streaming.runtime_api import RuntimeApi

FAILED = 1
"""The exit status of a process that the platform should replace."""

CLOSING_SECONDS = 0.5
"""How long before its deadline an application is cancelled. Endpoints end their runs seconds before that."""
TELLING_SECONDS = 0.2
"""What of that is left for telling the Runtime API, whatever the application does about being cancelled."""

MAX_ENDING_SECONDS = 3.0
"""How long an application may take to end for other reasons: what it has begun to store is finished."""

UNKNOWN_EVENT = Fault("UnknownEvent", "The event is no HTTP request of API Gateway or of a function URL.")
NO_ANSWER = Fault("NoAnswer", "The application returned without the whole of an answer.")
OUT_OF_TIME = Fault("OutOfTime", "The deadline came before the answer was whole.")


async def live(api: RuntimeApi, environment: Mapping[str, str]) -> None:
    """Serve until this process is of no more use, and raise `SystemExit` then."""
    try:
        app = await _started(api, environment)
        requests = Requests(app)
        while True:
            await serve(app, await api.next(), requests, api)
    except (ConnectionFault, RuntimeApiRefused) as fault:
        logger.error("runtime api lost", fault=type(fault).__name__, told=str(fault))
        raise SystemExit(FAILED) from None


async def serve(app: ASGIApp, invocation: Invocation, requests: Requests, api: RuntimeApi) -> None:
    """Answer one invocation, or tell why there is no answer.

    Raises `ConnectionFault`, `RuntimeApiRefused`.
    """
    invocation.trace()
    logger.append_keys(function_request_id=invocation.id)
    try:
        request = requests.read(invocation)
    except UnknownEvent as error:
        console.report("unknown event", fault_of(error.__cause__ or error))
        await api.fail(invocation, UNKNOWN_EVENT)
        return
    answer = Answer(api, invocation, request)
    running = asyncio.ensure_future(_run(app, request, answer))
    fault = await _outcome(running, answer, invocation)
    if fault is not None:
        console.report("answer failed", fault)
    try:
        await answer.finish(fault)
    except AnswerTooLarge:
        logger.error("answer too large")
    finally:
        if not running.done():
            _abandon()


async def _started(api: RuntimeApi, environment: Mapping[str, str]) -> ASGIApp:
    try:
        with starting():
            app = opened_application(environment)
    except EntryFault as error:
        console.report("start failed", error.fault)
        await api.fail_to_start(error.fault)
        raise SystemExit(FAILED) from None
    if environment.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
        await pass_snapshot(api)
    return app


async def _run(app: ASGIApp, request: Request, answer: Answer) -> Fault | None:
    try:
        await app(request.scope, answer.receive, answer.send)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit, too: the caller still waits for an answer
        return fault_of(error)
    return None if answer.whole else NO_ANSWER


async def _outcome(
    running: asyncio.Future[Fault | None], answer: Answer, invocation: Invocation
) -> Fault | None:
    """What went wrong, if anything. The application has ended then, or does not heed that it is cancelled."""
    left = invocation.remaining() - CLOSING_SECONDS
    await asyncio.wait({running, answer.broken}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        return running.result()
    running.cancel()
    await asyncio.wait({running}, timeout=min(MAX_ENDING_SECONDS, invocation.remaining() - TELLING_SECONDS))
    return None if answer.broken.done() or (running.done() and answer.whole) else OUT_OF_TIME


def _abandon() -> NoReturn:
    """End a process whose application does not end: asyncio would wait for it for ever."""
    logger.error("application does not end")
    os._exit(FAILED)
