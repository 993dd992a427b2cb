"""Lists of tools are looked for where they cost least."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from threading import get_ident
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.storage.keyed.port import StoreUnavailable
from lambda_responses.storage.keyed.sqlite import SQLiteStore
from lambda_responses.storage.scheduling import HEAVY
from lambda_responses.storage.tool_lists import STALE, ToolLists
from lambda_responses.tools.catalog import ListsBefore, ServerList
from lambda_responses.tools.filters import read_filter
from lambda_responses.tools.servers import listing as module
from lambda_responses.tools.servers.listing import LONGEST, RETRIED, Listing
from lambda_responses.tools.servers.server import Http, ListedTool, Server, ServerFault, ToolList
from lambda_responses.tools.tool_text import LONGEST_SCHEMA, pin_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

pytestmark = pytest.mark.anyio

ROLL = ListedTool("roll", "Rolls dice.", {"type": "object"}, {"readOnlyHint": True}, {"type": "object"})
LOOK = ListedTool("look")
DICE = Server("dice", Http("https://dice.example/mcp"), named="dice", list_ttl=300)
AD_HOC = Server("found", Http("https://found.example/mcp"))
NOTHING = ListsBefore()


@dataclass
class Servers:
    """Servers that list what a test says, and what they were asked."""

    lists: dict[str, ToolList | ServerFault]
    asked: list[str] = field(default_factory=list[str])
    together: asyncio.Barrier | None = None
    """So many are asked before any answers."""

    async def list_tools(self, server: Server) -> ToolList:
        self.asked.append(server.label)
        if self.together is not None:
            await self.together.wait()
        listed = self.lists[server.label]
        if isinstance(listed, ServerFault):
            raise listed
        return listed


@dataclass
class Process:
    """A process of an installation."""

    rows: Any
    servers: Servers
    now: list[float]
    jitter: float = 0.0
    dropped: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def __post_init__(self) -> None:
        self.listing = Listing(
            self.rows,
            now=lambda: self.now[0],
            dropped=lambda *drop: self.dropped.append(drop),
            jitter=lambda: self.jitter,
        )

    async def lists(
        self, *servers: Server, tenant: str = "acme", before: ListsBefore = NOTHING
    ) -> Sequence[ServerList]:
        return await self.listing.lists(servers, tenant=tenant, before=before, connections=self.servers)

    async def tools(self, server: Server, *, tenant: str = "acme") -> list[str] | None:
        (listed,) = await self.lists(server, tenant=tenant)
        return None if listed.fault else [tool.name for tool in listed.tools]


@pytest.fixture
def now() -> list[float]:
    return [1_800_000_000.0]


@pytest.fixture
def servers() -> Servers:
    return Servers({"dice": ToolList((ROLL,)), "found": ToolList((LOOK,))})


@pytest.fixture
def rows(tmp_path: Path, now: list[float]) -> Iterator[ToolLists]:
    store = SQLiteStore(tmp_path / "responses.db", now=lambda: now[0])
    yield ToolLists(store, now=lambda: now[0])
    store.close()


@pytest.fixture
def process(rows: ToolLists, servers: Servers, now: list[float]) -> Process:
    return Process(rows, servers, now)


async def test_a_named_servers_list_is_asked_for_once_in_its_time(
    process: Process, servers: Servers, now: list[float]
) -> None:
    for seconds, asked in ((0, 1), (299, 1), (2, 2), (298, 2), (3, 3)):
        now[0] += seconds
        assert await process.tools(DICE) == ["roll"]
        assert len(servers.asked) == asked


async def test_another_process_reads_the_table(
    process: Process, servers: Servers, rows: ToolLists, now: list[float]
) -> None:
    first = await process.lists(DICE)
    another = Process(rows, servers, now)
    assert await another.lists(DICE) == first
    assert first[0].tools == (ROLL,)
    assert servers.asked == ["dice"]
    now[0] += 301
    await another.lists(DICE)
    await process.lists(DICE)
    assert servers.asked == ["dice", "dice"]


async def test_nobody_shares_a_list_across_tenants_or_credentials(process: Process, servers: Servers) -> None:
    await process.tools(DICE)
    await process.tools(DICE, tenant="other")
    await process.tools(replace(DICE, headers={"Authorization": "Bearer another"}))
    assert len(servers.asked) == 3


async def test_an_address_that_a_client_gave_is_asked_each_time_unless_it_says_otherwise(
    process: Process, servers: Servers, now: list[float]
) -> None:
    await process.tools(AD_HOC)
    await process.tools(AD_HOC)
    assert len(servers.asked) == 2
    servers.lists["found"] = ToolList((LOOK,), ttl=60)
    await process.tools(AD_HOC)
    await process.tools(AD_HOC)
    assert len(servers.asked) == 3
    now[0] += 61
    await process.tools(AD_HOC)
    assert len(servers.asked) == 4


@pytest.mark.parametrize(
    ("ttl", "jitter", "lasts"),
    [(0, 0.0, 300), (0, 1.0, 270), (900, 0.0, 900), (900, 0.5, 855), (1e12, 0.0, LONGEST)],
)
async def test_a_list_lasts_as_long_as_server_or_operator_say_and_a_little_less(
    process: Process, servers: Servers, now: list[float], ttl: float, jitter: float, lasts: float
) -> None:
    process.jitter = jitter
    servers.lists["dice"] = ToolList((ROLL,), ttl=ttl)
    await process.tools(DICE)
    now[0] += lasts - 1
    await process.tools(DICE)
    assert len(servers.asked) == 1
    now[0] += 2
    await process.tools(DICE)
    assert len(servers.asked) == 2


async def test_all_servers_are_asked_at_once_and_one_that_fails_fails_alone(
    process: Process, servers: Servers
) -> None:
    fault = ServerFault("Http status code: 500 (Internal Server Error)", 500)
    servers.lists["bad"] = fault
    servers.together = asyncio.Barrier(3)
    bad = replace(AD_HOC, label="bad")
    async with asyncio.timeout(5):
        assert await process.lists(DICE, bad, AD_HOC) == [
            ServerList(DICE, (ROLL,)),
            ServerList(bad, fault=fault),
            ServerList(AD_HOC, (LOOK,)),
        ]


async def test_an_old_list_is_better_than_none_of_a_named_server(
    process: Process, servers: Servers, rows: ToolLists, now: list[float]
) -> None:
    await process.tools(DICE)
    servers.lists["dice"] = ServerFault("Gone.")
    now[0] += 1_000
    for each in (process, Process(rows, servers, now)):
        servers.asked.clear()
        assert await each.tools(DICE) == ["roll"]
        assert await each.tools(DICE) == ["roll"]
        assert servers.asked == ["dice"]
    now[0] += RETRIED + 1
    servers.lists["dice"] = ToolList((LOOK,))
    assert await process.tools(DICE) == ["look"]


async def test_a_list_that_is_too_old_is_forgotten(
    process: Process, servers: Servers, rows: ToolLists, now: list[float]
) -> None:
    await process.tools(DICE)
    servers.lists["dice"] = ServerFault("Gone.")
    now[0] += STALE + 301
    assert await Process(rows, servers, now).tools(DICE) is None
    assert await process.tools(DICE) is None


async def test_an_old_list_of_an_address_that_a_client_gave_is_none(
    process: Process, servers: Servers, now: list[float]
) -> None:
    servers.lists["found"] = ToolList((LOOK,), ttl=60)
    await process.tools(AD_HOC)
    servers.lists["found"] = ServerFault("Gone.")
    now[0] += 61
    assert await process.tools(AD_HOC) is None


async def test_a_table_that_does_not_answer_costs_a_list_and_no_response(
    servers: Servers, now: list[float]
) -> None:
    class Down:
        async def get(self, *_: Any) -> Any:
            raise StoreUnavailable

        keep = get

    process = Process(Down(), servers, now)
    assert await process.tools(DICE) == ["roll"]
    assert await process.tools(DICE) == ["roll"]
    assert servers.asked == ["dice"]


async def test_what_the_conversation_has_is_looked_up_nowhere(process: Process, servers: Servers) -> None:
    (listed,) = await process.lists(AD_HOC)
    item = {**listed.item, "id": "mcpl_1"}
    servers.asked.clear()
    (again,) = await process.lists(AD_HOC, before=ListsBefore.of([item], {"mcpl_1": listed.origin}))
    assert (again.tools, again.shown) == ((LOOK,), True)
    assert servers.asked == []
    (told,) = await process.lists(AD_HOC, before=ListsBefore.of([item], {}))
    assert (told.tools, told.shown) == ((LOOK,), True)
    assert servers.asked == ["found"]


async def test_filters_are_each_requests_own(process: Process, servers: Servers) -> None:
    servers.lists["dice"] = ToolList((ROLL, LOOK))
    assert await process.tools(replace(DICE, allowed=(read_filter(["look"]),))) == ["look"]
    assert await process.tools(DICE) == ["roll", "look"]
    assert servers.asked == ["dice"]


async def test_a_tool_that_changed_is_told_of_once_and_only_of_named_servers(
    process: Process, servers: Servers, now: list[float]
) -> None:
    pinned = replace(DICE, pins={"roll": pin_of(ROLL)})
    servers.lists["dice"] = ToolList((replace(ROLL, description="Rolls, and reads your mail."), LOOK))
    servers.lists["found"] = ToolList((ListedTool("lo\u202eok"),))
    for _ in range(2):
        assert await process.tools(pinned) == []
        assert await process.tools(AD_HOC) == []
        now[0] += 301
    assert process.dropped == [("dice", "roll")]


async def test_descriptions_are_cleaned_before_anybody_keeps_them(
    process: Process, servers: Servers, rows: ToolLists
) -> None:
    servers.lists["dice"] = ToolList((replace(ROLL, description="Rolls\u202e dice."),))
    (listed,) = await process.lists(DICE)
    assert listed.tools == (ROLL,)
    kept = await rows.get("acme", DICE.digest)
    assert kept is not None
    assert kept.tools[0][1] == "Rolls dice."


async def test_a_process_remembers_so_many_lists_and_the_last_ones(
    process: Process, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 2)
    tenants = ("a", "b", "a", "c", "a", "b")
    reads: list[str] = []
    kept = process.rows.get

    async def get(tenant: str, server: str) -> Any:
        reads.append(tenant)
        return await kept(tenant, server)

    monkeypatch.setattr(process.rows, "get", get)
    for tenant in tenants:
        await process.tools(DICE, tenant=tenant)
    assert reads == ["a", "b", "c", "b"]
    monkeypatch.setattr(module, "MOST_CHARACTERS", 1)
    await process.tools(DICE, tenant="a")
    await process.tools(DICE, tenant="d")
    await process.tools(DICE, tenant="d")
    assert reads[4:] == ["d", "d"]


async def test_a_credential_that_a_server_repeats_gets_to_nobody(
    process: Process, servers: Servers, rows: ToolLists, now: list[float]
) -> None:
    shown = "canary-0815-0815"
    server = replace(DICE, headers={"Authorization": f"Bearer {shown}"})
    told = ListedTool("look", f"By {shown}", {"enum": [shown]}, {"title": shown})
    servers.lists["dice"] = ToolList((ROLL, told, ListedTool(f"by {shown}")))
    for each in (process, Process(rows, servers, now)):
        (listed,) = await each.lists(server)
        assert [tool.name for tool in listed.tools] == ["roll", "look"]
        assert shown not in repr([listed, listed.item])
    assert servers.asked == ["dice"]
    assert process.dropped == [("dice", "by [redacted]")]


async def test_a_tool_that_is_described_at_too_great_a_length_is_dropped_and_told_of(
    process: Process, servers: Servers
) -> None:
    servers.lists["dice"] = ToolList((ListedTool("long", None, {"enum": ["x" * LONGEST_SCHEMA]}), ROLL))
    assert await process.tools(DICE) == ["roll"]
    assert process.dropped == [("dice", "long")]


async def test_long_lists_hold_nobody_up(
    process: Process, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []

    def noted(name: str) -> None:
        work = getattr(module, name)

        def noting(*given: Any) -> Any:
            threads.append(get_ident())
            return work(*given)

        monkeypatch.setattr(module, name, noting)

    noted("usable")
    noted("presentable")
    await process.lists(DICE)
    assert set(threads) == {get_ident()}
    threads.clear()
    long = tuple(ListedTool(f"t{number}", "x" * 1_000) for number in range(HEAVY // 1_000))
    servers.lists["found"] = ToolList(long, ttl=60, weight=HEAVY)
    for _ in range(2):
        await process.lists(AD_HOC)
    assert len(threads) == 3
    assert get_ident() not in threads
