"""Telling a program of its calls, each once, when it is over."""

from __future__ import annotations

import asyncio
import inspect
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from lambda_responses.library.exceptions import APIError, ServiceUnavailableError, raised_for
from lambda_responses.storage.keyed.port import StoreUnavailable
from lambda_responses.wire import errors as wire
from lambda_responses.wire.tool_secrets import public_item, public_tool

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

    from lambda_responses.library.objects import JsonObject
    from lambda_responses.wire.json import Json

    Callback: TypeAlias = Callable[["CallRecord"], Awaitable[None] | None]


@dataclass(slots=True)
class CallRecord:
    """One call, as callbacks see it when it is over."""

    operation: str
    """The blocking function's name, such as `responses`; the same for its async twin."""
    request: Json
    """What was asked, without what tools have to prove themselves with, and without keys."""
    streamed: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What the call gave as `litellm_metadata`."""
    response: JsonObject | None = None
    """What came of it. A stream that failed or was abandoned has none."""
    error: Exception | None = None
    """What was raised, or what the stream's `response.failed` says."""
    abandoned: bool = False
    """Whether the caller went before the end: a stream that was closed, a call that was cancelled."""
    target: str | None = None
    """`provider/model` that answered."""
    seconds: float = 0.0
    """From the call to its end."""

    @property
    def model(self) -> str | None:
        """The model as it was asked for."""
        return self.request.get("model")

    @property
    def usage(self) -> Any:
        """Tokens, where the upstream told them."""
        return None if self.response is None else self.response.get("usage")


def record_about(operation: str, response_id: str, *, streamed: bool = False, **asked: Any) -> CallRecord:
    """The record of a call for one response. Raises `TypeError` for what is no id of anything."""
    if not isinstance(response_id, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"response_id is a string, not {type(response_id).__name__}.")
    return CallRecord(operation, {"response_id": response_id, **asked}, streamed=streamed)


_callbacks: dict[object, Callback] = {}


def on_response(callback: Callback) -> Callable[[], None]:
    """Call `callback` with a `CallRecord` at the end of every call; gives what takes it back.

    It is called once for each call, for a stream at its end, also where the stream was abandoned. A plain
    function is called in a thread, a coroutine function on the library's loop; the call's own caller gets
    its result afterwards, and never hears of what a callback raises: asyncio's log does. Raises `TypeError`.
    """
    if not callable(callback):
        raise TypeError("What on_response calls is a function, plain or of a coroutine.")
    key = object()
    _callbacks[key] = callback
    return lambda: cast("None", _callbacks.pop(key, None))


def public_request(body: Json) -> Json:
    """A request without the secrets of its tools."""
    shown = dict(body)
    for name, public in (("tools", public_tool), ("input", public_item)):
        if isinstance(body.get(name), list):
            members: list[Any] = body[name]
            objects: list[Json] = [each for each in members if type(each) is dict]
            shown[name] = [public(each) for each in objects]
    return shown


@asynccontextmanager
async def observed(record: CallRecord) -> AsyncGenerator[CallRecord]:
    """Around one call: faults become the library's exceptions, and its end is told to the callbacks."""
    started = time.perf_counter()
    try:
        yield record
    except wire.APIError as error:
        record.error = raised_for(error)
        raise record.error from error.__cause__
    except StoreUnavailable:
        record.error = ServiceUnavailableError("The store did not answer. Please try again.")
        raise record.error from None
    except Exception as error:
        record.error = error
        raise
    except BaseException:
        record.abandoned = True
        raise
    finally:
        record.seconds = time.perf_counter() - started
        await _tell(record)


async def _tell(record: CallRecord) -> None:
    for callback in list(_callbacks.values()):
        try:
            if inspect.iscoroutinefunction(callback):
                await callback(record)
            else:
                came = await asyncio.to_thread(callback, record)
                if inspect.isawaitable(came):
                    await came
        except Exception as error:
            fault = {"message": "A callback of on_response raised", "exception": error}
            asyncio.get_running_loop().call_exception_handler(fault)


def failure_told(response: Json) -> APIError | None:
    """What a failed response says of its fault."""
    fault = response.get("error")
    if not fault:
        return None
    return APIError(fault["message"], code=fault["code"])
