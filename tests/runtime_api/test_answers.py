"""Answers leave as they are made, in the form that Lambda takes."""

from __future__ import annotations

import json
import statistics
from typing import TYPE_CHECKING, Any

import pytest

from tests.runtime_api.events import rest_event, url_event

if TYPE_CHECKING:
    from pathlib import Path

    from tests.runtime_api.conftest import Start, Toy
    from tests.runtime_api.strict_api import Answer, StrictApi

START = ["start", 200, [["content-type", "text/event-stream"]]]
END = ["body", "", False]


def answered(api: StrictApi, event: dict[str, Any], **headers: str) -> Answer:
    """The whole answer to an event, which is accepted."""
    api.invoke(event, **headers)
    answer = api.answer().read()
    api.reply()
    return answer


def told(api: StrictApi, name: str, **headers: str) -> str:
    """What the application sees of that."""
    return answered(api, rest_event([START, ["tell", name], END]), **headers).body.decode()


def test_a_chunk_arrives_when_it_is_made(toy: Toy):
    toy.api.invoke(rest_event([START, ["time", 12, 0.03], END]))
    answer = toy.api.answer().read()
    toy.api.reply()
    made = [float(chunk) for chunk in answer.chunks[1:]]
    assert len(made) == 12
    lags = [arrived - at for arrived, at in zip(answer.arrived[1:], made, strict=True)]
    assert statistics.median(lags) < 0.03


def test_the_head_the_prelude_and_the_first_chunk_leave_together(toy: Toy):
    toy.api.invoke(rest_event([START, ["body", "one", True], ["body", "two", False]]))
    answer = toy.api.answer()
    assert bytes(8) + b"\r\n3\r\none\r\n" in toy.api.at_hand
    assert answer.read().body == b"onetwo"
    toy.api.reply()


def test_a_plain_answer_leaves_in_one_piece(toy: Toy):
    toy.api.invoke(
        rest_event([["start", 404, [["content-type", "application/json"]]], ["body", "{}", False]])
    )
    answer = toy.api.answer()
    assert toy.api.at_hand.endswith(bytes(8) + b"\r\n2\r\n{}\r\n0\r\n\r\n")
    assert answer.read().prelude == {"statusCode": 404, "headers": {"content-type": "application/json"}}
    assert answer.trailers == {}
    toy.api.reply()


def test_an_empty_chunk_does_not_end_the_body(toy: Toy):
    answer = answered(
        toy.api, rest_event([START, ["body", "", True], ["body", "", True], ["body", "x", True], END])
    )
    assert answer.body == b"x"


def test_six_megabytes_arrive_whole(toy: Toy):
    assert answered(toy.api, rest_event([START, ["bytes", 6_000_000]])).body == bytes(6_000_000)


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_what_has_no_body_gets_none(toy: Toy, method: str, status: int):
    steps = [["start", status, [["content-length", "4"]]], ["body", "body", False]]
    answer = answered(toy.api, rest_event(steps, method=method))
    assert (answer.prelude["statusCode"], answer.body) == (status, b"")


def test_the_request_is_received_once_and_then_nothing_until_the_answer_is_over(toy: Toy):
    answered(toy.api, rest_event([START, END, ["receive"]]))
    toy.api.wait_for_more()
    assert toy.process.lines == [{"received": "http.disconnect"}, {"ended": "receive"}]


def test_the_application_has_ended_before_more_work_is_asked_for(toy: Toy, tmp_path: Path):
    noted = tmp_path / "noted"
    answered(toy.api, rest_event([START, END, ["child", "child", "child", "note", str(noted)]]))
    toy.api.wait_for_more()
    assert noted.exists()


def test_one_connection_serves_one_invocation_after_the_other(api: StrictApi, start: Start):
    start()
    for number in range(3):
        assert answered(api, rest_event([START, ["body", str(number), False]])).body == str(number).encode()
    assert api.connections == 1


def test_a_connection_that_the_other_side_ends_is_opened_again(api: StrictApi, start: Start):
    start()
    api.invoke(rest_event(), Connection="close")
    api.hang_up()
    api.answer().read()
    assert api.connections == 2


def test_an_event_in_chunks_is_read(toy: Toy):
    toy.api.invoke(rest_event([START, ["body", "x" * 100_000, False]]), chunked=True)
    assert toy.api.answer().read().body == b"x" * 100_000
    toy.api.reply()


def test_the_id_of_an_invocation_goes_back_with_its_answer(toy: Toy):
    answer = answered(toy.api, rest_event(), Invocation_Id="inv-1")
    assert answer.headers["lambda-runtime-invocation-id"] == "inv-1"
    assert "lambda-runtime-invocation-id" not in answered(toy.api, rest_event()).headers


def test_an_application_knows_what_lambda_tells_of_the_invocation(toy: Toy):
    context = json.loads(
        told(
            toy.api,
            "context",
            Aws_Tenant_Id="tenant-1",
            Cognito_Identity='{"cognitoIdentityId": "i", "cognitoIdentityPoolId": "p"}',
            Client_Context='{"client": {"app_title": "t"}, "custom": {}, "env": {}}',
        )
    )
    assert 50_000 < context.pop("remaining") <= 60_000
    assert context.pop("client")["app_title"] == "t"
    assert context == {
        "aws_request_id": "id-1",
        "invoked_function_arn": "arn:aws:lambda:eu-west-1:123456789012:function:toy",
        "tenant_id": "tenant-1",
        "function_name": "toy",
        "function_version": "$LATEST",
        "memory_limit_in_mb": "512",
        "log_group_name": "/aws/lambda/toy",
        "log_stream_name": "2026/11/01/[$LATEST]0",
        "identity": {"cognito_identity_id": "i", "cognito_identity_pool_id": "p"},
    }


def test_a_trace_lasts_as_long_as_its_invocation(toy: Toy):
    assert told(toy.api, "environment _X_AMZN_TRACE_ID", Trace_Id="Root=1-2") == "Root=1-2"
    assert told(toy.api, "environment _X_AMZN_TRACE_ID") == "None"


def test_both_kinds_of_event_become_the_same_request(toy: Toy):
    steps = [START, ["tell", "scope"], END]
    by_api, by_url = (
        json.loads(answered(toy.api, event).body)
        for event in (
            rest_event(steps, path="/v1/responses", stream="true"),
            url_event(steps, query="stream=true"),
        )
    )
    for name in ("type", "method", "path", "query_string", "http_version"):
        assert by_api[name] == by_url[name]
    assert by_api["query_string"] == "stream=true"
    assert by_api["aws.event"]["httpMethod"] == "POST"
    assert by_url["aws.event"]["version"] == "2.0"


def test_a_header_that_repeats_stays_apart_where_it_can(toy: Toy):
    steps = [
        ["start", 200, [["Link", "a"], ["link", "b"], ["set-cookie", "c=1"], ["set-cookie", "d=2"]]],
        END,
    ]
    assert answered(toy.api, rest_event(steps)).prelude == {
        "statusCode": 200,
        "headers": {},
        "multiValueHeaders": {"link": ["a", "b"]},
        "cookies": ["c=1", "d=2"],
    }
    assert answered(toy.api, url_event(steps)).prelude == {
        "statusCode": 200,
        "headers": {"link": "a, b"},
        "cookies": ["c=1", "d=2"],
    }
