"""What an operator watches, as CloudWatch metrics.

They are lines in CloudWatch's embedded metric format: printed, not sent, since CloudWatch reads the figures
out of Lambda's log by itself. Elsewhere nobody would, so elsewhere nothing is printed.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any, cast

from aws_lambda_powertools.metrics import EphemeralMetrics

from lambda_responses.runtime.logs import SERVICE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lambda_responses.wire.json import Event, Json

NAMESPACE = "LambdaResponses"

UNITS = {
    "TimeToFirstToken": "Milliseconds",
    "InputTokens": "Count",
    "OutputTokens": "Count",
    "FailedResponses": "Count",
    "UpstreamErrors": "Count",
    "RefusedCallers": "Count",
    "LostNotifications": "Count",
    "StuckResponses": "Count",
    "DroppedTools": "Count",
    "ToolCalls": "Count",
    "FailedToolCalls": "Count",
    "ToolCallDuration": "Milliseconds",
}
"""All that are published, under `service` and `function`.

`UpstreamErrors` are published under `provider` besides, and those of a response under `version`, by which a
new version of a function is told apart from the one whose place it takes.
"""


class Meter:
    """The figures of one response, read off its events: an `EventSink` that lets them all pass."""

    def __init__(self, started: float) -> None:
        """`started` is when the request came in, by `time.perf_counter`."""
        self._started = started
        self._first_token: float | None = None
        self._response: Json = {}

    async def keep(self, events: Sequence[Event], origins: Mapping[str, Json] | None = None) -> None:
        """Look for the first delta, and for what events tell of the whole response."""
        if self._first_token is None and any(event["type"].endswith(".delta") for event in events):
            self._first_token = (time.perf_counter() - self._started) * 1000
        for event in (events[0], events[-1]):
            self._response = event.get("response", self._response)

    def figures(self) -> dict[str, Any]:
        """What is known of the response by now; `in_progress` is one whose client did not stay to the end."""
        usage = self._response.get("usage")
        found = {
            "response_status": self._response.get("status"),
            "first_token_milliseconds": self._first_token and round(self._first_token, 1),
            "input_tokens": _count(usage, "input_tokens"),
            "cached_tokens": _count(usage, "input_tokens_details", "cached_tokens"),
            "output_tokens": _count(usage, "output_tokens"),
            "reasoning_tokens": _count(usage, "output_tokens_details", "reasoning_tokens"),
        }
        return {name: value for name, value in found.items() if value is not None}


def publish_response(figures: Mapping[str, Any], *, failed: bool, **ids: str) -> None:
    """The metrics of a response whose answer has ended, with ids to find it by."""
    values = {metric: figures[name] for metric, name in _FIGURES.items() if name in figures}
    version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
    _publish({**values, "FailedResponses": int(failed)}, ids, version=version)


def publish_upstream_error(target: str) -> None:
    """That a target did not do what it was asked, counted for all of them and for its provider."""
    _publish({"UpstreamErrors": 1}, {}, provider=target.partition("/")[0])


def publish_refusal() -> None:
    """That a caller was sent away who could not say who it is."""
    _publish({"RefusedCallers": 1}, {})


def publish_lost_notification() -> None:
    """That somebody could not be told of an event, however often it was tried."""
    _publish({"LostNotifications": 1}, {})


def publish_dropped_tool() -> None:
    """That a server's tool is not what the operator has pinned."""
    _publish({"DroppedTools": 1}, {})


def publish_tool_call(milliseconds: float, *, failed: bool) -> None:
    """That a tool of an MCP server was called, how long that took, and whether an error came of it."""
    _publish({"ToolCalls": 1, "FailedToolCalls": int(failed), "ToolCallDuration": milliseconds}, {})


def publish_stuck_responses(count: int) -> None:
    """That so many background responses had nobody at work on them, or were past their time."""
    _publish({"StuckResponses": count}, {})


_FIGURES = {
    "TimeToFirstToken": "first_token_milliseconds",
    "InputTokens": "input_tokens",
    "OutputTokens": "output_tokens",
}
"""Metrics, and what the log calls them."""


def _publish(values: Mapping[str, float], ids: Mapping[str, str], **dimensions: str) -> None:
    function = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
    if function is None:
        return
    metrics = EphemeralMetrics(namespace=NAMESPACE, service=SERVICE)
    metrics.add_dimension("service", SERVICE)
    metrics.add_dimension("function", function)
    if dimensions:
        metrics.add_dimensions(service=SERVICE, function=function, **dimensions)
    for name, value in values.items():
        metrics.add_metric(name, UNITS[name], value)
    for name, value in ids.items():
        metrics.add_metadata(name, value)
    metrics.flush_metrics()
    sys.stdout.flush()  # what waits in a buffer when Lambda freezes the process may never be seen


def _count(usage: Any, *path: str) -> int | None:
    """A number of tokens, where the upstream told one: a native upstream's usage is passed on as it is."""
    for name in path:
        usage = cast("Json", usage).get(name) if isinstance(usage, dict) else None
    return usage if isinstance(usage, int) else None
