"""Messages and the time call functions, with the events that Lambda hands them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from infra.host.event_sources import failed_messages, matches_any
from infra.host.invocation import Fault, Payload
from tests.hosted.hosting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.hosted.hosting import Toys

    Send = Callable[..., Any]

pytestmark = pytest.mark.anyio

REGION = "eu-north-1"
URL = f"https://sqs.{REGION}.amazonaws.com/000000000000/lambda-responses-"


@pytest.fixture
def sqs(toys: Toys) -> Iterator[Any]:
    """What functions and operators reach the queues with."""
    client: Any = boto3.client(
        "sqs",
        endpoint_url=toys.host.sqs_url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, read_timeout=30),
    )
    yield client
    client.close()


@pytest.fixture
def ask(sqs: Any) -> Send:
    """Asks SQS beside the host's own loop."""
    from anyio.to_thread import run_sync

    async def asked(action: str, queue: str = "Work", **arguments: Any) -> Any:
        return await run_sync(lambda: getattr(sqs, action)(QueueUrl=URL + queue, **arguments))

    return asked


def events(toys: Toys, function: str = "ConsumerFunction") -> list[Any]:
    """What a function was called with so far."""
    return [json.loads(line) for line in toys.said(function) if line.startswith("{")]


def bodies(toys: Toys) -> list[str]:
    return [record["body"] for event in events(toys) for record in event["Records"]]


async def test_a_message_reaches_its_function_as_sqs_and_lambda_hand_it_on(toys: Toys, ask: Send):
    attributes = {"kind": {"DataType": "String", "StringValue": "job"}}
    sent = await ask("send_message", MessageBody="done", MessageGroupId="acme", MessageAttributes=attributes)
    assert await eventually(lambda: len(toys.reports("ConsumerFunction")) == 1)
    [record] = events(toys)[0]["Records"]
    assert record["messageId"] == sent["MessageId"]
    assert record["md5OfBody"] == sent["MD5OfMessageBody"]
    assert (record["body"], record["eventSource"]) == ("done", "aws:sqs")
    assert record["eventSourceARN"] == f"arn:aws:sqs:{REGION}:000000000000:lambda-responses-Work"
    assert record["attributes"]["MessageGroupId"] == "acme"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["messageAttributes"] == {"kind": {"dataType": "String", "stringValue": "job"}}
    told = await ask("get_queue_attributes", AttributeNames=["All"])
    counts = [value for name, value in told["Attributes"].items() if name.startswith("Approximate")]
    assert counts == ["0", "0", "0"]


async def test_of_a_batch_what_failed_comes_again_and_is_set_aside_in_the_end(toys: Toys, ask: Send):
    entries = [{"Id": body, "MessageBody": body} for body in ("one", "fail", "two")]
    await ask("send_message_batch", Entries=entries)
    assert await eventually(lambda: bodies(toys).count("fail") == 2)
    found = await ask("receive_message", "dead", WaitTimeSeconds=10)
    assert [message["Body"] for message in found["Messages"]] == ["fail"]
    assert sorted(bodies(toys)) == ["fail", "fail", "one", "two"]
    await ask("delete_message", "dead", ReceiptHandle=found["Messages"][0]["ReceiptHandle"])
    assert "Messages" not in await ask("receive_message", "dead", WaitTimeSeconds=2)


@pytest.mark.parametrize("body", ["raise", "mumble"])
async def test_where_a_function_fails_or_cannot_be_understood_all_comes_again(
    toys: Toys, ask: Send, body: str
):
    await ask("send_message", MessageBody=body)
    assert await eventually(lambda: bodies(toys) == [body, body])
    assert (await ask("receive_message", "dead", WaitTimeSeconds=10))["Messages"][0]["Body"] == body


async def test_a_delayed_message_comes_later(toys: Toys, ask: Send):
    await ask("send_message", MessageBody="later", DelaySeconds=1)
    await ask("send_message", MessageBody="now")
    assert await eventually(lambda: bodies(toys) == ["now", "later"])


async def test_a_message_that_is_hidden_for_longer_comes_later(ask: Send):
    await ask("send_message", "dead", MessageBody="mine")
    [mine] = (await ask("receive_message", "dead", VisibilityTimeout=30))["Messages"]
    assert "Messages" not in await ask("receive_message", "dead")
    await ask("change_message_visibility", "dead", ReceiptHandle=mine["ReceiptHandle"], VisibilityTimeout=0)
    [again] = (await ask("receive_message", "dead"))["Messages"]
    assert again["ReceiptHandle"] != mine["ReceiptHandle"]
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"


async def test_what_sqs_would_refuse_is_refused(ask: Send):
    for refused, action, arguments in [
        ("QueueDoesNotExist", "send_message", {"queue": "Nowhere", "MessageBody": "x"}),
        (
            "ReceiptHandleIsInvalid",
            "change_message_visibility",
            {"ReceiptHandle": "x", "VisibilityTimeout": 1},
        ),
        ("InvalidParameterValue", "send_message", {"MessageBody": "x", "DelaySeconds": 901}),
        ("InvalidParameterValue", "send_message", {"MessageBody": "x" * 1_048_577}),
        ("UnsupportedOperation", "purge_queue", {}),
    ]:
        with pytest.raises(ClientError) as fault:
            await ask(action, **arguments)
        assert refused in str(fault.value)


async def test_functions_find_the_hosts_queues(toys: Toys):
    told = (await toys.api.post("/plain/echo")).json()
    assert told["environment"]["AWS_ENDPOINT_URL_SQS"] == toys.host.sqs_url


async def test_the_time_calls_a_function_again_and_again(toys: Toys):
    assert await eventually(lambda: len(events(toys, "TickingFunction")) >= 2)
    event = events(toys, "TickingFunction")[0]
    assert (event["source"], event["detail-type"]) == ("aws.events", "Scheduled Event")
    assert event["resources"] == [
        f"arn:aws:events:{REGION}:000000000000:rule/lambda-responses-TickingFunction-Often"
    ]


IDS = {"one", "two"}


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        (Payload(b"null"), set[str]()),
        (Payload(b"{}"), set[str]()),
        (Payload(b'{"batchItemFailures": []}'), set[str]()),
        (Payload(b'{"batchItemFailures": [{"itemIdentifier": "two"}]}'), {"two"}),
        (Payload(b'{"batchItemFailures": [{"itemIdentifier": "three"}]}'), IDS),
        (Payload(b'{"batchItemFailures": [{}]}'), IDS),
        (Payload(b'{"batchItemFailures": "two"}'), IDS),
        (Payload(b"not json"), IDS),
        (Fault("Unhandled", "crashed"), IDS),
    ],
    ids=lambda each: ",".join(sorted(each)) if isinstance(each, set) else str(each),
)
def test_what_a_function_answers_says_what_failed(answer: Any, failed: set[str]):
    assert failed_messages(answer, IDS, partial=True) == failed


def test_where_nobody_reports_failures_an_answer_is_a_success():
    assert (
        failed_messages(Payload(b'{"batchItemFailures": [{"itemIdentifier": "two"}]}'), IDS, partial=False)
        == set()
    )
    assert failed_messages(Fault("Unhandled", "crashed"), IDS, partial=False) == IDS


RECORD = {"eventName": "INSERT", "dynamodb": {"NewImage": {"wk": {"S": "N#3"}}}}


@pytest.mark.parametrize(
    ("pattern", "lets_through"),
    [
        ({"eventName": ["INSERT"], "dynamodb": {"NewImage": {"wk": {"S": [{"prefix": "N#"}]}}}}, True),
        ({"eventName": ["MODIFY", "INSERT"]}, True),
        ({"eventName": ["REMOVE"]}, False),
        ({"dynamodb": {"NewImage": {"wk": {"S": [{"prefix": "W#"}]}}}}, False),
        ({"dynamodb": {"OldImage": [{"exists": False}]}}, True),
        ({"dynamodb": {"OldImage": {"wk": {"S": ["N#3"]}}}}, False),
    ],
)
def test_a_pattern_lets_through_what_it_describes(pattern: Any, lets_through: bool):
    assert matches_any(RECORD, [pattern]) is lets_through
