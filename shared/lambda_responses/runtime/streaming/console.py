"""What this process writes on its output: one JSON object a line, at once.

Lambda makes an event of each line, and freezes the process when an answer is over. Libraries' own records are
told without what they are about: the text is the library's, but its arguments may be a client's.
"""

from __future__ import annotations

import logging
import sys
import threading
from typing import TYPE_CHECKING, Any, cast

from lambda_responses.runtime.logs import logger
from lambda_responses.runtime.streaming.fault import fault_of

if TYPE_CHECKING:
    import asyncio
    from io import TextIOWrapper
    from types import TracebackType

    from lambda_responses.runtime.streaming.fault import Fault


def set_up() -> None:
    """Take over the output of everything that Python and its libraries would write by themselves."""
    for stream in (sys.stdout, sys.stderr):
        cast("TextIOWrapper", stream).reconfigure(line_buffering=True)
    logging.captureWarnings(True)
    logging.getLogger().addHandler(_Foreign(logging.WARNING))
    sys.excepthook = _report_end
    threading.excepthook = lambda told: _report_exception("thread ended", told.exc_value)
    sys.unraisablehook = lambda told: _report_exception("fault nobody could be told", told.exc_value)


def report(message: str, fault: Fault) -> None:
    """One line about a fault."""
    logger.error(message, fault=fault.kind, told=fault.message, trace=fault.trace)


def report_of_loop(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """One line about what only the event loop saw."""
    error: BaseException | None = context.get("exception")
    if error is None:
        logger.error("event loop", text=context["message"])
    else:
        report("fault nobody waited for", fault_of(error))


def _report_exception(message: str, error: BaseException | None) -> None:
    if error is not None:
        report(message, fault_of(error))


def _report_end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    report("process ended", fault_of(error))


class _Foreign(logging.Handler):
    """Records of loggers that are not ours."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == logger.name:
            return
        error = record.exc_info[1] if record.exc_info else None
        tell = logger.error if record.levelno >= logging.ERROR else logger.warning
        tell(
            "library",
            library=record.name,
            text=str(record.msg)[:200],
            fault=fault_of(error).message if error else None,
        )
