"""What lets a run outlast whoever runs it: places to be taken up from, and patience between two steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from lambda_responses.storage.responses import StoredResponse
    from lambda_responses.wire.errors import APIError
    from lambda_responses.wire.json import Json


class Checkpoints(Protocol):
    """Keeps what a run has come to whenever one of its steps is over and another follows."""

    async def save(self, stored: StoredResponse, progress: Json) -> None:
        """Keep the response as it stands, and what else a later run needs to go on from there.

        All events up to here have been given to the sink. `progress` is small and opaque, but for `usage`:
        the tokens of all finished steps, in the wire's shape, or None. Raises `Interrupted` where the run is
        another's by now.
        """
        ...


class Endurance(Protocol):
    """Decides what becomes of a run whose time or whose provider's patience is up.

    Each method may raise `Interrupted`: then the run leaves, and what was saved last is what it came to.
    """

    async def before_step(self, taken: int) -> None:
        """Called before each step once `taken` have been by this very run, and have been saved."""
        ...

    async def spared(self, fault: APIError, tries: int) -> bool:
        """Whether a step that nobody has answered with a word should be tried again, and now is the time.

        Called with the fault of each try, the first of which is number 1; waits in place as long as it takes.
        """
        ...

    def out_of_time(self, taken: int) -> str | None:
        """Called when the deadline passes in the middle of a step, `taken` having been by this very run.

        Returns what the client is told of a response that fails for it; None for the usual words.
        """
        ...
