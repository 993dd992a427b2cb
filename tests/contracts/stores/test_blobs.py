"""What every place for large bytes promises, and what a folder and a bucket promise besides."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.stub import Stubber

from lambda_responses.storage.blobs.files import PURGE_SECONDS, UNFINISHED_SECONDS, FileBlobs
from lambda_responses.storage.blobs.lifting import digest_of
from lambda_responses.storage.blobs.s3 import MAX_DELETED, S3Blobs
from lambda_responses.storage.keyed.port import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lambda_responses.storage.blobs.port import Blobs
    from tests.contracts.stores.kit import Clock

pytestmark = pytest.mark.anyio

LATER = 1_900_000_000


@pytest.fixture
def scope() -> str:
    """A scope of this test's own, of a tenant whose name is awkward."""
    return f"threads/a.b_c@d:e+F-{secrets.token_hex(4)}/{secrets.token_hex(12)}"


@pytest.mark.parametrize("size", [0, 1, 100_000, 6_000_000])
async def test_bytes_come_back_as_they_were(blobs: Blobs, scope: str, size: int) -> None:
    data = secrets.token_bytes(size)
    await blobs.put(f"{scope}/a", data, expires=LATER)
    assert await blobs.get(f"{scope}/a") == data


async def test_what_is_not_there_is_none_and_can_be_deleted(blobs: Blobs, scope: str) -> None:
    assert await blobs.get(f"{scope}/a") is None
    await blobs.delete([f"{scope}/a"])
    await blobs.delete([])


async def test_what_is_written_again_is_there_once(blobs: Blobs, scope: str) -> None:
    for _ in range(3):
        await blobs.put(f"{scope}/a", b"same", expires=LATER)
    await blobs.delete([f"{scope}/a"])
    assert await blobs.get(f"{scope}/a") is None


async def test_only_what_is_named_is_deleted(blobs: Blobs, scope: str) -> None:
    names = [f"{scope}/{index}" for index in range(5)]
    await asyncio.gather(*(blobs.put(name, name.encode(), expires=None) for name in names))
    await blobs.delete(names[:3])
    assert [await blobs.get(name) for name in names] == [None] * 3 + [name.encode() for name in names[3:]]


async def test_many_are_deleted_in_as_few_requests_as_it_takes(blobs: Blobs, scope: str) -> None:
    await blobs.put(f"{scope}/0", b"x", expires=LATER)
    await blobs.delete([f"{scope}/{index}" for index in range(MAX_DELETED, -1, -1)])
    assert await blobs.get(f"{scope}/0") is None


async def test_a_scope_is_cleared_and_its_neighbours_are_not(blobs: Blobs, scope: str) -> None:
    inside = [f"{scope}/{index}" for index in range(5)]
    outside = [f"{scope}0/a", f"{scope[:-1]}/a"]
    await asyncio.gather(*(blobs.put(name, b"x", expires=None) for name in [*inside, *outside]))
    for _ in range(2):
        await blobs.clear(scope)
        assert [await blobs.get(name) for name in inside] == [None] * 5
        assert [await blobs.get(name) for name in outside] == [b"x"] * 2
    await blobs.put(inside[0], b"again", expires=None)
    assert await blobs.get(inside[0]) == b"again"


async def test_the_same_bytes_written_by_many_at_once_are_whole(blobs: Blobs, scope: str) -> None:
    data = secrets.token_bytes(300_000)
    name = f"{scope}/{digest_of(data)}"

    async def write_and_read() -> bytes | None:
        await blobs.put(name, data, expires=LATER)
        return await blobs.get(name)

    assert await asyncio.gather(*(write_and_read() for _ in range(12))) == [data] * 12


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def files(folder: Path, clock: Clock) -> Iterator[FileBlobs]:
    made = FileBlobs(folder, now=clock)
    yield made
    made.close()


def files_in(folder: Path) -> list[str]:
    return sorted(file for _, _, files in os.walk(folder) for file in files)


def folders_in(folder: Path) -> list[str]:
    return sorted(each for _, folders, _ in os.walk(folder) for each in folders)


async def test_a_file_expires_and_can_be_renewed(files: FileBlobs, clock: Clock) -> None:
    soon = int(clock()) + 60
    await files.put("t/a", b"a", expires=soon)
    await files.put("t/b", b"b", expires=soon)
    await files.put("t/never", b"n", expires=None)
    await files.put("t/b", b"b", expires=soon + 60)
    await files.put("t/b", b"b", expires=soon - 30)  # never shorter
    await files.put("t/never", b"n", expires=soon)
    clock.advance(60)
    assert [await files.get(f"t/{name}") for name in ("a", "b", "never")] == [None, b"b", b"n"]
    clock.advance(60)
    assert [await files.get(f"t/{name}") for name in ("a", "b", "never")] == [None, None, b"n"]


async def test_expired_files_are_removed_when_the_folder_is_opened(
    files: FileBlobs, folder: Path, clock: Clock
) -> None:
    await files.put("t/one/a", b"a", expires=int(clock()) + 60)
    await files.put("t/two/b", b"b", expires=int(clock()) + 120)
    clock.advance(60)
    opened = FileBlobs(folder, now=clock)
    opened.close()  # which waits for what was begun
    assert files_in(folder) == ["b"]
    assert not (folder / "t" / "one").exists()


async def test_expired_files_are_removed_in_passing(files: FileBlobs, folder: Path, clock: Clock) -> None:
    await files.put("t/a", b"a", expires=int(clock()) + 60)
    clock.advance(PURGE_SECONDS)
    await files.put("t/b", b"b", expires=LATER)
    files.close()
    assert files_in(folder) == ["b"]


async def test_what_nobody_finished_goes_once_its_writer_must_be_gone(
    files: FileBlobs, folder: Path, clock: Clock
) -> None:
    await files.put("t/a", b"a", expires=LATER)
    old, young = folder / "t" / "x.1234.new", folder / "t" / "y.1234.new"
    for path in (old, young):
        path.write_bytes(b"")
    os.utime(old, (0, old.stat().st_mtime - UNFINISHED_SECONDS - 1))
    files.purge()
    assert files_in(folder) == ["a", "y.1234.new"]


async def test_a_copied_folder_keeps_its_dates(files: FileBlobs, folder: Path, clock: Clock) -> None:
    await files.put("t/a", b"a", expires=int(clock()) + 60)
    os.utime(folder / "t" / "a", (0, 0))
    assert await files.get("t/a") == b"a"


async def test_the_last_file_takes_its_folders_along(files: FileBlobs, folder: Path) -> None:
    await files.put("threads/acme/1/a", b"a", expires=LATER)
    await files.put("threads/acme/2/a", b"a", expires=LATER)
    await files.delete(["threads/acme/1/a"])
    assert folders_in(folder) == ["2", "acme", "threads"]
    await files.delete(["threads/acme/2/a"])
    assert folders_in(folder) == []


async def test_what_is_being_written_as_its_scope_is_cleared_is_whole(files: FileBlobs, folder: Path) -> None:
    await files.put("t/a", b"a", expires=LATER)
    unfinished = folder / "t" / "b.1234.new"
    unfinished.write_bytes(b"")
    await files.clear("t")
    assert files_in(folder) == [unfinished.name]


@pytest.mark.parametrize("scope", ["..", "t/../..", "", "t//", "/"])
async def test_no_scope_leads_out_of_the_folder(files: FileBlobs, folder: Path, scope: str) -> None:
    folder.parent.joinpath("outside").write_bytes(b"")
    with pytest.raises(ValueError, match="name"):
        await files.clear(scope)
    assert files_in(folder.parent) == ["outside"]


@pytest.mark.parametrize("name", ["../a", "t/../../a", "t//a", "/a", "t/.", "", "t/a/"])
async def test_no_name_leads_out_of_the_folder(files: FileBlobs, folder: Path, name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        await files.put(name, b"a", expires=LATER)
    assert files_in(folder.parent) == []


async def test_a_folder_that_goes_while_it_is_made_is_made_again(
    files: FileBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`mkdir` says that it exists, looks whether it is a folder, and by then it is neither."""
    make, goes = Path.mkdir, [True, True]

    def mkdir(path: Path, *arguments: Any, **options: Any) -> None:
        if goes and goes.pop():
            raise FileExistsError
        make(path, *arguments, **options)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    await files.put("t/a", b"a", expires=LATER)
    assert await files.get("t/a") == b"a"
    assert goes == []


async def test_a_folder_that_cannot_be_used_is_unavailable(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "file").write_bytes(b"")
    files = FileBlobs(tmp_path / "file" / "blobs", now=clock)
    with pytest.raises(StoreUnavailable) as fact:
        await files.put("t/a", b"a", expires=LATER)
    assert str(tmp_path) not in str(fact.value)
    files.close()


WRITER = """
import asyncio, sys
from lambda_responses.storage.blobs.files import FileBlobs
from lambda_responses.storage.blobs.lifting import digest_of

async def main():
    files = FileBlobs(sys.argv[1])
    for number in range(10_000):
        data = number.to_bytes(2, "big") * 400_000
        name = f"t/{digest_of(data)}"
        await files.put(name, data, expires=None)
        print(name, flush=True)

asyncio.run(main())
"""


def test_a_file_is_whole_or_not_there_when_its_writer_is_killed(folder: Path) -> None:
    written: list[str] = []
    for rounds in range(1, 4):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        written += [writer.stdout.readline().decode().strip() for _ in range(rounds * 5)]
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
    finished = {f"t/{file}" for file in files_in(folder) if not file.endswith(".new")}
    assert finished.issuperset(written)

    async def read() -> list[bytes | None]:
        files = FileBlobs(folder)
        try:
            return [await files.get(name) for name in finished]
        finally:
            files.close()

    for name, data in zip(finished, asyncio.run(read()), strict=True):
        assert data is not None
        assert name == f"t/{digest_of(data)}"


@pytest.fixture
def stubbed() -> Iterator[tuple[S3Blobs, Stubber]]:
    """A bucket whose answers are made up, and that is asked once only."""
    import boto3

    config = Config(retries={"total_max_attempts": 1, "mode": "standard"})
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    client: Any = boto3.client(
        "s3", region_name="us-east-1", endpoint_url="http://127.0.0.1:1", config=config, **keys
    )
    blobs = S3Blobs("b", connect=lambda: client)
    with Stubber(client) as stubber:
        yield blobs, stubber
    blobs.close()


@pytest.mark.parametrize("code", ["AccessDenied", "SlowDown", "NoSuchBucket", "InternalError"])
async def test_what_the_service_refuses_is_unavailable(stubbed: tuple[S3Blobs, Stubber], code: str) -> None:
    blobs, stubber = stubbed
    for operation, request in (
        ("put_object", blobs.put("a", b"a", expires=None)),
        ("get_object", blobs.get("a")),
        ("delete_objects", blobs.delete(["a"])),
        ("list_objects_v2", blobs.clear("a")),
    ):
        stubber.add_client_error(operation, code, "arn:aws:s3:::secret", 400)
        with pytest.raises(StoreUnavailable) as fact:
            await request
        assert str(fact.value) == code


async def test_what_was_not_deleted_is_told(stubbed: tuple[S3Blobs, Stubber]) -> None:
    blobs, stubber = stubbed
    stubber.add_response("delete_objects", {"Errors": [{"Key": "a", "Code": "AccessDenied"}]})
    with pytest.raises(StoreUnavailable, match="AccessDenied"):
        await blobs.delete(["a"])


async def test_a_scope_of_any_size_is_cleared(stubbed: tuple[S3Blobs, Stubber]) -> None:
    blobs, stubber = stubbed
    for page, (key, token) in enumerate((("a/1", "more"), ("a/2", None))):
        asked = {"Bucket": "b", "Prefix": "a/", **({"ContinuationToken": "more"} if page else {})}
        told = {"Contents": [{"Key": key}], **({"NextContinuationToken": token} if token else {})}
        stubber.add_response("list_objects_v2", told, asked)
        deleted = {"Bucket": "b", "Delete": {"Objects": [{"Key": key}], "Quiet": True}}
        stubber.add_response("delete_objects", {}, deleted)
    await blobs.clear("a")
    stubber.assert_no_pending_responses()


async def test_an_unreachable_bucket_is_unavailable(stubbed: tuple[S3Blobs, Stubber]) -> None:
    blobs, stubber = stubbed
    stubber.deactivate()
    requests = (blobs.put("a", b"a", expires=None), blobs.get("a"), blobs.delete(["a"]), blobs.clear("a"))
    for request in requests:
        with pytest.raises(StoreUnavailable, match="EndpointConnectionError"):
            await request


async def test_a_client_that_cannot_be_made_is_unavailable_and_tried_again() -> None:
    tries = 0

    def connect() -> Any:
        nonlocal tries
        tries += 1
        raise StoreUnavailable("NoRegionError")

    blobs = S3Blobs("b", connect=connect)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await blobs.get("a")
    assert tries == 2
    blobs.close()
