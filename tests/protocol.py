"""A background response on a stage, with all that may be done to it and all that may never come of it."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lambda_responses.lifecycle.background.enqueue import enqueue_response
from lambda_responses.lifecycle.background.log_reader import LogReader
from lambda_responses.lifecycle.background.sweep import bury, sweep
from lambda_responses.lifecycle.background.work import work
from lambda_responses.lifecycle.cancel import cancel_response
from lambda_responses.lifecycle.ports import Unbounded
from lambda_responses.lifecycle.retrieve import get_response
from lambda_responses.storage.keyed.port import Range
from lambda_responses.storage.keyed.sqlite import SQLiteStore
from lambda_responses.tools.approvals import NEVER
from lambda_responses.tools.runner import INTERRUPTED
from lambda_responses.tools.servers.registry import NamedServer, ServerRegistry
from lambda_responses.tools.servers.server import Http, ListedTool, ToolList
from lambda_responses.wire.tool_outcomes import Outcome
from tests.contracts.stores.kit import Clock
from tests.fakes.events import obey
from tests.played import ME
from tests.staged import Line, Process, Stage, VirtualLoop, at_once

if TYPE_CHECKING:
    from lambda_responses.lifecycle.background.verdict import Verdict
    from lambda_responses.tools.servers.server import Server
    from tests.played import PlayedServices

Json = dict[str, Any]

SCRIPT = (Line("one two"), Line(tool="charge"), Line("three four"), Line(tool="look"), Line("five six"))
DESK: Json = {"type": "mcp", "server_url": "mcp://desk"}
WORDS = [line.words for line in SCRIPT if line.words]
ENDED = ("completed", "incomplete", "failed", "cancelled")
ROUNDS = 12
"""Of others, after which a response has ended whatever was done to it."""


class Wrong(AssertionError):
    """The protocol let something happen that it is there to prevent."""


def demand(holds: object, what: str) -> None:
    """Raises `Wrong` unless that holds."""
    if not holds:
        raise Wrong(what)


class Tools:
    """A server, `desk`, as one process reaches it: `charge` is to run once, `look` as often as one likes."""

    def __init__(self, runs: Counter[str], process: Process | None = None) -> None:
        self._runs = runs
        self._moment = at_once if process is None else process.moment

    def known_to(self, services: PlayedServices) -> None:
        """Have requests that name it find it."""
        where = Http("https://desk.example.com/mcp")
        server = NamedServer("desk", where, approval=NEVER, trusts_hints=True)
        services.mcp_servers = ServerRegistry({"desk": server})
        services.connecting = lambda secrets: self

    async def list_tools(self, server: Server) -> ToolList:
        return ToolList((ListedTool("charge"), ListedTool("look", annotations={"readOnlyHint": True})))

    async def call(self, server: Server, tool: ListedTool | str, arguments: Json) -> Outcome:
        name = tool if isinstance(tool, str) else tool.name
        await self._moment(f"run {name}")
        self._runs[name] += 1
        await self._moment(f"hear of {name}")
        return Outcome(f"{name} done")

    async def aclose(self) -> None:
        """Nothing was opened."""


class Protocol:
    """One response, from its request on."""

    def __init__(self, *, streamed: bool) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.clock = Clock()
        self.loop = VirtualLoop(self.clock)
        self.store = SQLiteStore(self.folder / "responses.db", now=self.clock)
        self.stage = Stage(self.folder, self.store, self.clock, SCRIPT)
        self.streamed = streamed
        self.tool_runs: Counter[str] = Counter()
        self.workers: list[Process] = []
        self.others: list[Process] = []
        self.heard: list[list[Json]] = []
        """By reader, what it was told."""
        self.crashes = 0
        self.was_cancelled = False
        self._told: dict[int, str] = {}
        self._end: str | None = None
        Tools(self.tool_runs).known_to(self.stage.director)
        body = {"model": "m", "input": "count", "background": True, "stream": streamed, "tools": [DESK]}
        made = self.run(enqueue_response(body, principal=ME, using=self.stage.director))
        self.id: str = made["id"]

    def run(self, work: Any) -> Any:
        """Do that at once."""
        return self.loop.run_until_complete(work)

    def close(self) -> None:
        self.run(self.stage.close())
        self.loop.close()
        self.store.close()
        shutil.rmtree(self.folder)

    @property
    def fences(self) -> int:
        """How often it was taken, cancelled or failed."""
        return self.run(self.stage.director.jobs.find(ME.tenant, self.id)).fence

    # What may be done

    def deliver(self, place: int = 0, *, again: bool = False) -> Process | None:
        """Hand a message out to a new worker; it may be handed out `again` after that."""
        messages = self.stage.queue.lying
        if not messages:
            return None
        message = messages[place % len(messages)]
        if not again:
            messages.remove(message)
        return self._worker(message)

    def _worker(self, message: Json) -> Process:
        async def worked(using: PlayedServices) -> Verdict:
            verdict = await work(message, using=using, owner="w", deadline=Unbounded())
            if verdict.again is not None:
                self.stage.queue.lying.append(message)
            return verdict

        # It is known before it begins: what it does first may ask for it.
        process = Process(self.stage, f"worker {len(self.workers)}")
        Tools(self.tool_runs, process).known_to(process.services)
        self.stage.processes.append(process)
        self.workers.append(process)
        self.run(self._begin(process, worked(process.services)))
        return process

    async def _begin(self, process: Process, work: Any) -> None:
        process.begin(work)
        await self.loop.rest()

    def lose(self, place: int = 0) -> None:
        """Lose a message."""
        messages = self.stage.queue.lying
        if messages:
            messages.pop(place % len(messages))

    def take_over(self) -> None:
        """Have the lease of somebody who stands still run out, and others sent to take over."""
        self.wait(4.5)
        self.play(self.sweeper())

    def crash(self, process: Process) -> None:
        """Have a worker die where it stands; it is never let on again."""
        if process in self.workers and not process.over:
            self.workers.remove(process)
            self.crashes += 1

    def sweeper(self) -> Process:
        return self._other("sweeper", lambda using: sweep(using, using.queue))

    def undertaker(self) -> Process:
        """Who looks after a message that was handed out too often."""
        message = {"v": 1, "tenant": ME.tenant, "response_id": self.id}
        return self._other("undertaker", lambda using: bury(message, using=using))

    def canceller(self) -> Process:
        self.was_cancelled = True
        return self._other("canceller", self._cancelled)

    def _other(self, name: str, work: Any) -> Process:
        async def enter() -> Process:
            process = self.stage.enter(name, work)
            await self.loop.rest()
            return process

        process = self.run(enter())
        self.others.append(process)
        return process

    async def _cancelled(self, using: PlayedServices) -> Json:
        told = await cancel_response(self.id, principal=ME, using=using)
        self._ended_as(told)
        return told

    def reader(self, after: int = -1) -> Process:
        """A client that reads on from there, as long as there is something to be told."""
        heard: list[Json] = []
        self.heard.append(heard)

        async def read(using: PlayedServices) -> None:
            reader = LogReader(ME.tenant, self.id, after=after, using=using)
            while not reader.over:
                events = await reader.read()
                for event in events:
                    self._hear(event)
                heard.extend(events)
                if not events:
                    reader.look_again()
                    await asyncio.sleep(0.1)

        return self._other("reader", read)

    def let_on(self, process: Process, moments: int, choice: int = 0) -> int:
        return self.run(self.stage.let_on(process, moments, choice))

    def until(self, process: Process, what: str) -> None:
        """Let it on until it is about to do that."""
        self.run(self.stage.until(process, lambda: process.is_about_to(what)))

    def wait(self, seconds: float) -> None:
        self.run(self.stage.wait(seconds))

    def play(self, process: Process | None) -> object:
        return None if process is None else self.run(self.stage.play(process))

    # What may never come of it

    def _hear(self, event: Json) -> None:
        number, told = event["sequence_number"], json.dumps(event)
        before = self._told.setdefault(number, told)
        demand(before == told, f"event {number} was told as {before} and as {told}")

    def get(self) -> Json:
        return self.run(get_response(self.id, principal=ME, using=self.stage.director))

    def check(self) -> None:
        """What holds at every moment."""
        response = self.get()
        if response["status"] in ENDED:
            self._ended_as(response)
        demand(self.tool_runs["charge"] <= 1, "a tool that is to run once ran twice")
        announced = self._announced()
        demand(len(announced) <= 1, "an end was announced twice")
        ended = [f"response.{response['status']}"] if response["status"] in ENDED else []
        demand(announced == ended, f"{announced} was announced of what is {response['status']}")

    def _ended_as(self, response: Json) -> None:
        told = json.dumps(response)
        self._end = self._end or told
        demand(self._end == told, f"what had ended as {self._end} is {told}")

    def _announced(self) -> list[str]:
        rows = self.run(self.store.query(Range(f"{ME.tenant}#N#{self.id}", " ", "~")))
        return [row.values["type"] for row in rows]

    def finish(self) -> None:
        """Have others do what is left, and then all who stood still what they had left."""
        for _ in range(ROUNDS):
            if self.get()["status"] in ENDED:
                break
            self.wait(61)
            self.play(self.sweeper())
            while self.stage.queue.lying:
                self.play(self.deliver())
                self.check()
        self.play(self.sweeper())
        self.check()
        response = self.get()
        demand(response["status"] in ENDED, f"it is still {response['status']}")
        for process in [*self.workers, *self.others]:
            if process.waits or not process.over:
                with suppress(AssertionError):
                    self.play(process)
            self.check()
        self._judge(response)
        if self.streamed:
            self._judge_stream(response)

    def _judge(self, response: Json) -> None:
        said = [
            part["text"]
            for item in response["output"]
            if item["type"] == "message" and item["status"] == "completed"
            for part in item["content"]
        ]
        match response["status"]:
            case "completed":
                demand(said == WORDS, f"it said {said}")
                calls = [each for each in response["output"] if each["type"] == "mcp_call"]
                ended = [each for each in calls if each["status"] != "incomplete"]
                demand([each["name"] for each in ended] == ["charge", "look"], f"it called {ended}")
                ran = self.tool_runs["charge"] == 1
                unsure = ended[0]["error"] == INTERRUPTED.error
                demand(ran or unsure, "a call was answered that was never made")
                demand(self.tool_runs["look"] >= 1, "a call was answered that was never made")
            case "failed":
                demand(said == WORDS[: len(said)], f"it said {said}")
                demand(response["error"] is not None, "it failed without a word")
            case status:
                demand(status == "cancelled", f"it ended as {status}")
                demand(self.was_cancelled, "nobody cancelled it")

    def _judge_stream(self, response: Json) -> None:
        self.play(self.reader())
        whole = self.heard[-1]
        demand([each["sequence_number"] for each in whole] == list(range(len(whole))), "numbers are missing")
        try:
            obey(whole, failed_by_others=True)  # it never fails by itself
        except Exception as fault:
            raise Wrong(f"the stream is no stream: {fault!r}") from fault
        demand(whole[-1]["response"] == response, "the stream ends otherwise than the response")
        for heard in self.heard:
            first = heard[0]["sequence_number"] if heard else 0
            demand(heard == whole[first : first + len(heard)], "a reader was told something else")
