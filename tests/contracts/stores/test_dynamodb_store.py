"""What the DynamoDB store promises besides: its table, its bills, and names for every fault."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from lambda_responses.storage.keyed.conditions import Absent
from lambda_responses.storage.keyed.dynamodb import DynamoDBStore, table_definition
from lambda_responses.storage.keyed.port import Check, ConditionFailed, Key, Put, Range, Row, StoreUnavailable
from tests.contracts.stores.conftest import TABLE
from tests.contracts.stores.kit import Clock, WatchedStore

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio

TEMPLATE = Path(__file__).parents[3] / "template.yaml"


class Tolerant(yaml.SafeLoader):
    """Reads CloudFormation's tags as what stands behind them."""


Tolerant.add_multi_constructor("!", lambda loader, _suffix, node: getattr(node, "value", None))


def test_the_deployed_table_has_the_shape_that_the_store_expects() -> None:
    resources = yaml.load(TEMPLATE.read_text(), Tolerant)["Resources"].values()
    (table,) = [each["Properties"] for each in resources if each["Type"] == "AWS::DynamoDB::Table"]
    expected = table_definition("any")
    del expected["TableName"]
    assert {name: table[name] for name in expected} == expected
    assert table["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}


async def test_consumed_units_are_told_and_agree_with_our_reckoning(dynamodb: Any, pk: str) -> None:
    told: list[tuple[str, float]] = []
    store: Any = DynamoDBStore(TABLE, client=dynamodb, on_consumed=lambda *each: told.append(each))
    watched = WatchedStore(store)
    for size in (10, 1_000, 1_100, 5_000, 350_000):
        watched.reset()
        told.clear()
        await watched.put(Key(pk, "a"), {"d": b"x" * size})
        assert told == [("put_item", watched.write_units)]
    await watched.query(Range(pk, "a", "b"))
    assert [operation for operation, _ in told] == ["put_item", "query"]


@pytest.fixture
def stubbed() -> Iterator[tuple[DynamoDBStore, Stubber]]:
    """A store whose answers are made up, and that asks once only."""
    import boto3

    config = Config(retries={"total_max_attempts": 1, "mode": "standard"})
    client = boto3.client(
        "dynamodb", region_name="us-east-1", endpoint_url="http://127.0.0.1:1", config=config
    )
    store = DynamoDBStore(TABLE, client=client, now=Clock())
    with Stubber(client) as stubber:
        yield store, stubber
    store.close()


@pytest.mark.parametrize(
    "code",
    [
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "InternalServerError",
        "TransactionConflictException",
        "ResourceNotFoundException",
        "AccessDeniedException",
        "UnrecognizedClientException",
    ],
)
async def test_what_the_service_refuses_is_unavailable(
    stubbed: tuple[DynamoDBStore, Stubber], code: str
) -> None:
    store, stubber = stubbed
    stubber.add_client_error("get_item", code, "arn:aws:dynamodb:eu-west-1:123:table/secret", 400)
    with pytest.raises(StoreUnavailable) as fact:
        await store.get(Key("p", "a"))
    assert str(fact.value) == code


async def test_an_unreachable_service_is_unavailable(stubbed: tuple[DynamoDBStore, Stubber]) -> None:
    store, stubber = stubbed
    stubber.deactivate()
    with pytest.raises(StoreUnavailable) as fact:
        await store.put(Key("p", "a"), {})
    assert str(fact.value) == EndpointConnectionError.__name__


async def test_a_transaction_in_conflict_is_unavailable_and_a_failed_condition_is_told(
    stubbed: tuple[DynamoDBStore, Stubber],
) -> None:
    store, stubber = stubbed
    writes = [Put(Key("p", "a"), {}), Check(Key("p", "b"), [Absent("n")])]
    old = {"pk": {"S": "p"}, "sk": {"S": "b"}, "n": {"N": "1"}}
    none, conflict = {"Code": "None"}, {"Code": "TransactionConflict"}
    for reasons in ([none, conflict], [conflict, {"Code": "ConditionalCheckFailed", "Item": old}]):
        stubber.add_client_error(
            "transact_write_items",
            "TransactionCanceledException",
            modeled_fields={"CancellationReasons": reasons},
        )
    with pytest.raises(StoreUnavailable):
        await store.transact(writes)
    with pytest.raises(ConditionFailed) as fact:
        await store.transact(writes)
    assert (fact.value.index, fact.value.old) == (1, Row(Key("p", "b"), {"n": 1}))
