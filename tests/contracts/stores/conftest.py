"""Every store, under one name: a test that takes `keyed` runs on all of them, and `blobs` beside each."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.storage.blobs.files import FileBlobs
from lambda_responses.storage.blobs.s3 import S3Blobs, connect_s3
from lambda_responses.storage.keyed.dynamodb import DynamoDBStore, connect, create_table
from lambda_responses.storage.keyed.sqlite import SQLiteStore
from tests.contracts.stores.emulator import emulator
from tests.contracts.stores.holdings import in_aws, in_files
from tests.contracts.stores.kit import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lambda_responses.storage.blobs.port import Blobs
    from lambda_responses.storage.keyed.port import KeyedStore
    from tests.contracts.stores.holdings import Holdings

TABLE = "responses"
BUCKET = "responses-blobs"


class NoClose:
    """A client that outlives the stores that use it."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def close(self) -> None:
        pass


@pytest.fixture(scope="session")
def dynamodb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client of an emulator that holds the table."""
    with (
        emulator(tmp_path_factory.mktemp("emulator")) as address,
        pytest.MonkeyPatch.context() as environment,
    ):
        environment.setenv("AWS_ACCESS_KEY_ID", "test")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "test")
        environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
        client = connect(endpoint_url=address, region="us-east-1")
        create_table(client, TABLE)
        yield client
        client.close()


@pytest.fixture(scope="session")
def s3(dynamodb: Any) -> Iterator[Any]:
    """A client of the same emulator that holds the bucket."""
    client = connect_s3(endpoint_url=dynamodb.meta.endpoint_url, region="us-east-1")
    client.create_bucket(Bucket=BUCKET)
    yield client
    client.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What dies at every moment takes long on an emulator, and shows the same as on a file."""
    for item in items:
        case = re.search(r"\[(.*)\]", item.name)
        if case and "dynamodb" in case[1].split("-") and item.get_closest_marker("slow_on_dynamodb"):
            item.add_marker("slow")


@pytest.fixture
def table() -> str:
    """The table that all tests share."""
    return TABLE


@pytest.fixture(params=["sqlite", "dynamodb"])
def keyed(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[KeyedStore]:
    """An empty store, or on the shared table one whose partitions nobody else names."""
    if request.param == "sqlite":
        store: KeyedStore = SQLiteStore(tmp_path / "responses.db", now=clock)
    else:
        table, client = map(request.getfixturevalue, ("table", "dynamodb"))
        store = DynamoDBStore(table, client=client, now=clock)
    yield store
    store.close()


@pytest.fixture
def blobs(keyed: KeyedStore, request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Blobs]:
    """The place for large bytes beside that store."""
    if isinstance(keyed, SQLiteStore):
        made: Blobs = FileBlobs(tmp_path / "responses.db.blobs", now=clock)
    else:
        client = request.getfixturevalue("s3")
        made = S3Blobs(BUCKET, connect=lambda: NoClose(client))
    yield made
    made.close()


@pytest.fixture
def holdings(keyed: KeyedStore, request: pytest.FixtureRequest, tmp_path: Path) -> Holdings:
    """What that store and the place beside it hold."""
    if isinstance(keyed, SQLiteStore):
        return in_files(tmp_path / "responses.db", tmp_path / "responses.db.blobs")
    return in_aws(request.getfixturevalue("dynamodb"), TABLE, request.getfixturevalue("s3"), BUCKET)


@pytest.fixture
def pk() -> str:
    """A partition of this test's own."""
    return f"test-{secrets.token_hex(8)}"
