"""How news of ended responses leaves: events on a bus, answers on a queue and in a bucket of AWS."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.queue.event_bus import SOURCE, EventBridgeBus, connect_eventbridge
from lambda_responses.queue.port import QueueUnavailable
from lambda_responses.queue.results import LONGEST_MESSAGE, Results
from lambda_responses.queue.sqs import SQSQueue, connect_sqs
from lambda_responses.storage.blobs.s3 import S3Blobs
from lambda_responses.wire.batch_lines import result_line
from lambda_responses.wire.webhooks import event_detail, webhook_event
from tests.contracts.stores.conftest import BUCKET, NoClose

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
ACCOUNT = "000000000000"


class Box:
    """A queue that is emptied by hand."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.name = f"box-{secrets.token_hex(6)}"
        self.url = client.create_queue(QueueName=self.name)["QueueUrl"]
        told = client.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])
        self.arn = told["Attributes"]["QueueArn"]

    def take(self) -> list[Json]:
        """The messages that are there."""
        told = self._client.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        return [json.loads(each["Body"]) for each in told.get("Messages", ())]


@pytest.fixture(scope="module")
def aws(dynamodb: Any) -> Json:
    """Where the emulator is."""
    return {"endpoint_url": dynamodb.meta.endpoint_url, "region": "us-east-1"}


@pytest.fixture
def box(aws: Json) -> Iterator[Box]:
    client = connect_sqs(**aws)
    yield Box(client)
    client.close()


@pytest.fixture
def queue(aws: Json, box: Box) -> Iterator[SQSQueue]:
    made = SQSQueue(box.url, connect=lambda: connect_sqs(**aws))
    yield made
    made.close()


@pytest.fixture
def bucket(s3: Any) -> Iterator[S3Blobs]:
    made = S3Blobs(BUCKET, connect=lambda: NoClose(s3))
    yield made
    made.close()


def line_of(text: str) -> Json:
    response = {"id": f"resp_{secrets.token_hex(24)}", "status": "completed", "output": [text]}
    return result_line({"custom_id": "mine"}, response)


def object_at(s3: Any, address: str) -> Any:
    bucket, _, key = address.removeprefix("s3://").partition("/")
    return json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())


async def test_who_has_a_rule_for_it_hears_of_an_event(aws: Json, box: Box) -> None:
    client = connect_eventbridge(**aws)
    name = f"bus-{secrets.token_hex(6)}"
    client.create_event_bus(Name=name)
    pattern = json.dumps(
        {"source": [SOURCE], "detail-type": ["response.failed"], "detail": {"tenant": ["acme"]}}
    )
    client.put_rule(Name="rule", EventBusName=name, EventPattern=pattern)
    client.put_targets(Rule="rule", EventBusName=name, Targets=[{"Id": "1", "Arn": box.arn}])
    bus = EventBridgeBus(name, connect=lambda: client)
    for tenant, type in (
        ("globex", "response.failed"),
        ("acme", "response.completed"),
        ("acme", "response.failed"),
    ):
        event = webhook_event(type, "resp_1", at=1_800_000_000)
        detail = event_detail(
            event, tenant=tenant, response={"status": "failed", "model": "Grüße"}, line=None
        )
        await bus.publish(type, detail, at=1_800_000_000)
    [told] = box.take()
    assert (told["source"], told["detail-type"]) == (SOURCE, "response.failed")
    assert told["detail"]["data"] == {"id": "resp_1", "status": "failed", "model": "Grüße"}
    assert told["detail"]["created_at"] == 1_800_000_000
    bus.close()


async def test_an_event_that_is_refused_is_known_to_be(aws: Json) -> None:
    class Refusing:
        """EventBridge answers 200 all the same, and says so of each entry."""

        def put_events(self, Entries: Any) -> Json:
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}

        def close(self) -> None:
            """Nothing was opened."""

    bus = EventBridgeBus("any", connect=Refusing)
    with pytest.raises(QueueUnavailable, match=r"^ThrottlingException$"):
        await bus.publish("response.failed", {}, at=1)
    bus.close()


async def test_a_bus_that_cannot_be_reached_is_unavailable(aws: Json) -> None:
    bus = EventBridgeBus(
        "any", connect=lambda: connect_eventbridge(**{**aws, "endpoint_url": "http://127.0.0.1:1"})
    )
    with pytest.raises(QueueUnavailable):
        await bus.publish("response.failed", {}, at=1)
    bus.close()


async def test_an_answer_is_a_message(queue: SQSQueue, box: Box) -> None:
    line = line_of("Grüße \N{GRINNING FACE} \uffff")
    await Results(queue).send(line, tenant="acme")
    assert box.take() == [line]


async def test_of_an_answer_that_no_message_holds_the_body_is_an_object(
    queue: SQSQueue, bucket: S3Blobs, box: Box, s3: Any
) -> None:
    line = line_of("x" * LONGEST_MESSAGE)
    await Results(queue, bucket, bucket=BUCKET).send(line, tenant="acme")
    [told] = box.take()
    assert (told["id"], told["custom_id"], told["error"]) == (line["id"], "mine", None)
    assert told["response"]["status_code"] == 200
    assert "body" not in told["response"]
    assert object_at(s3, told["response"]["body_ref"]) == line["response"]["body"]


async def test_without_a_bucket_such_a_body_is_where_every_response_is(queue: SQSQueue, box: Box) -> None:
    line = line_of("x" * LONGEST_MESSAGE)
    await Results(queue).send(line, tenant="acme")
    [told] = box.take()
    assert told["response"]["body_ref"] == f"/v1/responses/{line['response']['body']['id']}"


async def test_without_a_queue_an_answer_is_an_object(bucket: S3Blobs, s3: Any) -> None:
    line = line_of("Hello")
    for _ in range(2):  # told twice, it is still one
        await Results(None, bucket, bucket=BUCKET).send(line, tenant="acme")
    found = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"results/acme/{line['id']}")["Contents"]
    assert len(found) == 1
    assert object_at(s3, f"s3://{BUCKET}/{found[0]['Key']}") == line
