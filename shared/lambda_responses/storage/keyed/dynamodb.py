"""The keyed port on one DynamoDB table.

boto3's clients are synchronous, so calls run on a bounded pool of threads. What makes them is imported when a
store is made, because that costs more than all the rest. Faults are told apart by their codes, never by their
texts.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from lambda_responses.storage.keyed.attributes import from_attributes, to_attributes
from lambda_responses.storage.keyed.expressions import Expression
from lambda_responses.storage.keyed.port import (
    WORK_INDEX_VALUES,
    Check,
    ConditionFailed,
    Delete,
    ItemTooLarge,
    Key,
    Put,
    Row,
    StoreUnavailable,
    Update,
    WriteConflict,
    checked_transaction,
)
from lambda_responses.storage.keyed.sizes import MAX_ITEM, checked_size, item_size

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from lambda_responses.storage.keyed.conditions import Condition
    from lambda_responses.storage.keyed.port import Range, Values, Write

    Attributes = Mapping[str, Any]
    OnConsumed = Callable[[str, float], None]
    """Told after each request: the operation, and the capacity units that it used."""

WORK_INDEX = "work"
TTL_ATTRIBUTE = "ttl"
CONNECTIONS = 32


def connect(
    *, endpoint_url: str | None = None, region: str | None = None, connections: int = CONNECTIONS
) -> DynamoDBClient:
    """A client with short time limits, bounded retries and as many connections as threads will ask for.

    Raises `StoreUnavailable` where it cannot be known whom to call, as without a region.
    """
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    from lambda_responses.storage.keyed.clients import client_of

    config = Config(
        retries={"mode": "standard", "total_max_attempts": 4},
        connect_timeout=2,
        read_timeout=10,
        tcp_keepalive=True,
        max_pool_connections=connections,
        # Rows are checked before they leave; checking every parameter again takes longer than sending them.
        parameter_validation=False,
    )
    try:
        return client_of("dynamodb", config=config, endpoint_url=endpoint_url, region=region)
    except BotoCoreError as fault:
        raise StoreUnavailable(type(fault).__name__) from fault


def table_definition(name: str) -> dict[str, Any]:
    """The table as `CreateTable` takes it; its TTL attribute is set by a call of its own."""
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
            {"AttributeName": "wk", "AttributeType": "S"},
            {"AttributeName": "wt", "AttributeType": "N"},
        ],
        "KeySchema": [
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": WORK_INDEX,
                "KeySchema": [
                    {"AttributeName": "wk", "KeyType": "HASH"},
                    {"AttributeName": "wt", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(WORK_INDEX_VALUES)},
            }
        ],
    }


def create_table(client: DynamoDBClient, name: str) -> None:
    """Create the table and wait until it can be used."""
    client.create_table(**table_definition(name))
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    client.update_time_to_live(
        TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": TTL_ATTRIBUTE}
    )


class DynamoDBStore:
    """A `KeyedStore` in a table of the shape of `table_definition`."""

    def __init__(
        self,
        table: str,
        *,
        client: DynamoDBClient | None = None,
        now: Callable[[], float] = time.time,
        connections: int = CONNECTIONS,
        on_consumed: OnConsumed | None = None,
    ) -> None:
        self._table = table
        self._client = client or connect(connections=connections)
        self._now = now
        self._on_consumed = on_consumed
        self._threads = ThreadPoolExecutor(max_workers=connections, thread_name_prefix="dynamodb")

    async def get(self, key: Key, *, consistent: bool = True) -> Row | None:
        """See `KeyedStore`."""
        answer = await self._call("get_item", Key=_key(key), ConsistentRead=consistent)
        return self._live(answer.get("Item"))

    async def query(
        self, within: Range, *, descending: bool = False, limit: int | None = None, consistent: bool = True
    ) -> Sequence[Row]:
        """See `KeyedStore`."""
        if within.low > within.high:
            return []
        expression = Expression()
        condition = expression.key_within(within)
        return await self._pages(
            limit,
            KeyConditionExpression=condition,
            ScanIndexForward=not descending,
            ConsistentRead=consistent,
            **expression.placeholders(),
        )

    async def put(self, key: Key, values: Values, when: Condition = ()) -> None:
        """See `KeyedStore`."""
        await self._write("put_item", Put(key, values, when))

    async def update(
        self,
        key: Key,
        *,
        set: Values | None = None,
        remove: Sequence[str] = (),
        add: Mapping[str, int] | None = None,
        when: Condition = (),
    ) -> Row:
        """See `KeyedStore`."""
        write = Update(key, set or {}, remove, add or {}, when)
        answer = await self._write("update_item", write, ReturnValues="ALL_NEW")
        return _row(answer["Attributes"])

    async def delete(self, key: Key, when: Condition = ()) -> Row | None:
        """See `KeyedStore`."""
        answer = await self._write("delete_item", Delete(key, when), ReturnValues="ALL_OLD")
        return self._live(answer.get("Attributes"))

    async def transact(self, writes: Sequence[Write]) -> None:
        """See `KeyedStore`."""
        now = self._now()
        items = [
            {_TRANSACTED[type(write)]: {"TableName": self._table, **_parameters(write, now)}}
            for write in checked_transaction(writes)
        ]
        await self._call("transact_write_items", writes=writes, TransactItems=items)

    async def due(self, wk: str, before: float, *, limit: int = 100) -> Sequence[Row]:
        """See `KeyedStore`."""
        expression = Expression()
        until = f"{expression.name('wk')} = {expression.value(wk)}"
        until += f" AND {expression.name('wt')} <= {expression.value(before)}"
        return await self._pages(
            limit, IndexName=WORK_INDEX, KeyConditionExpression=until, **expression.placeholders()
        )

    def close(self) -> None:
        """Finish what was begun and close the connections."""
        self._threads.shutdown(wait=True)
        self._client.close()

    async def _pages(self, limit: int | None, **parameters: Any) -> list[Row]:
        """Live rows of a query, page after page: a page's limit counts expired rows too."""
        rows: list[Row] = []
        while True:
            if limit is not None:
                parameters["Limit"] = max(1, limit - len(rows))
            page = await self._call("query", **parameters)
            rows += filter(None, map(self._live, page["Items"]))
            if "LastEvaluatedKey" not in page or (limit is not None and len(rows) >= limit):
                return rows[:limit]
            parameters["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    async def _write(self, operation: str, write: Write, **more: Any) -> Any:
        return await self._call(operation, writes=[write], **_parameters(write, self._now()), **more)

    async def _call(self, operation: str, *, writes: Sequence[Write] = (), **parameters: Any) -> Any:
        """One request, on a thread. Its faults become facts; `writes` are looked at to tell which."""
        if operation != "transact_write_items":
            parameters["TableName"] = self._table
        if self._on_consumed is not None:
            parameters["ReturnConsumedCapacity"] = "TOTAL"
        request = partial(getattr(self._client, operation), **parameters)
        loop = asyncio.get_running_loop()
        with _faults(self._live):
            try:
                answer = await loop.run_in_executor(self._threads, request)
            except Exception as fault:
                if _code(fault) in _MAYBE_TOO_LARGE and await self._outgrown(writes):
                    raise ItemTooLarge(f"over {MAX_ITEM} bytes") from fault
                raise
        if self._on_consumed is not None:
            self._on_consumed(operation, _consumed(answer))
        return answer

    async def _outgrown(self, writes: Sequence[Write]) -> bool:
        """Whether an update would grow its row over the limit: the one fact that has no code of its own."""
        for write in writes:
            if isinstance(write, Update):
                row = await self.get(write.key)
                if row is not None and item_size(write.key, write.applied_to(row.values)) > MAX_ITEM:
                    return True
        return False

    def _live(self, item: Attributes | None) -> Row | None:
        if not item:
            return None
        row = _row(item)
        return row if row.values.get(TTL_ATTRIBUTE, self._now() + 1) > self._now() else None


_TRANSACTED = {Put: "Put", Update: "Update", Delete: "Delete", Check: "ConditionCheck"}
_CONFLICT = "TransactionConflictException"
_MAYBE_TOO_LARGE = ("ValidationException", "TransactionCanceledException")


def _key(key: Key) -> dict[str, Any]:
    return {"pk": {"S": key.pk}, "sk": {"S": key.sk}}


def _row(item: Attributes) -> Row:
    values = from_attributes(item)
    return Row(Key(values.pop("pk"), values.pop("sk")), values)


def _parameters(write: Write, now: float) -> dict[str, Any]:
    """A write in DynamoDB's words, whether alone or in a transaction."""
    expression = Expression()
    parameters: dict[str, Any] = {}
    match write:
        case Put(key, values, when):
            checked_size(key, values)
            parameters["Item"] = _key(key) | to_attributes(values)
            condition = expression.on_any_row(when, now)
        case Update(key, when=when):
            checked_size(key, write.set)
            parameters["Key"] = _key(key)
            parameters["UpdateExpression"] = expression.update(write)
            condition = expression.on_live_row(when, now)
        case Delete(key, when) | Check(key, when):
            parameters["Key"] = _key(key)
            condition = expression.on_any_row(when, now)
    if condition:
        parameters["ConditionExpression"] = condition
        parameters["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    return parameters | expression.placeholders()


def _consumed(answer: Mapping[str, Any]) -> float:
    """Capacity units of one answer, which tells of one table or of a list of them."""
    match answer.get("ConsumedCapacity"):
        case {"CapacityUnits": units}:
            return float(units)
        case [*tables]:
            return sum(float(table["CapacityUnits"]) for table in tables)
        case _:
            return 0.0


def _code(fault: Exception) -> str:
    response = cast("dict[str, Any]", getattr(fault, "response", {}))
    return response.get("Error", {}).get("Code", "")


@contextmanager
def _faults(live: Callable[[Any], Row | None]) -> Generator[None]:
    """Facts for boto3's exceptions, by their codes alone."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except BotoCoreError as fault:
        raise StoreUnavailable(type(fault).__name__) from fault
    except ClientError as fault:
        code, response = _code(fault), cast("dict[str, Any]", fault.response)
        if code == "ConditionalCheckFailedException":
            raise ConditionFailed(live(response.get("Item"))) from fault
        reasons = response.get("CancellationReasons", ())
        for index, reason in enumerate(reasons):
            if reason.get("Code") == "ConditionalCheckFailed":
                raise ConditionFailed(live(reason.get("Item")), index=index) from fault
        if code == _CONFLICT or any(reason.get("Code") == "TransactionConflict" for reason in reasons):
            raise WriteConflict(code) from fault
        raise StoreUnavailable(code) from fault
