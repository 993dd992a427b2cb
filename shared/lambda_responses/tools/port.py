"""Tools that this server runs between two upstream steps, and a memory for their calls, as promises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.storage.background.tool_journal import Noted, Outcome
    from lambda_responses.wire.json import Json


class ServerTools(Protocol):
    """Some tools."""

    @property
    def offered(self) -> Sequence[Json]:
        """How models are told of them: as function tools of a request."""
        ...

    def runs(self, call: Json) -> bool:
        """Whether that call, a finished output item, is for one of them. All others are the client's."""
        ...

    def may_run_twice(self, call: Json) -> bool:
        """Whether a second run does no harm: it only reads, or changes nothing that the first has not."""
        ...

    async def run(self, call: Json) -> Outcome:
        """Run it. A tool that fails has an outcome too; what is raised ends the response.

        Whoever is called can tell a repetition by the `call_id`.
        """
        ...

    def render_outcome(self, call: Json, outcome: Outcome) -> Json:
        """The output item that tells of it, without an id. It has the call's `call_id`."""
        ...


class ToolJournal(Protocol):
    """Remembers the calls of one response, longer than whoever makes them lives."""

    async def intend(self, call_id: str) -> Noted | None:
        """Note that a call is about to be made; it may be once this returns None.

        Otherwise somebody has noted that before, and this is what came of it.
        """
        ...

    async def intend_again(self, call_id: str) -> None:
        """Note that a call of which nothing came is about to be made a second time."""
        ...

    async def conclude(self, call_id: str, outcome: Outcome) -> None:
        """Note what came of it."""
        ...
