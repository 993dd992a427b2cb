"""One JSON object a line, with ids and figures and never what anybody said."""

from __future__ import annotations

from aws_lambda_powertools.logging import Logger

logger = Logger(service="lambda-responses", level="INFO")
"""Its level is a setting, which `Runtime` heeds."""


def place_of(error: BaseException) -> str:
    """Where a fault arose: the kind and place help to mend it, while its text may quote a client."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}" if trace else ""
