"""What the client of a run is told when something goes wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.lifecycle.waiting import Interrupted, OutOfTime, StopRequested
from lambda_responses.storage.keyed.port import StoreFact
from lambda_responses.wire.errors import APIError, ServerError

if TYPE_CHECKING:
    from collections.abc import Callable

TOO_LATE = "The response took longer than this server lets one run take."


def too_late(kept: str | None) -> str:
    """What is told of a run that the clock cut; `kept` is the response that can be continued, if any."""
    if kept is None:
        return TOO_LATE
    return f"{TOO_LATE} To go on from what was said, send 'previous_response_id': '{kept}'."


def leaves(error: Exception, *, is_taken_up: bool) -> bool:
    """Whether the run ends here, and its response goes on, or has ended: whoever runs it sees to that."""
    if isinstance(error, StopRequested | StoreFact):
        return is_taken_up
    return isinstance(error, Interrupted)


def as_api_error(
    error: Exception, *, too_late: Callable[[], str], report: Callable[[BaseException], None]
) -> APIError:
    """The fault that stands for it. `too_late` says that the time was up, and may raise `Interrupted`."""
    match error:
        case APIError():
            return error
        case OutOfTime():
            return ServerError(too_late(), headers={"x-should-retry": "false"})
        case StopRequested():
            return ServerError("The response was cancelled.")
        case _:
            return unforeseen(error, "The server had an error while making this response.", report)


def not_stored(error: Exception, *, is_taken_up: bool, report: Callable[[BaseException], None]) -> APIError:
    """The fault of a response whose end could not be kept. Raises the error where the run `leaves` by it."""
    if leaves(error, is_taken_up=is_taken_up):
        raise error
    if isinstance(error, APIError):  # what it was to be added to is gone, or another's by now
        return error
    return unforeseen(error, "The response could not be stored.", report)


def unforeseen(error: Exception, message: str, report: Callable[[BaseException], None]) -> ServerError:
    """What nobody is to be told in detail but the operator."""
    report(error)
    return ServerError(message)
