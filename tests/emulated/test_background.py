"""Background responses through the deployed stack: from each way in to each way out, and past failures."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulated.messages import WITHIN, Messages, line
from tests.emulated.test_rights import without_right
from tests.fakes.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openai import OpenAI
    from openai.types.responses import Response

    from infra.emulator.stack import Stack
    from tests.fakes.receiver import Delivery

pytestmark = pytest.mark.slow

MODEL = "scripted/echo"
ENDED = {"completed", "failed", "incomplete", "cancelled"}
EVERY: Any = [f"response.{status}" for status in sorted(ENDED)]
POLL = 0.3


@pytest.fixture(scope="module")
def messages(stack: Stack) -> Messages:
    return Messages(stack)


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def secret(stack: Stack, openai: OpenAI, receiver: Receiver) -> Iterator[str]:
    """Of an endpoint of the receiver's, which lies where functions are told that they may go."""
    functions = stack.client("lambda")
    for door in ("webhook-endpoints", "deliver-notifications"):
        name = f"{stack.name}-{door}"
        variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        variables["RESPONSES_OUTBOUND_ALLOW"] = receiver.address
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    made = openai.webhooks.create(name="Tests", url=f"{receiver.url}/told", event_types=EVERY)
    yield made.signing_secret
    openai.webhooks.delete(made.id)


def ended(openai: OpenAI, response_id: str, *, within: float = WITHIN) -> Response:
    """A response, when it has ended. Raises `AssertionError`."""
    deadline = time.monotonic() + within
    while (found := openai.responses.retrieve(response_id)).status not in ENDED:
        assert time.monotonic() < deadline, found.status
        time.sleep(POLL)
    return found


def test_a_background_response_is_queued_made_and_told_of(openai: OpenAI, receiver: Receiver, secret: str):
    """SQS, the worker, DynamoDB, its stream, and a webhook that the official SDK finds nothing wrong with."""
    queued = openai.responses.create(model=MODEL, input="Good morning", background=True)
    assert (queued.status, queued.output) == ("queued", [])
    made = ended(openai, queued.id)
    assert (made.status, made.output_text) == ("completed", "Good morning")
    delivery = told_of(receiver, queued.id)
    event: Any = openai.webhooks.unwrap(delivery.body.decode(), delivery.headers, secret=secret)
    assert (event.type, event.data.id) == ("response.completed", queued.id)


def told_of(receiver: Receiver, response_id: str) -> Delivery:
    """What the receiver was told of a response."""
    deadline = time.monotonic() + WITHIN
    while True:
        for each in receiver.wait_for("/told"):
            if json.loads(each.body)["data"]["id"] == response_id:
                return each
        assert time.monotonic() < deadline
        time.sleep(POLL)


def test_a_background_response_is_cancelled_for_good(openai: OpenAI, messages: Messages):
    with messages.unread("background"):
        queued = openai.responses.create(model=MODEL, input="Good morning", background=True)
        assert openai.responses.cancel(queued.id).status == "cancelled"
    assert openai.responses.cancel(queued.id).status == "cancelled"
    assert openai.responses.retrieve(queued.id).status == "cancelled"


def test_a_stream_is_read_again_from_any_event(openai: OpenAI):
    """In one piece, as everything is on the emulator."""
    asked: Any = {"model": MODEL, "input": "one two three", "background": True, "stream": True}
    told = [event.to_dict() for event in openai.responses.create(**asked)]
    response_id = told[0]["response"]["id"]
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    assert told[-1]["type"] == "response.completed"
    for after in (0, len(told) // 2):
        again: Any = openai.responses.retrieve(response_id, stream=True, starting_after=after)
        assert [event.to_dict() for event in again] == told[after + 1 :]


def test_requests_come_by_queue_bucket_and_bus_and_their_answers_by_the_result_queue(
    stack: Stack, messages: Messages
):
    messages.drop(line("by queue", "one"))
    lines = "\n".join(json.dumps(line(f"by bucket {number}", f"two {number}")) for number in range(3))
    bucket = stack.outputs["ExchangeBucketName"]
    stack.client("s3").put_object(Bucket=bucket, Key="requests/a file.jsonl", Body=lines.encode())
    event = {
        "EventBusName": stack.outputs["EventBusName"],
        "Source": "tests",
        "DetailType": "response.requested",
        "Detail": json.dumps(line("by bus", "three")),
    }
    stack.client("events").put_events(Entries=[event])
    expected = {"by queue": "one", "by bus": "three"}
    expected |= {f"by bucket {number}": f"two {number}" for number in range(3)}
    for found in messages.results(*expected):
        assert (found["response"]["status_code"], found["error"]) == (200, None)
        body = found["response"]["body"]
        assert body["output"][0]["content"][0]["text"] == expected[found["custom_id"]]


def test_of_a_batch_what_is_bad_is_answered_and_what_is_no_request_is_set_aside(messages: Messages):
    with messages.unread("requests"):
        messages.drop(line("sound", "one"), line("bad", 5), "no request at all", line("sound too", "two"))
    for found in messages.results("sound", "sound too"):
        assert found["error"] is None
    (bad,) = messages.results("bad")
    assert bad["response"]["status_code"] == 400
    assert "Invalid type for 'input'" in bad["error"]["message"]
    (aside,) = messages.come_to("requests-dead-letters")
    assert aside["Body"] == "no request at all"
    assert "not valid JSON" in aside["MessageAttributes"]["reason"]["StringValue"]


def test_of_a_batch_only_what_failed_comes_again(stack: Stack, messages: Messages):
    """An object that may not be read for a while holds up nothing beside it."""
    bucket = stack.outputs["ExchangeBucketName"]
    stack.client("s3").put_object(
        Bucket=bucket,
        Key="requests/bodies/one.json",
        Body=json.dumps(line("", "by reference")["body"]).encode(),
    )
    elsewhere = {**line("elsewhere", ""), "body": None, "body_ref": f"s3://{bucket}/requests/bodies/one.json"}
    with messages.told("requests", VisibilityTimeout="3"):
        with without_right(stack, "RunQueuedRequestFunction", "s3:GetObject"):
            with messages.unread("requests"):
                messages.drop(elsewhere, line("beside it", "one"))
            (beside,) = messages.results("beside it")
            assert beside["error"] is None
        (found,) = messages.results("elsewhere")
    assert found["response"]["body"]["output"][0]["content"][0]["text"] == "by reference"


def test_what_every_worker_dies_of_is_failed_with_a_reason(openai: OpenAI, messages: Messages):
    """The queue redrives the message, and the dead-letter queue's function fails the response."""
    arn = {"deadLetterTargetArn": _arn(messages, "background-dead-letters"), "maxReceiveCount": 1}
    with messages.unread("background"), messages.told("background", RedrivePolicy=arn):
        queued = openai.responses.create(model=MODEL, input="Good morning", background=True)
        assert messages.touch("background") == 1
        messages.touch("background")  # which finds that it was received as often as it may be
        failed = ended(openai, queued.id)
    assert failed.status == "failed"
    assert failed.error is not None
    assert "attempts" in failed.error.message
    messages.wait_for_none("background-dead-letters")


def _arn(messages: Messages, queue: str) -> str:
    account, name = messages.url(queue).split("/")[-2:]
    return f"arn:aws:sqs:us-east-1:{account}:{name}"


def test_a_message_that_was_lost_is_sent_again_by_the_clock(openai: OpenAI, messages: Messages):
    with messages.unread("background"):
        queued = openai.responses.create(model=MODEL, input="Good morning", background=True)
        messages.empty("background")
    made = ended(openai, queued.id, within=200)
    assert (made.status, made.output_text) == ("completed", "Good morning")
