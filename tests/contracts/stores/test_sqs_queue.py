"""The queue on SQS: what lies there is what was sent, and what SQS refuses has a name."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.queue.port import QueueUnavailable
from lambda_responses.queue.sqs import SQSQueue, connect_sqs

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio


@pytest.fixture
def sqs(dynamodb: Any) -> Iterator[Any]:
    client = connect_sqs(endpoint_url=dynamodb.meta.endpoint_url, region="us-east-1")
    yield client
    client.close()


@pytest.fixture
def url(sqs: Any) -> Iterator[str]:
    made = sqs.create_queue(QueueName="background", Attributes={"VisibilityTimeout": "900"})["QueueUrl"]
    yield made
    sqs.delete_queue(QueueUrl=made)


@pytest.fixture
def queue(url: str, dynamodb: Any) -> Iterator[SQSQueue]:
    opened = SQSQueue(url, connect=partial(connect_sqs, endpoint_url=dynamodb.meta.endpoint_url))
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def received(sqs: Any, url: str) -> list[Any]:
    answer = sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=10,
        MessageSystemAttributeNames=["All"],
        MessageAttributeNames=["All"],
    )
    return answer.get("Messages", [])


async def test_a_message_lies_there_as_it_was_sent(sqs: Any, url: str, queue: SQSQueue):
    message = {"v": 1, "text": "ü\x00\ufffe\uffff\U0001f600", "deep": [{"n": 1.5}, None]}
    await queue.send(message, group="acme@example.com", attributes={"reason": "none"})
    (found,) = received(sqs, url)
    assert json.loads(found["Body"]) == message
    assert found["Attributes"]["MessageGroupId"] == "acme@example.com"
    assert found["MessageAttributes"]["reason"]["StringValue"] == "none"
    assert not set(found["Body"]) & {"\ufffe", "\uffff"}


async def test_a_text_goes_as_it_is(sqs: Any, url: str, queue: SQSQueue):
    await queue.send("no JSON {", group="acme")
    (found,) = received(sqs, url)
    assert found["Body"] == "no JSON {"


@pytest.mark.parametrize("delay", [0.2, 30, 86_400])
async def test_a_delayed_message_waits(delay: float, sqs: Any, url: str, queue: SQSQueue):
    await queue.send({"name": "later"}, group="acme", delay=delay)
    assert received(sqs, url) == []


async def test_a_message_that_is_given_up_is_there_at_once(sqs: Any, url: str, queue: SQSQueue):
    await queue.send({"name": "a"}, group="acme")
    (first,) = received(sqs, url)
    assert received(sqs, url) == []
    await queue.extend(first["ReceiptHandle"], 0)
    (again,) = received(sqs, url)
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"


async def test_a_receipt_that_no_longer_counts_does_nothing(sqs: Any, url: str, queue: SQSQueue):
    await queue.send({"name": "a"}, group="acme")
    (found,) = received(sqs, url)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=found["ReceiptHandle"])
    await queue.extend(found["ReceiptHandle"], 60)


async def test_what_sqs_refuses_has_its_name_and_nothing_of_the_message(sqs: Any, queue: SQSQueue, url: str):
    gone = SQSQueue(f"{url}-gone", connect=lambda: sqs)
    with pytest.raises(QueueUnavailable, match=r"^QueueDoesNotExist$|^NonExistentQueue$"):
        await gone.send({"secret": "s3cret"}, group="acme")


async def test_a_queue_that_nobody_serves_is_unavailable(url: str):
    nowhere = SQSQueue(
        url, connect=partial(connect_sqs, endpoint_url="http://127.0.0.1:9", region="us-east-1")
    )
    with pytest.raises(QueueUnavailable):
        await nowhere.send({}, group="acme")
    nowhere.close()
