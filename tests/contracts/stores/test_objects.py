"""Objects that queued requests name, read in pieces from a bucket."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.storage.blobs.objects import ObjectGone, S3Objects
from lambda_responses.storage.keyed.port import StoreUnavailable
from lambda_responses.wire.batch_lines import ObjectAddress
from tests.contracts.stores.conftest import BUCKET, NoClose

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio


@pytest.fixture
def objects(s3: Any) -> Iterator[S3Objects]:
    made = S3Objects(f"{BUCKET}/jobs/", connect=lambda: NoClose(s3))
    yield made
    made.close()


@pytest.fixture
def address() -> ObjectAddress:
    """Of an object that nobody else names, under a key that is awkward in an address."""
    return ObjectAddress(BUCKET, f"jobs/a b+ü-{secrets.token_hex(8)}.jsonl")


def kept(s3: Any, address: ObjectAddress, data: bytes) -> ObjectAddress:
    """That object in its present state."""
    etag = s3.put_object(Bucket=address.bucket, Key=address.key, Body=data)["ETag"]
    return ObjectAddress(address.bucket, address.key, etag.strip('"'))


async def test_an_object_is_read_in_pieces_to_its_end(objects: S3Objects, s3: Any, address: ObjectAddress):
    there = kept(s3, address, b"0123456789")
    assert await objects.read(there, 0, 4) == b"0123"
    assert await objects.read(there, 4, 4) == b"4567"
    assert await objects.read(there, 8, 4) == b"89"
    assert await objects.read(there, 10, 4) == b""


async def test_an_empty_object_has_nothing(objects: S3Objects, s3: Any, address: ObjectAddress):
    assert await objects.read(kept(s3, address, b""), 0, 4) == b""


async def test_an_object_whose_state_nobody_names_is_read_as_it_is(
    objects: S3Objects, s3: Any, address: ObjectAddress
):
    kept(s3, address, b"one")
    kept(s3, address, b"two")
    assert await objects.read(address, 0, 10) == b"two"


async def test_an_object_that_has_changed_since_is_gone(objects: S3Objects, s3: Any, address: ObjectAddress):
    before = kept(s3, address, b"one")
    after = kept(s3, address, b"two")
    with pytest.raises(ObjectGone):
        await objects.read(before, 0, 10)
    assert await objects.read(after, 0, 10) == b"two"


async def test_an_object_that_was_never_there_is_gone(objects: S3Objects, address: ObjectAddress):
    with pytest.raises(ObjectGone):
        await objects.read(address, 0, 10)


async def test_trouble_of_the_bucket_is_told_as_that(s3: Any, address: ObjectAddress):
    elsewhere = S3Objects("no-such-bucket-anywhere", connect=lambda: NoClose(s3))
    with pytest.raises(StoreUnavailable, match="NoSuchBucket"):
        await elsewhere.read(ObjectAddress("no-such-bucket-anywhere", "key"), 0, 10)
    elsewhere.close()


def test_a_place_has_what_is_below_it_and_nothing_else(objects: S3Objects):
    assert objects.has(ObjectAddress(BUCKET, "jobs/one"))
    assert not objects.has(ObjectAddress(BUCKET, "other/one"))
    assert not objects.has(ObjectAddress("other", "jobs/one"))
    assert objects.is_body(ObjectAddress(BUCKET, "jobs/bodies/one"))
    assert not objects.is_body(ObjectAddress(BUCKET, "jobs/one"))
    assert not objects.is_body(ObjectAddress("other", "jobs/bodies/one"))
    everywhere = S3Objects(BUCKET)
    assert everywhere.has(ObjectAddress(BUCKET, "other/one"))
    everywhere.close()
