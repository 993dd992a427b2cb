"""What a leased run keeps, under its fence: at the end of each step, and at the end of all."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from lambda_responses.lifecycle.background.cuts import cut_off
from lambda_responses.lifecycle.waiting import Interrupted
from lambda_responses.storage.background.job import LeaseLost
from lambda_responses.storage.conversations.leases import ConversationLocked, ConversationNotFound
from lambda_responses.storage.keyed.port import StoreUnavailable
from lambda_responses.wire.conversations import conversation_locked
from lambda_responses.wire.errors import APIError, ServerError, response_error_code
from lambda_responses.wire.not_found import conversation_not_found

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from lambda_responses.lifecycle.background.event_writer import EventWriter
    from lambda_responses.lifecycle.ports import Services
    from lambda_responses.storage.background.job import Lease
    from lambda_responses.storage.responses import StoredResponse
    from lambda_responses.wire.json import Event, Json


class GivenUp(Interrupted):
    """Whoever was making the response has failed it."""


class Keeping:
    """The `Checkpoints` of a leased run, and the way of its end into the store.

    Where that cannot be kept, the response fails and the run is over: `GivenUp`. Both may raise
    `LeaseLost` and `StoreUnavailable`.
    """

    def __init__(self, lease: Lease, using: Services, writer: EventWriter | None) -> None:
        self._lease = lease
        self._using = using
        self._writer = writer

    async def save(self, stored: StoredResponse, progress: Json) -> None:
        """See `Checkpoints`."""
        await self._kept(stored, lambda: self._using.jobs.save(self._lease, stored, progress))

    async def commit(self, stored: StoredResponse, ending: Sequence[Event]) -> None:
        """Keep the response as it ended, and with it what its client is told last."""
        await self._kept(stored, lambda: self._using.jobs.commit(self._lease, stored, ending=ending))

    async def _kept(self, stored: StoredResponse, write: Callable[[], Awaitable[None]]) -> None:
        try:
            if self._writer is not None:
                await self._writer.flush()
            await write()
        except (Interrupted, LeaseLost, StoreUnavailable):
            raise
        except ConversationLocked:  # it lapsed while nobody was at work
            await give_up(self._lease, conversation_locked(), self._using)
        except ConversationNotFound:
            gone = conversation_not_found(stored.response["conversation"]["id"])
            await give_up(self._lease, gone, self._using)
        except Exception as fault:  # too large, or what nobody foresaw: another run would fare no better
            self._using.report(fault)
            await give_up(self._lease, ServerError("The response could not be stored."), self._using)


async def give_up(lease: Lease, fault: APIError, using: Services) -> NoReturn:
    """End the response as failed, and its run with it: `GivenUp`. Raises `LeaseLost`."""
    await cut_off(await using.jobs.give_up(lease, _error_of(fault)), using)
    raise GivenUp from fault


def _error_of(fault: APIError) -> Json:
    """What a response says in its `error` that failed for this."""
    return {"code": response_error_code(fault), "message": fault.message}
