"""The tools of one response that this server runs: listed, offered in each step, called, and told of.

A run asks it what to do beside asking models, and applies the deltas that it is given; nothing here tells a
client anything by itself. Of a step of a model, calls of these tools are held back (`tools.gate`) and become
pending calls when it is over, or requests for approval, or nothing where a bound is reached.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from lambda_responses.lifecycle.context import is_superseded
from lambda_responses.lifecycle.server_tools.calling import Calling
from lambda_responses.lifecycle.server_tools.limits import Limits, bounds_of
from lambda_responses.lifecycle.server_tools.listing import not_listed, told_lists
from lambda_responses.lifecycle.server_tools.offered import catalog_from, catalog_of
from lambda_responses.lifecycle.waiting import heard
from lambda_responses.storage.scheduling import off_the_loop
from lambda_responses.stream.deltas import BlockEnded, ItemOpened, Opaque, Stopped
from lambda_responses.stream.output import CALLS
from lambda_responses.tools import telling
from lambda_responses.tools.bounds import Tally
from lambda_responses.tools.calls import PendingCall
from lambda_responses.tools.catalog import Catalog, ListsBefore
from lambda_responses.tools.choice import choice_for_step, last_choice
from lambda_responses.tools.decisions import decide
from lambda_responses.tools.gate import Gate
from lambda_responses.tools.offer import asked_of_targets
from lambda_responses.tools.port import Unjournaled
from lambda_responses.tools.runner import INTERRUPTED, ToolRunner
from lambda_responses.wire.tool_secrets import secrets_in

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Sequence
    from typing import Self

    from lambda_responses.lifecycle.bounds import RunBounds
    from lambda_responses.lifecycle.context import ModelContext
    from lambda_responses.lifecycle.ports import Services
    from lambda_responses.lifecycle.telling import Telling
    from lambda_responses.providers.base import Target
    from lambda_responses.stream.deltas import Delta
    from lambda_responses.stream.emitter import ResponseEmitter
    from lambda_responses.tools.bounds import Bound
    from lambda_responses.tools.catalog import ServerList
    from lambda_responses.tools.offer import Asked
    from lambda_responses.tools.port import ToolJournal
    from lambda_responses.tools.servers.server import Server
    from lambda_responses.wire.json import Json

ENDING = frozenset({*CALLS, telling.ASKED})
"""Types of the items after which it is the client's turn."""


class ServerTools:
    """Those of one run. It is entered once, and left when the run ends, however that ends.

    `pending` are the calls that are to be made next; with the `tally`, all that outlasts the run.
    """

    def __init__(
        self,
        request: Json,
        servers: Sequence[Server],
        *,
        tenant: str,
        using: Services,
        context: ModelContext,
        emitter: ResponseEmitter,
        telling: Telling,
        bounds: RunBounds,
        most_steps: int,
        tally: Json | None = None,
        pending: Sequence[Json] = (),
    ) -> None:
        self._request = request
        self._servers = servers
        self._tenant = tenant
        self._using = using
        self._context = context
        self._emitter = emitter
        self._telling = telling
        self._journal = bounds.journal or Unjournaled()
        self._limits = Limits(
            bounds_of(request, using, max_steps=most_steps),
            Tally.of(tally),
            deadline=bounds.deadline,
            lasts=bounds.endurance is not None,
            now=using.now,
        )
        self._connections = using.server_connections(secrets_in(request))
        self._catalog = Catalog(())
        self._gate = Gate(self._catalog.runs)
        self.pending: Sequence[PendingCall] = [PendingCall.of(kept) for kept in pending]
        self._last_turn_due = False
        for call in self.pending:
            emitter.unique_call_id(call.call_id)  # which no other call is to have
        if tally is None:  # then they are those that somebody has approved of
            self.pending = [self._limits.admit(call) for call in self.pending]
            needed = {call.server_label for call in self.pending}
            self._servers = [
                replace(each, required=each.required or each.label in needed) for each in servers
            ]
        if not servers:
            # Functions of the client's, which it wants to be searched for.
            self._catalog = catalog_of(request, (), self._said)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *fault: object) -> None:
        await self._connections.aclose()

    @property
    def tally(self) -> Json:
        """What was used of the bounds so far, as it is kept."""
        return self._limits.kept

    @property
    def kept_pending(self) -> Sequence[Json]:
        """The pending calls, as they are kept."""
        return [call.as_json() for call in self.pending]

    @property
    def bound(self) -> Bound | None:
        """What ended the calling, if something has."""
        return self._limits.reached

    @property
    def waiting(self) -> bool:
        """Whether there is more to do after a step in which tools were called."""
        return bool(self.pending) or self._last_turn_due

    # Before the first step

    async def list_tools(
        self, *, patience: float | None, stop: asyncio.Future[None] | None
    ) -> AsyncGenerator[Sequence[Delta], None]:
        """What tells of the servers' lists; a first piece of it after `patience` seconds.

        Raises `APIError` for a server that has to tell its tools and does not, once that was told.
        """
        before, first = ListsBefore.of(self._said, {**self._context.origins, **self._emitter.origins}), True
        looked_up = self._looked_up(before)
        batches = heard(looked_up, patience=patience, deadline=self._limits.deadline, stop=stop)
        async with aclosing(looked_up), aclosing(batches):
            async for lists in batches:
                if not lists:
                    self._telling.start()
                yield told_lists(self._servers, before, lists, first=first)
                first = False
                if (fault := not_listed(lists)) is not None:
                    raise fault

    async def _looked_up(self, before: ListsBefore) -> AsyncGenerator[Sequence[ServerList], None]:
        lists = await self._using.listing.lists(
            self._servers,
            tenant=self._tenant,
            before=before,
            connections=self._connections,
            anew={call.server_label for call in self.pending if call.approval_request_id is not None},
        )
        self._catalog = await catalog_from(self._request, lists, self._said)
        yield lists

    # A step of the model

    def next_turn(self) -> Asked:
        """What its targets are asked in the next step. Once a bound is reached, that is the last one."""
        limits, choice = self._limits, self._request.get("tool_choice")
        limits.begin_turn()
        if limits.reached is not None:
            choice = last_choice(choice, limits.reached, self._request.get("tools") or ())
        elif isinstance(choice, dict):
            choice = choice_for_step(choice, limits.tally.steps, self._catalog.functions)
        else:
            choice = choice_for_step(choice, limits.tally.steps, {})
        return asked_of_targets(self._request, self._catalog.tools_for(self._said), choice)

    def gate(self) -> Gate:
        """The gate of a step that is about to be taken, or taken anew."""
        self._gate = Gate(self._catalog.runs)
        return self._gate

    async def settle(self, answering: Target) -> Sequence[Delta]:
        """Decide what becomes of the calls of a step that is over; what tells of those that are asked for."""
        emitter, limits, held = self._emitter, self._limits, self._gate.calls
        self._last_turn_due = False
        counts = held and emitter.whole and emitter.stop in ("tool_calls", "end", "pause")
        told: list[Delta] = []
        if counts and limits.reached is None:
            pending, asked = decide(
                held, self._catalog, limits.tally, limits.bounds, unique=emitter.unique_call_id
            )
            self.pending = pending
            if len(pending) + len(asked) < len(held):
                limits.reached = "max_tool_calls"
            self._last_turn_due = not (pending or asked or self._is_clients_turn)
            for call in asked:
                told += await self._asked(call)
            told.append(Stopped("tool_calls"))
        elif counts and not (self._gate.speaks or self._is_clients_turn):
            told.append(Stopped("max_output_tokens"))  # a last turn that calls all the same answers nothing
        limits.turn_over(emitter.usage_in_step, answering.price)
        return told

    async def _asked(self, call: PendingCall) -> Sequence[Delta]:
        """Somebody is asked for a call."""
        from lambda_responses.lifecycle.approvals import asked

        found = self._catalog.tool(call.server_label, call.name)
        assert found is not None  # only tools that are there ask for approvals
        response = self._emitter.response
        call, id = await asked(call, *found, response=response, tenant=self._tenant, using=self._using)
        return telling.approval_asked(call, id)

    # A step of tools

    async def run_pending(self, stop: asyncio.Future[None] | None) -> AsyncGenerator[Sequence[Delta], None]:
        """Make the pending calls, and tell of them. It is the client's turn then where it was called or
        asked too, and the model's otherwise.
        """
        self._telling.start()
        told = self._made(self.pending)
        async with (
            aclosing(told),
            aclosing(heard(told, patience=None, deadline=self._limits.deadline, stop=stop)) as batches,
        ):
            async for deltas in batches:
                yield deltas
        self.pending = ()
        yield (Stopped("tool_calls" if self._is_clients_turn else "pause"),)

    async def _made(self, calls: Sequence[PendingCall]) -> AsyncGenerator[Sequence[Delta], None]:
        """All of them run at once; each is told of as soon as those before it are over."""
        calling = Calling(
            self._catalog, self._connections, seconds_left=self._limits.seconds_left, using=self._using
        )
        runner = ToolRunner(calling, self._journal_for(calls))
        parallel = self._request.get("parallel_tool_calls") is not False
        made = [call for call in calls if call.server_label]
        async with runner.running(made, parallel=parallel) as outcomes:
            coming = iter(outcomes)
            for call in calls:
                if not call.server_label:
                    yield await self._search(call)
                    continue
                yield telling.call_begun(call)
                outcome = await next(coming)
                if call.unmade is None and outcome != INTERRUPTED:  # for which no server is to blame
                    self._limits.tally.came_of(call.server_label, failed=outcome.failed)
                yield telling.call_ended(call, outcome)

    def _journal_for(self, calls: Sequence[PendingCall]) -> ToolJournal:
        if not any(call.approval_request_id for call in calls):
            return self._journal
        from lambda_responses.lifecycle.approval_journal import ApprovalJournal

        return ApprovalJournal(
            self._journal,
            calls,
            tool=self._catalog.tool,
            response=self._emitter.response,
            tenant=self._tenant,
            seconds_left=self._limits.seconds_left,
            using=self._using,
        )

    async def _search(self, call: PendingCall) -> Sequence[Delta]:
        """Find more tools: two items, the call and what it found."""
        told: list[Delta] = []
        catalog = self._catalog
        found = await off_the_loop(catalog.weight, catalog.search, call.call_id, call.arguments)
        for item in found:
            block = (item["type"], call.call_id)
            told += ItemOpened(block, item), Opaque(block, call.origin), BlockEnded(block, item)
        return told

    @property
    def _said(self) -> Sequence[Json]:
        """What a model that is asked now has before it."""
        return self._context.current(self._emitter.said, self._emitter.origins)

    @property
    def _is_clients_turn(self) -> bool:
        """Whether the response has a call, or a question, that is the client's to answer."""
        emitter = self._emitter
        said = (item for item in emitter.said if not is_superseded(item, emitter.origins))
        return bool(emitter.open_calls) or any(item["type"] in ENDING for item in said)
