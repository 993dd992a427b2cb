"""The lines of the log: one JSON object each, that knows whose it is."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.runtime import logs
from lambda_responses.runtime.logs import lines_of, logger

if TYPE_CHECKING:
    from collections.abc import Callable

    Told = Callable[[], list[dict[str, Any]]]

OURS = {"request_id", "function_name", "function_request_id", "cold_start"}


def invocation(number: int) -> Any:
    return SimpleNamespace(function_name="stack-get-response", aws_request_id=f"invocation-{number}")


def test_a_line_says_which_exchange_and_which_invocation_it_belongs_to(told: Told):
    with lines_of("req_1", invocation(1)):
        logger.info("hello")
    (line,) = told()
    assert (line["request_id"], line["function_request_id"]) == ("req_1", "invocation-1")
    assert (line["function_name"], line["service"]) == ("stack-get-response", "lambda-responses")


def test_what_one_exchange_tells_the_next_does_not(told: Told):
    with lines_of("req_1", invocation(1)):
        logger.info("one")
    logger.info("between")
    with lines_of("req_2"):
        logger.info("two")
    _, between, two = told()
    assert not OURS & between.keys()
    assert OURS & two.keys() == {"request_id"}


def test_an_exchange_that_fails_leaves_nothing_behind(told: Told):
    with pytest.raises(KeyError), lines_of("req_1", invocation(1)):
        raise KeyError
    logger.info("after")
    (line,) = told()
    assert not OURS & line.keys()


@pytest.mark.anyio
async def test_exchanges_at_the_same_time_keep_their_lines_apart(told: Told):
    together = asyncio.Barrier(2)

    async def exchange(request_id: str) -> None:
        with lines_of(request_id):
            await together.wait()
            await asyncio.create_task(step(request_id))

    async def step(request_id: str) -> None:
        await together.wait()
        logger.info(request_id)

    await asyncio.gather(exchange("req_1"), exchange("req_2"))
    lines = told()
    assert sorted(line["message"] for line in lines) == ["req_1", "req_2"]
    assert all(line["message"] == line["request_id"] for line in lines)


@pytest.mark.parametrize(
    ("started_for", "cold"), [("on-demand", True), ("snap-start", True), ("provisioned-concurrency", False)]
)
def test_only_the_first_invocation_of_a_process_may_be_cold(
    told: Told, monkeypatch: pytest.MonkeyPatch, started_for: str, cold: bool
):
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", started_for)
    monkeypatch.setattr(logs, "_cold_starts", logs.cold_starts())
    for number in range(3):
        with lines_of(f"req_{number}", invocation(number)):
            logger.info("hello")
    assert [line["cold_start"] for line in told()] == [cold, False, False]


def test_a_line_knows_its_trace(told: Told, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8")
    logger.info("traced")
    monkeypatch.delenv("_X_AMZN_TRACE_ID")
    logger.info("untraced")
    traced, untraced = told()
    assert traced["xray_trace_id"] == "1-5759e988-bd862e3fe1be46a994272793"
    assert "xray_trace_id" not in untraced


@pytest.mark.parametrize(
    "text", ["a\nb", "a\r\nb", "a\u2028b", "a\u0085b", "a\x1cb", "lone \ud800 surrogate"]
)
def test_a_line_is_one_line_whatever_is_in_it(capsys: pytest.CaptureFixture[str], told: Told, text: str):
    logger.info("exchange", target=text)
    (line,) = told()
    assert line["target"] == text


@pytest.mark.anyio
async def test_a_line_has_nothing_that_nobody_asked_for(told: Told):
    logger.info("hello", status=200)
    (line,) = told()
    assert line.keys() == {"level", "location", "message", "timestamp", "service", "status"}


@pytest.mark.parametrize("library", ["httpx", "mangum.http"])
def test_libraries_add_no_addresses_to_the_log(library: str):
    assert not logging.getLogger(library).isEnabledFor(logging.INFO)
