"""One JSON object a line, with ids and figures and never what anybody said.

Powertools' decorator for handlers is of no use here: it is done when a handler returns, and a streamed body
is made after that. `lines_of` tells the same of an invocation, for as long as its exchange takes.
"""

from __future__ import annotations

import functools
import json
import logging
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.logging import Logger

if TYPE_CHECKING:
    from collections.abc import Generator

SERVICE = "lambda-responses"

# ASCII alone: a line stays one line for readers that break at U+2028, and no lone surrogate spoils it.
_to_json = functools.partial(json.dumps, default=str, separators=(",", ":"))

logger = Logger(service=SERVICE, level="INFO", json_serializer=_to_json)
"""Its level is a setting, which `Runtime` heeds."""

# From Python 3.12 on, each line would name its task.
logging.logAsyncioTasks = False  # pyright: ignore[reportAttributeAccessIssue]

# What these add to our lines is addresses, in which clients and providers put keys, and the texts of faults;
# where Lambda is told to write down what helps debugging, whole requests and answers.
for _library in ("httpx", "httpcore", "botocore", "urllib3"):
    logging.getLogger(_library).setLevel(logging.WARNING)
logging.getLogger("mangum.http").setLevel(logging.CRITICAL)


def cold_starts() -> Generator[bool]:
    """For one invocation of a process after the other, whether somebody waited for the process to start."""
    yield os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "provisioned-concurrency"
    while True:
        yield False


_cold_starts = cold_starts()


@contextmanager
def lines_of(request_id: str | None, context: Any = None) -> Generator[None]:
    """Lines within say which exchange they belong to and, with Lambda's `context`, which invocation."""
    if request_id is not None:
        logger.thread_safe_append_keys(request_id=request_id)
    if context is not None:
        logger.thread_safe_append_keys(
            function_name=context.function_name,
            function_request_id=context.aws_request_id,
            cold_start=next(_cold_starts),
        )
    try:
        yield
    finally:
        logger.thread_safe_clear_keys()


@contextmanager
def lines_about(message: object) -> Generator[None]:
    """Lines within say besides which response is being made, as far as the message names one."""
    match message:
        case {"response_id": str(id)}:
            known = {"response_id": id}
        case _:
            known = dict[str, str]()
    logger.thread_safe_append_keys(**known)
    try:
        yield
    finally:
        logger.thread_safe_remove_keys(known)


def place_of(error: BaseException) -> str:
    """Where a fault arose: the kind and place help to mend it, while its text may quote a client."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}" if trace else ""
