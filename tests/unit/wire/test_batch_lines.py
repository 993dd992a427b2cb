"""Lines of objects, and the lines that answer jobs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.wire.batch_lines import (
    BadLine,
    ObjectAddress,
    read_body,
    read_line,
    rejection_line,
    reply_to,
    result_line,
    to_background,
    with_body_elsewhere,
)
from lambda_responses.wire.errors import InvalidRequestError, RateLimitError
from lambda_responses.wire.requests import check_create_request

Json = dict[str, Any]

BODY: Json = {"model": "m", "input": "hi"}
OBJECT = ObjectAddress("in", "day/one.jsonl", "e1")


def line(**members: Any) -> bytes:
    return json.dumps(members).encode()


def answer(status: str = "completed", **members: Any) -> Json:
    return {"id": "resp_1", "status": status, "output": [], "error": None, **members}


def test_a_line_of_an_object_is_known_within_its_object_alone():
    own = line(custom_id="one", body=BODY)
    found = read_line(own, address=OBJECT, number=1)
    assert found.custom_id == "one"
    assert read_line(own, address=OBJECT, number=9).key == found.key
    for other in (ObjectAddress("in", "day/two.jsonl", "e1"), ObjectAddress("in", "day/one.jsonl", "e2")):
        assert read_line(own, address=other, number=1).key != found.key


def test_a_line_without_a_word_of_its_own_is_known_by_its_place():
    found = read_line(line(**BODY), address=OBJECT, number=7)
    assert found.custom_id == "day/one.jsonl#7"
    assert found.key != read_line(line(**BODY), address=OBJECT, number=8).key


@pytest.mark.parametrize("text", [b"{", b"[]", b"{}", b"\xff"])
def test_a_line_that_nobody_can_read_is_answered_by_its_place(text: bytes):
    with pytest.raises(BadLine) as caught:
        read_line(text, address=OBJECT, number=3)
    assert caught.value.custom_id == "day/one.jsonl#3"
    assert caught.value.fault.code == "invalid_json_line"
    assert "Line 3" in caught.value.fault.message


def test_a_place_with_a_long_name_is_still_a_word():
    with pytest.raises(BadLine) as caught:
        read_line(b"{", address=ObjectAddress("in", "k" * 1024), number=123_456_789)
    assert len(caught.value.custom_id) <= 512


def test_a_body_that_lies_elsewhere_is_read_as_any_other():
    assert read_body(line(**BODY), "one") == BODY
    with pytest.raises(BadLine) as caught:
        read_body(b"{", "one")
    assert caught.value.custom_id == "one"


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"background": False},
        {"background": None, "stream": None},
        {"stream": True, "stream_options": {"include_obfuscation": False}},
    ],
)
def test_how_a_queued_request_is_told_is_not_its_own_to_say(told: Json):
    request = check_create_request(to_background({**BODY, **told}))
    assert request["background"] is True
    assert request["stream"] is False
    assert "stream_options" not in request


@pytest.mark.parametrize("odd", [{"background": "yes"}, {"stream": 1}, {"stream_options": []}])
def test_what_is_of_the_wrong_type_stays_to_be_refused(odd: Json):
    with pytest.raises(InvalidRequestError) as caught:
        check_create_request(to_background({**BODY, **odd}))
    assert caught.value.param == next(iter(odd))


@pytest.mark.parametrize("status", ["completed", "incomplete"])
def test_an_answer_has_no_error(status: str):
    told = result_line({"custom_id": "one"}, answer(status))
    assert told["custom_id"] == "one"
    assert told["error"] is None
    assert told["response"]["status_code"] == 200
    assert told["response"]["body"] == answer(status)


def test_a_failed_response_is_told_with_its_reason():
    told = result_line(
        {"custom_id": "one"}, answer("failed", error={"code": "server_error", "message": "No."})
    )
    assert told["error"] == {"code": "server_error", "message": "No."}
    assert told["response"]["body"]["status"] == "failed"


def test_a_cancelled_response_is_no_answer():
    told = result_line({"custom_id": "one"}, answer("cancelled"))
    assert told["error"] == {"code": "cancelled", "message": "The response was cancelled."}


def test_a_result_has_the_members_of_a_batch_line_and_is_the_same_however_often_told():
    told = result_line({"custom_id": "one"}, answer())
    assert list(told) == ["id", "custom_id", "response", "error"]
    assert list(told["response"]) == ["status_code", "request_id", "body"]
    assert told["id"].startswith("batch_req_")
    assert told["response"]["request_id"].startswith("req_")
    assert result_line({"custom_id": "one"}, answer()) == told
    assert result_line({"custom_id": "one"}, answer(id="resp_2"))["id"] != told["id"]


def test_a_rejection_is_told_as_the_api_would_and_in_a_lines_own_words():
    fault = InvalidRequestError("No such thing.", code="unknown_parameter", param="thing")
    told = rejection_line({"custom_id": "one"}, fault, key="k")
    assert told["response"]["status_code"] == 400
    assert told["response"]["body"] == fault.body()
    assert told["error"] == {"code": "unknown_parameter", "message": "No such thing."}
    assert rejection_line({"custom_id": "one"}, fault, key="other")["id"] != told["id"]


def test_a_rejection_has_the_status_of_its_fault():
    told = rejection_line({"custom_id": "one"}, RateLimitError("Too much."), key="k")
    assert told["response"]["status_code"] == 429
    assert told["error"]["code"] == "rate_limit_exceeded"


def test_a_fault_without_a_code_is_called_by_its_type():
    told = rejection_line({"custom_id": "one"}, InvalidRequestError("No."), key="k")
    assert told["error"]["code"] == "invalid_request_error"


def test_a_line_may_say_where_its_body_is():
    told = with_body_elsewhere(result_line({"custom_id": "one"}, answer()), "s3://out/one.json")
    assert told["response"]["body_ref"] == "s3://out/one.json"
    assert "body" not in told["response"]
    assert list(told) == ["id", "custom_id", "response", "error"]


def test_an_answer_to_a_line_of_an_object_says_of_which():
    assert "batch" not in result_line(reply_to("one"), answer())
    assert result_line(reply_to("one", OBJECT), answer())["batch"] == "s3://in/day/one.jsonl"
    fault = InvalidRequestError("No.")
    assert rejection_line(reply_to("one", OBJECT), fault, key="k")["batch"] == "s3://in/day/one.jsonl"


TOLD = st.sampled_from(["background", "stream", "stream_options"])


@given(st.dictionaries(TOLD, st.sampled_from([None, True, False, {}, "x"])))
def test_a_request_is_made_a_background_one_once_and_for_all(told: Json):
    once = to_background({**BODY, **told})
    assert to_background(once) == once
    assert once["input"] == "hi"


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=512), st.integers(1, 10**9))
def test_a_line_and_its_answer_have_one_word(custom_id: str, number: int):
    found = read_line(line(custom_id=custom_id, body=BODY), address=OBJECT, number=number)
    assert result_line(reply_to(found.custom_id), answer())["custom_id"] == custom_id
