"""The figures of a response, and the lines in which CloudWatch finds them."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, cast

import pytest

from lambda_responses.runtime.authorizer import Authorizer, NoVerdict
from lambda_responses.runtime.metrics import (
    NAMESPACE,
    UNITS,
    Meter,
    publish_lost_notification,
    publish_refusal,
    publish_response,
    publish_tool_call,
    publish_upstream_error,
)
from lambda_responses.wire.usage import usage

if TYPE_CHECKING:
    from collections.abc import Callable

    Told = Callable[[], list[dict[str, Any]]]


def lifecycle(name: str, **more: Any) -> dict[str, Any]:
    return {"type": f"response.{name}", "response": {"status": name, **more}}


CREATED = {"type": "response.created", "response": {"status": "in_progress"}}
ADDED = {"type": "response.output_item.added"}
DELTA = {"type": "response.output_text.delta"}
COMPLETED = lifecycle("completed", usage=usage(10, 20, cached_tokens=4, reasoning_tokens=5))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the time."""

    def be(now: float) -> None:
        monkeypatch.setattr(time, "perf_counter", lambda: now)

    be(100.0)
    return be


async def metered(*batches: list[dict[str, Any]], clock: Callable[[float], None]) -> Meter:
    """A meter that has seen those batches, one each second."""
    meter = Meter(100.0)
    for second, batch in enumerate(batches, start=101):
        clock(float(second))
        await meter.keep(batch)
    return meter


@pytest.mark.anyio
async def test_a_meter_takes_the_first_delta_and_the_end(clock: Callable[[float], None]):
    meter = await metered([CREATED, ADDED], [DELTA], [DELTA], [COMPLETED], clock=clock)
    assert meter.figures() == {
        "response_status": "completed",
        "first_token_milliseconds": 2000.0,
        "input_tokens": 10,
        "cached_tokens": 4,
        "output_tokens": 20,
        "reasoning_tokens": 5,
    }


@pytest.mark.anyio
async def test_a_delta_may_come_with_the_first_batch(clock: Callable[[float], None]):
    meter = await metered([CREATED, ADDED, DELTA], clock=clock)
    assert meter.figures() == {"response_status": "in_progress", "first_token_milliseconds": 1000.0}


@pytest.mark.anyio
async def test_a_response_without_output_has_no_first_token(clock: Callable[[float], None]):
    meter = await metered([CREATED], [lifecycle("failed", usage=None)], clock=clock)
    assert meter.figures() == {"response_status": "failed"}


@pytest.mark.anyio
@pytest.mark.parametrize(
    "odd", [7, "many", [], {"input_tokens": "7"}, {"input_tokens": None, "output_tokens_details": None}]
)
async def test_a_native_upstreams_odd_usage_is_no_figure(odd: Any, clock: Callable[[float], None]):
    meter = await metered([CREATED], [lifecycle("completed", usage=odd)], clock=clock)
    assert meter.figures() == {"response_status": "completed"}


NO_RESPONSES = (
    "UpstreamErrors",
    "RefusedCallers",
    "LostNotifications",
    "StuckResponses",
    "DroppedTools",
    "ToolCalls",
    "FailedToolCalls",
    "ToolCallDuration",
)
FIGURES = {
    "response_status": "completed",
    "first_token_milliseconds": 3.5,
    "input_tokens": 1,
    "output_tokens": 2,
}


def test_a_response_is_one_line_of_metrics(told: Told, on_lambda: str):
    publish_response(FIGURES, failed=False, request_id="req_1", response_id="resp_1")
    (line,) = told()
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == NAMESPACE
    assert [sorted(each) for each in directive["Dimensions"]] == [
        ["function", "service"],
        ["function", "service", "version"],
    ]
    assert {each["Name"]: each["Unit"] for each in directive["Metrics"]} == {
        name: unit for name, unit in UNITS.items() if name not in NO_RESPONSES
    }
    assert (line["service"], line["function"]) == ("lambda-responses", on_lambda)
    assert line["version"] == "7"
    assert (line["request_id"], line["response_id"]) == ("req_1", "resp_1")
    assert {name: line[name] for name in ("TimeToFirstToken", "InputTokens", "OutputTokens")} == {
        "TimeToFirstToken": [3.5],
        "InputTokens": [1.0],
        "OutputTokens": [2.0],
    }


@pytest.mark.parametrize("failed", [False, True])
def test_every_response_says_whether_it_failed(told: Told, on_lambda: str, failed: bool):
    """So that the average of them is the rate."""
    publish_response({}, failed=failed)
    (line,) = told()
    assert line["FailedResponses"] == [float(failed)]
    assert not {"TimeToFirstToken", "InputTokens", "OutputTokens"} & line.keys()


def test_a_notification_that_is_given_up_counts(told: Told, on_lambda: str):
    publish_lost_notification()
    (line,) = told()
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert [sorted(each) for each in directive["Dimensions"]] == [["function", "service"]]
    assert line["LostNotifications"] == [1.0]


def test_an_upstream_error_counts_for_all_and_for_its_provider(told: Told, on_lambda: str):
    publish_upstream_error("openrouter/meta-llama/llama-4")
    (line,) = told()
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert [sorted(each) for each in directive["Dimensions"]] == [
        ["function", "service"],
        ["function", "provider", "service"],
    ]
    assert (line["UpstreamErrors"], line["provider"]) == ([1.0], "openrouter")
    assert "llama" not in str(line)


@pytest.mark.parametrize("failed", [False, True])
def test_a_call_of_a_tool_counts_whatever_came_of_it(told: Told, on_lambda: str, failed: bool):
    publish_tool_call(12.5, failed=failed)
    (line,) = told()
    assert (line["ToolCalls"], line["ToolCallDuration"]) == ([1.0], [12.5])
    assert line["FailedToolCalls"] == [float(failed)]


def test_responses_share_nothing(told: Told, on_lambda: str):
    publish_response(FIGURES, failed=True, request_id="req_1", tenant="one")
    publish_upstream_error("groq/m")
    publish_response({}, failed=False, request_id="req_2")
    _, _, last = told()
    assert last.keys() == {"_aws", "service", "function", "version", "request_id", "FailedResponses"}


def test_nothing_is_printed_where_nobody_reads_it(told: Told, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)
    publish_response(FIGURES, failed=True)
    publish_upstream_error("groq/m")
    publish_refusal()
    publish_tool_call(1, failed=True)
    assert told() == []


def test_metrics_leave_before_the_process_can_be_frozen():
    program = (
        "import os; from lambda_responses.runtime.metrics import publish_response;"
        "publish_response({}, failed=False); os._exit(0)"
    )
    environment = {"AWS_LAMBDA_FUNCTION_NAME": "f"}
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True)
    assert b"FailedResponses" in run.stdout


def test_metrics_cost_a_cold_start_nothing_that_the_log_does_not():
    """Powertools' package imports its metrics by itself: to put them off would win nothing."""
    program = (
        "import sys; import lambda_responses.runtime.logs; before = set(sys.modules);"
        "import lambda_responses.runtime.metrics; print(*set(sys.modules) - before)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert run.stdout.split() == ["lambda_responses.runtime.metrics"]


def test_whom_the_authorizer_sends_away_is_told_apart_from_its_own_faults(told: Told, on_lambda: str):
    """For Lambda both are errors of the function."""
    event = {"authorizationToken": "no credential", "methodArn": "arn:aws:execute-api:r:1:api/v1/GET/models"}
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        Authorizer()(event, None, using=cast("Any", object()))
    (metrics,) = (line for line in told() if "_aws" in line)
    assert (metrics["RefusedCallers"], metrics["function"]) == ([1.0], on_lambda)
    with pytest.raises(NoVerdict, match=r"^AttributeError at "):
        Authorizer()(event | {"authorizationToken": "Bearer k"}, None, using=cast("Any", object()))
    assert told() == []
