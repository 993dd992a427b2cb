"""What the operator is told of an exchange: once, when its body has ended, however it ended."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.endpoints import event_stream
from lambda_responses.endpoints.application import whole_application
from lambda_responses.lifecycle.ports import Principal
from lambda_responses.storage.keyed.port import StoreUnavailable
from lambda_responses.stream.deltas import Failed, Stopped, Text, Usage
from lambda_responses.wire.errors import AuthenticationError, OverloadedError, ServerError
from lambda_responses.wire.usage import usage
from tests.played import Played, PlayedRuntime

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.played import Play, PlayedServices

    Told = Callable[[], list[dict[str, Any]]]

pytestmark = pytest.mark.anyio

HELLO: list[Any] = [Text(0, "Hel"), Text(0, "lo"), Usage(usage(3, 2, cached_tokens=1)), Stopped("end")]
OVERLOADED = Failed(OverloadedError("Too many."))
OPERATIONS_PAGE = Path(__file__).parents[3] / "docs" / "operations.md"
AT_TIMES = {"conversation_id", "replayed"}
"""Members that only some lines have, and that other tests see."""
MODES = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])


class Caller:
    """Asks an application as a server does, and may leave after so many messages of the answer."""

    def __init__(self, services: PlayedServices, told: Told, **settings: Any) -> None:
        self.app: Any = whole_application(PlayedRuntime(services, **settings))
        self.scope: dict[str, Any] = {}
        self.messages: list[dict[str, Any]] = []
        self.told_early: list[Any] = []
        self._told = told
        self._body: bytes | None = None
        self._gone = asyncio.Event()
        self._stays_for = -1

    async def create(self, *, leaving_after: int = -1, **body: Any) -> list[dict[str, Any]]:
        """The lines that are told of it."""
        self._stays_for = leaving_after
        if leaving_after == 0:
            self._gone.set()
        return await self.ask("POST", "/v1/responses", {"model": "m", "input": "hi", **body})

    async def ask(self, method: str, path: str, body: Any = None) -> list[dict[str, Any]]:
        self._body = b"" if body is None else json.dumps(body).encode()
        headers = [(b"host", b"127.0.0.1:8080"), (b"content-type", b"application/json")]
        head = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": headers}
        await self.app({**head, **self.scope}, self._receive, self._send)
        return self._told()

    async def _receive(self) -> dict[str, Any]:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        self.messages.append(message)
        self.told_early += self._told()
        if len(self.messages) == self._stays_for:
            self._gone.set()
            await asyncio.Event().wait()


async def known(self: PlayedRuntime, scope: Any) -> Principal:
    return Principal("acme", key_id="key_1")


def metrics_in(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if "_aws" in line]


def line_in(lines: list[dict[str, Any]]) -> dict[str, Any]:
    (line,) = [line for line in lines if line.get("message") == "exchange"]
    return line


@MODES
async def test_an_answer_is_told_of_once_its_body_has_ended(
    play: Play, told: Told, on_lambda: str, stream: bool
):
    caller = Caller(play(Played([HELLO])), told)
    lines = await caller.create(stream=stream)
    assert caller.messages[-1].get("more_body", False) is False
    assert caller.told_early == []
    assert len(metrics_in(lines)) == 1
    line = line_in(lines)
    expected = {
        "method": "POST",
        "route": "/responses",
        "status": 200,
        "tenant": "me",
        "target": "played/m",
        "response_status": "completed",
        "input_tokens": 3,
        "cached_tokens": 1,
        "output_tokens": 2,
    }
    assert expected.items() <= line.items()
    assert 0 <= line["first_token_milliseconds"] <= line["milliseconds"]
    headers = dict(caller.messages[0]["headers"])
    assert line["request_id"] == headers[b"x-request-id"].decode()
    assert line["response_id"].startswith("resp_")


@MODES
async def test_metrics_and_log_tell_the_same(play: Play, told: Told, on_lambda: str, stream: bool):
    lines = await Caller(play(Played([HELLO])), told).create(stream=stream)
    (metrics,), line = metrics_in(lines), line_in(lines)
    for name, logged in (
        ("TimeToFirstToken", "first_token_milliseconds"),
        ("InputTokens", "input_tokens"),
        ("OutputTokens", "output_tokens"),
    ):
        assert metrics[name] == [line[logged]]
    assert metrics["FailedResponses"] == [0.0]
    for name in ("request_id", "response_id", "tenant", "target"):
        assert metrics[name] == line[name]


@MODES
async def test_checking_streams_does_not_keep_figures_away(
    play: Play, told: Told, on_lambda: str, stream: bool
):
    lines = await Caller(play(Played([HELLO])), told, check_streams=True).create(stream=stream)
    assert line_in(lines)["output_tokens"] == 2


@pytest.mark.parametrize(
    ("stream", "before", "status"),
    [(False, [], 503), (False, HELLO[:1], 503), (True, [], 503), (True, HELLO[:1], 200)],
    ids=["plain", "plain, begun", "streamed", "in mid-stream"],
)
async def test_a_failure_counts_whatever_the_client_is_told(
    play: Play, told: Told, on_lambda: str, stream: bool, before: list[Any], status: int
):
    lines = await Caller(play(Played([[*before, OVERLOADED]])), told).create(stream=stream)
    (metrics,) = metrics_in(lines)
    assert metrics["FailedResponses"] == [1.0]
    assert line_in(lines)["status"] == status
    assert (line_in(lines).get("response_status") == "failed") == (status == 200)


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (KeyError("unforeseen"), 500),
        (StoreUnavailable("ThrottlingException"), 503),
        (ServerError("No."), 500),
    ],
    ids=["unforeseen", "the store", "told"],
)
async def test_what_fails_before_anything_was_begun_counts_too(
    play: Play,
    told: Told,
    on_lambda: str,
    monkeypatch: pytest.MonkeyPatch,
    fault: Exception,
    status: int,
):
    """Or a version of the function that answers nothing but 500 would look as if nobody asked it."""

    async def broken(self: PlayedRuntime, scope: Any) -> Principal:
        raise fault

    monkeypatch.setattr(PlayedRuntime, "principal_of", broken)
    lines = await Caller(play(Played([HELLO])), told).create()
    (metrics,) = metrics_in(lines)
    assert (metrics["FailedResponses"], line_in(lines)["status"]) == ([1.0], status)


async def test_what_breaks_the_answer_itself_is_a_failure_that_the_server_hears_of(
    play: Play, told: Told, on_lambda: str, monkeypatch: pytest.MonkeyPatch
):
    frames = event_stream.Framing.frames

    def breaking(self: Any, events: Any) -> bytes:
        if any(event["type"] == "response.output_text.done" for event in events):
            raise LookupError("what somebody said")
        return frames(self, events)

    monkeypatch.setattr(event_stream.Framing, "frames", breaking)
    caller = Caller(play(Played([HELLO])), told)
    with pytest.raises(LookupError):
        await caller.create(stream=True)
    lines = told()
    (metrics,) = metrics_in(lines)
    assert metrics["FailedResponses"] == [1.0]
    (unforeseen,) = [line for line in lines if line.get("message") == "unforeseen"]
    assert unforeseen["request_id"] == line_in(lines)["request_id"]
    assert unforeseen["fault"] == "LookupError"
    assert "what somebody said" not in json.dumps(lines)


async def test_a_client_that_leaves_a_stream_is_told_of_with_what_it_saw(
    play: Play, told: Told, on_lambda: str
):
    endless = [*HELLO[:2], asyncio.Event()]
    lines = await Caller(play(Played([endless])), told).create(stream=True, leaving_after=3)
    (metrics,), line = metrics_in(lines), line_in(lines)
    assert line["response_status"] == "in_progress"
    assert metrics["FailedResponses"] == [0.0]
    assert "OutputTokens" not in metrics
    assert metrics["TimeToFirstToken"] == [line["first_token_milliseconds"]]


@MODES
async def test_an_answer_that_is_given_again_is_told_of_but_not_counted_again(
    play: Play, told: Told, on_lambda: str, stream: bool
):
    caller = Caller(play(Played([HELLO])), told)
    caller.scope["headers"] = [(b"host", b"127.0.0.1:8080"), (b"idempotency-key", b"mine")]
    first, again = [await caller.create(stream=stream) for _ in range(2)]
    assert [len(metrics_in(lines)) for lines in (first, again)] == [1, 0]
    assert "replayed" not in line_in(first)
    assert line_in(again)["replayed"] == "true"
    assert line_in(again)["response_id"] == line_in(first)["response_id"]
    assert "output_tokens" not in line_in(again)


async def test_who_leaves_before_a_plain_answer_made_no_response(play: Play, told: Told, on_lambda: str):
    lines = await Caller(play(Played([[asyncio.Event()]])), told).create(leaving_after=0)
    assert metrics_in(lines) == []
    assert line_in(lines)["status"] == 499


@pytest.mark.parametrize("body", [{"model": 7}, {"model": "unknown"}, {"previous_response_id": "resp_no"}])
async def test_a_refused_request_is_no_response(play: Play, told: Told, on_lambda: str, body: Any):
    lines = await Caller(play(Played([HELLO])), told).create(**body)
    assert metrics_in(lines) == []
    assert line_in(lines)["status"] in (400, 404)


async def test_a_caller_who_is_sent_away_counts(
    play: Play, told: Told, on_lambda: str, monkeypatch: pytest.MonkeyPatch
):
    async def stranger(self: PlayedRuntime, scope: Any) -> Principal:
        raise AuthenticationError("Who are you?")

    monkeypatch.setattr(PlayedRuntime, "principal_of", stranger)
    lines = await Caller(play(Played([HELLO])), told).create()
    (metrics,) = metrics_in(lines)
    assert (metrics["RefusedCallers"], metrics["function"]) == ([1.0], on_lambda)
    assert line_in(lines)["status"] == 401


async def test_other_operations_have_a_line_and_no_metrics(play: Play, told: Told, on_lambda: str):
    caller = Caller(play(Played([HELLO])), told)
    response_id = line_in(await caller.create())["response_id"]
    for method, path in (("GET", ""), ("GET", "/input_items"), ("POST", "/cancel"), ("DELETE", "")):
        lines = await caller.ask(method, f"/v1/responses/{response_id}{path}")
        assert metrics_in(lines) == []
        assert line_in(lines)["response_id"] == response_id
        assert line_in(lines)["route"] == f"/responses/{{response_id}}{path}"


async def test_what_stands_in_an_ids_place_is_told_only_if_it_is_an_id(play: Play, told: Told):
    for path in ("/v1/responses/sk-secret", "/v1/responses/sk-secret/input_items", "/sk-secret"):
        lines = await Caller(play(Played([])), told).ask("GET", path)
        assert line_in(lines)["status"] == 404
        assert "sk-secret" not in json.dumps(lines)


async def test_a_line_names_the_key_and_no_more_of_a_long_name_than_helps(
    play: Play, told: Told, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(PlayedRuntime, "principal_of", known)
    lines = await Caller(play(Played([HELLO], name="p" * 900)), told).create()
    line = line_in(lines)
    assert (line["tenant"], line["key_id"]) == ("acme", "key_1")
    assert len(line["target"]) == 200


async def test_on_lambda_a_line_names_the_invocation(play: Play, told: Told):
    caller = Caller(play(Played([HELLO])), told)
    caller.scope["aws.context"] = SimpleNamespace(
        function_name="stack-create-response",
        aws_request_id="invocation-1",
        get_remaining_time_in_millis=lambda: 60_000,
    )
    line = line_in(await caller.create())
    assert (line["function_name"], line["function_request_id"]) == ("stack-create-response", "invocation-1")
    assert isinstance(line["cold_start"], bool)
    del caller.scope["aws.context"]
    after = line_in(await caller.create(model="unknown"))
    assert not {"function_request_id", "cold_start", "target", "response_id"} & after.keys()


async def test_every_member_of_a_line_has_its_place_on_the_page(
    play: Play, told: Told, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793")
    caller = Caller(play(Played([HELLO])), told)
    caller.scope["aws.context"] = SimpleNamespace(
        function_name="f", aws_request_id="1", get_remaining_time_in_millis=lambda: 60_000
    )
    monkeypatch.setattr(PlayedRuntime, "principal_of", known)
    _, _, table = OPERATIONS_PAGE.read_text(encoding="utf-8").partition("| member | what |")
    rows = table.partition("\n\n")[0].splitlines()[2:]
    named = {name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])}
    assert line_in(await caller.create()).keys() - {"location"} == named - AT_TIMES
