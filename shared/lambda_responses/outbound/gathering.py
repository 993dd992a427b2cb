"""Several files for one request: each once, some at a time, within bounds for all of them together."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from lambda_responses.outbound.faults import OutboundFault, TooLarge, TooSlow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lambda_responses.outbound.client import Fetched

MOST_FILES = 100
"""Different addresses fetched for one request."""
MOST_BYTES = 50_000_000
"""Of all files of one request, as on the live API."""
MOST_SECONDS = 30.0
"""For all of them; each has a bound of its own."""
AT_ONCE = 8


class Fetch(Protocol):
    """Gets a file from the web; see `Outbound.fetch`."""

    async def __call__(self, url: str, *, largest: int | None = None) -> Fetched:
        """Raises `OutboundFault`."""
        ...


@dataclass(frozen=True, slots=True)
class File:
    """A fetched file, as one `data:` URL for all who mention it."""

    media_type: str
    data_url: str
    name: str


class NotGathered(Exception):
    """A file that must be had, and could not be."""

    def __init__(self, url: str, fault: OutboundFault) -> None:
        super().__init__("a file could not be had")
        self.url = url
        self.fault = fault


async def gathered(
    needed: Sequence[str], wished: Sequence[str], fetch: Fetch
) -> Mapping[str, File | OutboundFault]:
    """By address, the files, or why one of those that were only wished for is none.

    What is needed comes first and has all the room; the first fault in it ends everything.
    Raises `NotGathered`.
    """
    needed = list(dict.fromkeys(needed))
    gathering = _Gathering(fetch)
    await gathering.get(needed, strict=True)
    besides = [url for url in dict.fromkeys(wished) if url not in gathering.files]
    room = max(0, MOST_FILES - len(needed))
    await gathering.get(besides[:room], strict=False)
    gathering.files.update({url: TooLarge() for url in besides[room:]})
    return gathering.files


class _Gathering:
    """What was had so far, and the room and time that are left."""

    def __init__(self, fetch: Fetch) -> None:
        self.files: dict[str, File | OutboundFault] = {}
        self._fetch = fetch
        self._room = MOST_BYTES
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._end = asyncio.get_running_loop().time() + MOST_SECONDS

    async def get(self, urls: Sequence[str], *, strict: bool) -> None:
        """Gets them all. A fault is kept in the file's place; `strict`, it is raised as `NotGathered`."""
        if not urls:
            return
        try:
            async with asyncio.timeout_at(self._end), asyncio.TaskGroup() as group:
                for url in urls:
                    group.create_task(self._get(url, strict))
        except TimeoutError:
            late = [url for url in urls if url not in self.files]
            if strict:
                raise NotGathered(late[0], TooSlow()) from None
            self.files.update({url: TooSlow() for url in late})
        except ExceptionGroup as faults:
            raise faults.exceptions[0] from None

    async def _get(self, url: str, strict: bool) -> None:
        try:
            async with self._gate:
                self.files[url] = await self._file(url)
        except OutboundFault as fault:
            if strict:
                raise NotGathered(url, fault) from None
            self.files[url] = fault

    async def _file(self, url: str) -> File:
        file = await self._fetch(url, largest=self._room)
        if len(file.data) > self._room:
            raise TooLarge
        self._room -= len(file.data)
        content = b64encode(file.data).decode()
        return File(file.media_type, f"data:{file.media_type};base64,{content}", file.name)
