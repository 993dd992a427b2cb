"""Everything that may be dropped on the queue of jobs: what it asks for, or why nobody can tell."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.wire.batch_lines import BadLine, ObjectAddress, QueuedRequest, Unreadable
from lambda_responses.wire.job_messages import BYTE_ORDER_MARK, LinesIn, read_message

Json = dict[str, Any]

BODY: Json = {"model": "m", "input": "hi"}
LINE: Json = {"custom_id": "one", "method": "POST", "url": "/v1/responses", "body": BODY}
CLOUD_EVENT: Json = {"specversion": "1.0", "id": "ev-1", "source": "/shop", "type": "order.placed"}
EVENT: Json = {
    "version": "0",
    "id": "6a7e8feb",
    "detail-type": "order.placed",
    "source": "shop",
    "account": "123456789012",
    "time": "2026-01-01T00:00:00Z",
    "region": "eu-west-1",
    "resources": [],
}


def read(message: Any, name: str = "message-1") -> list[Any]:
    return list(read_message(json.dumps(message).encode(), name=name))


def s3_record(**changes: Any) -> Json:
    news = {"bucket": {"name": "in"}, "object": {"key": "a+b/%C3%BC.jsonl", "size": 12, "eTag": "e1"}}
    return {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": news, **changes}


def test_a_batch_line_is_a_job_under_its_own_word():
    assert read(LINE) == [QueuedRequest("one", "one", BODY)]


@pytest.mark.parametrize("absent", ["method", "url"])
def test_a_line_need_not_say_what_can_only_be(absent: str):
    assert read({name: value for name, value in LINE.items() if name != absent})[0].body == BODY


@pytest.mark.parametrize("custom_id", [{}, {"custom_id": None}])
def test_a_line_without_a_word_of_its_own_is_known_by_its_message(custom_id: Json):
    assert read({"body": BODY, **custom_id}) == [QueuedRequest("message-1", "message-1", BODY)]


def test_a_body_alone_is_a_job_known_by_its_message():
    assert read(BODY) == [QueuedRequest("message-1", "message-1", BODY)]


@pytest.mark.parametrize("body", [{}, {"model": 1}, {"anything": "at all"}])
def test_what_a_line_has_in_its_body_is_judged_where_bodies_are(body: Json):
    assert read({"custom_id": "a", "body": body})[0].body == body


@pytest.mark.parametrize(
    "data",
    [
        {"data": LINE},
        {"data": json.dumps(LINE), "datacontenttype": "application/json"},
        {"data_base64": base64.b64encode(json.dumps(LINE).encode()).decode()},
    ],
)
def test_a_cloud_event_carries_a_line(data: Json):
    assert read({**CLOUD_EVENT, **data}) == [QueuedRequest("one", "one", BODY)]


@pytest.mark.parametrize("event", [{**CLOUD_EVENT, "data": BODY}, {**EVENT, "detail": BODY}])
def test_an_event_is_known_by_its_id_and_source_whatever_message_brings_it(event: Json):
    first, again = read(event, "message-1"), read(event, "message-2")
    assert first == again
    assert first[0].custom_id == event["id"]
    assert read({**event, "source": "elsewhere"})[0].key != first[0].key


def test_an_event_without_a_usable_id_is_known_by_its_message():
    assert read({**CLOUD_EVENT, "id": 7, "data": BODY})[0].key == "message-1"


def test_an_eventbridge_event_carries_a_line():
    assert read({**EVENT, "detail": LINE}) == [QueuedRequest("one", "one", BODY)]


def test_news_of_s3_name_objects_of_lines_by_their_true_keys():
    other = s3_record(s3={"bucket": {"name": "in"}, "object": {"key": "b"}})
    gone = s3_record(eventName="ObjectRemoved:Delete")
    assert read({"Records": [s3_record(), gone, other]}) == [
        LinesIn(ObjectAddress("in", "a b/ü.jsonl", "e1")),
        LinesIn(ObjectAddress("in", "b")),
    ]


def test_news_of_s3_by_eventbridge_name_an_object_plainly():
    detail = {"bucket": {"name": "in"}, "object": {"key": "a+b.jsonl", "etag": "e2", "size": 3}}
    event = {**EVENT, "source": "aws.s3", "detail-type": "Object Created", "detail": detail}
    assert read(event) == [LinesIn(ObjectAddress("in", "a+b.jsonl", "e2"))]
    assert read({**event, "detail-type": "Object Deleted"}) == []


def test_the_message_with_which_s3_tries_its_way_asks_for_nothing():
    assert read({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "in"}) == []


def test_a_body_may_lie_elsewhere():
    found = read({"custom_id": "big", "body_ref": "s3://in/bodies/big one.json"})
    assert found == [QueuedRequest("big", "big", ObjectAddress("in", "bodies/big one.json"))]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"", "valid JSON"),
        (b"not json", "valid JSON"),
        (b"\xff\xfe", "valid JSON"),
        (b"[]", "object"),
        (b'"line"', "object"),
        (b"{}", "no job"),
        (b'{"order": 17}', "no job"),
        (b'{"specversion": "0.3", "data": {}}', "1.0"),
        (b'{"specversion": "1.0"}', "no object"),
        (b'{"specversion": "1.0", "data": 3}', "no object"),
        (b'{"specversion": "1.0", "data": "{"}', "valid JSON"),
        (b'{"specversion": "1.0", "data": {"order": 17}}', "no job"),
        (b'{"specversion": "1.0", "data_base64": "\xc3\xa9"}', "base64"),
        (b'{"source": "shop", "detail-type": "x", "detail": {"order": 17}}', "no job"),
        (b'{"source": "aws.s3", "detail-type": "Object Created", "detail": {}}', "name an object"),
        (b'{"Records": [{"eventSource": "aws:s3"}]}', "what happened"),
        (b'{"Records": []}', "no job"),
    ],
)
def test_what_is_no_job_is_said_in_a_sentence(message: bytes, reason: str):
    with pytest.raises(Unreadable, match=reason) as caught:
        read_message(message, name="message-1")
    told = str(caught.value)
    assert told.endswith(".")
    assert len(told) < 300


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"method": "GET"}, "method"),
        ({"method": None}, "method"),
        ({"url": "/v1/chat/completions"}, "url"),
        ({"url": 3}, "url"),
        ({"custom_id": 3}, "custom_id"),
        ({"custom_id": ""}, "custom_id"),
        ({"custom_id": "x" * 513}, "custom_id"),
        ({"body": None}, "body"),
        ({"body": "text"}, "body"),
        ({"body": [BODY]}, "body"),
        ({"body_ref": "s3://in/key"}, "body_ref"),
        ({"body": None, "body_ref": 3}, "body_ref"),
        ({"body": None, "body_ref": "https://example.com/key"}, "body_ref"),
        ({"body": None, "body_ref": "s3://bucket"}, "body_ref"),
        ({"body": None, "body_ref": "s3:///key"}, "body_ref"),
    ],
)
def test_a_bad_line_is_answered_under_what_it_is_known_by(changes: Json, param: str):
    with pytest.raises(BadLine) as caught:
        read({**LINE, **changes})
    assert caught.value.fault.param == param
    assert caught.value.fault.status == 400
    assert caught.value.custom_id == ("message-1" if param == "custom_id" else "one")


def test_nothing_in_a_message_says_whose_job_it_is():
    assert read({**LINE, "tenant": "other", "queue": "theirs"}) == read(LINE)


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("custom_id", "method", "url", "body", "body_ref", "model", "input", "id", "s3"),
                    *("specversion", "source", "detail-type", "detail", "data", "data_base64", "Records"),
                    *("bucket", "name", "object", "key", "eventName", "eventSource", "Service", "Event"),
                ]
            ),
            inner
            | st.sampled_from(["1.0", "aws.s3", "aws:s3", "Object Created", "ObjectCreated:Put", "s3://a/b"]),
            max_size=5,
        )
    ),
    max_leaves=12,
)


def outcome(message: bytes) -> Any:
    """What was found, or how it was refused."""
    try:
        return read_message(message, name="message-1")
    except (BadLine, Unreadable) as refusal:
        return refusal


@given(JSON_VALUES)
def test_whatever_is_dropped_is_a_job_or_is_refused_in_words(message: Any):
    match outcome(json.dumps(message).encode()):
        case BadLine() as refusal:
            assert 0 < len(refusal.custom_id) <= 512
            assert refusal.fault.status == 400
        case Unreadable() as refusal:
            assert str(refusal)
        case found:
            for dropped in found:
                assert isinstance(dropped, LinesIn) or 0 < len(dropped.custom_id) <= 512


@given(st.binary(max_size=40))
def test_whatever_bytes_are_dropped_nothing_else_is_raised(message: bytes):
    assert str(outcome(message))


def test_the_mark_with_which_some_files_begin_is_no_part_of_a_job():
    plain = json.dumps({"custom_id": "one", "body": {"model": "m", "input": "hi"}}).encode()
    assert read_message(BYTE_ORDER_MARK + plain, name="n") == read_message(plain, name="n")
