"""Blobs in a folder next to the database file.

    responses.db.blobs/threads/{tenant}/{thread}/{sha256}-{writer}

A file is written under another name, brought to the disk and renamed: whoever finds it finds all of it, after
`kill -9` and after a power cut. The first eight bytes say when it expires, because what the file system knows
of times is lost on many ways of copying a folder. Expired files are removed when the folder is opened, and
now and then in passing.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from lambda_responses.storage.keyed.port import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator

T = TypeVar("T")

THREADS = 4
PURGE_SECONDS = 3_600
"""How often a process that writes looks for expired files."""
UNFINISHED_SECONDS = 3_600
"""After this a file that was never renamed belongs to a process that is gone."""

_EXPIRY = struct.Struct(">q")
_NEVER = 0
_UNFINISHED = ".new"


class FileBlobs:
    """`Blobs` in files, for any number of processes at once. The folder is made with its first file."""

    def __init__(self, folder: str | Path, *, now: Callable[[], float] = time.time) -> None:
        self._folder = Path(folder)
        self._now = now
        self._threads = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="blobs")
        self._purged_at = now()
        if self._folder.exists():
            self._threads.submit(self.purge)

    async def put(self, name: str, data: bytes, *, expires: int | None) -> None:
        """See `Blobs`."""
        await self._run(partial(self._put, self._path(name), data, expires or _NEVER))
        if self._now() - self._purged_at >= PURGE_SECONDS:
            self._purged_at = self._now()
            self._threads.submit(self.purge)

    async def get(self, name: str) -> bytes | None:
        """See `Blobs`."""
        return await self._run(partial(self._get, self._path(name)))

    async def delete(self, names: Collection[str]) -> None:
        """See `Blobs`."""
        if names:
            await self._run(partial(self._delete, [self._path(name) for name in names]))

    async def clear(self, scope: str) -> None:
        """See `Blobs`. A file that is being written is left to its writer, or to `purge`."""
        await self._run(partial(self._clear, self._path(scope)))

    def purge(self) -> None:
        """Remove what has expired and what nobody finished; what is in use waits for the next time."""
        for folder, _, files in os.walk(self._folder):
            for file in files:
                path = Path(folder, file)
                with suppress(OSError):
                    if self._is_over(path):
                        self._remove(path)

    def close(self) -> None:
        """Finish what was begun."""
        self._threads.shutdown(wait=True)

    def _path(self, name: str) -> Path:
        """Each part of a name in characters that every file system takes; none of them can lead elsewhere."""
        parts = [quote(part, safe="") for part in name.split("/")]
        if not all(part.strip(".") for part in parts):
            raise ValueError("a name's parts are neither empty nor dots")
        return self._folder.joinpath(*parts)

    async def _run(self, work: Callable[[], T]) -> T:
        with _faults():
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _put(self, path: Path, data: bytes, expires: int) -> None:
        if self._renewed(path, expires):
            return
        unfinished = path.with_name(f"{path.name}.{secrets.token_hex(4)}{_UNFINISHED}")
        try:
            with _opened_in_new_folder(unfinished) as file:
                os.write(file, _EXPIRY.pack(expires))
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(file, rest) :]
                os.fsync(file)
            unfinished.replace(path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise

    def _renewed(self, path: Path, expires: int) -> bool:
        """Whether the file was there, and stays until then at least."""
        try:
            with path.open("r+b", buffering=0) as file:
                (until,) = _EXPIRY.unpack(file.read(_EXPIRY.size))
                if until != _NEVER and (expires == _NEVER or until < expires):
                    file.seek(0)
                    file.write(_EXPIRY.pack(expires))
        except (FileNotFoundError, struct.error):
            return False
        return path.exists()  # unless somebody removed it meanwhile

    def _get(self, path: Path) -> bytes | None:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        (until,) = _EXPIRY.unpack_from(content)
        return None if self._has_passed(until) else content[_EXPIRY.size :]

    def _delete(self, paths: Collection[Path]) -> None:
        for path in paths:
            with suppress(FileNotFoundError):
                self._remove(path)

    def _clear(self, folder: Path) -> None:
        with suppress(FileNotFoundError):
            self._delete([path for path in folder.iterdir() if path.suffix != _UNFINISHED])

    def _is_over(self, path: Path) -> bool:
        if path.suffix == _UNFINISHED:
            return path.stat().st_mtime < time.time() - UNFINISHED_SECONDS
        with path.open("rb") as file:
            (until,) = _EXPIRY.unpack(file.read(_EXPIRY.size))
        return self._has_passed(until)

    def _has_passed(self, until: int) -> bool:
        return until != _NEVER and until <= self._now()

    def _remove(self, path: Path) -> None:
        """Remove a file, and the folders that it leaves empty."""
        path.unlink()
        for folder in path.parents:
            if folder == self._folder:
                return
            try:
                folder.rmdir()
            except OSError:  # others are in it
                return


@contextmanager
def _opened_in_new_folder(path: Path) -> Generator[int]:
    """A new file to write to, in a folder that may be missing, or be removed at this very moment."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except FileExistsError:  # as a folder is called too that goes while it is looked at
            if path.parent.is_file():
                raise
            continue
        try:
            file = os.open(path, flags, 0o600)
            break
        except FileNotFoundError:
            continue
    try:
        yield file
    finally:
        os.close(file)


@contextmanager
def _faults() -> Generator[None]:
    """Name the folder's troubles (full, unreadable) without its path."""
    try:
        yield
    except (OSError, struct.error) as fault:
        raise StoreUnavailable(type(fault).__name__) from fault
