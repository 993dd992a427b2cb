"""Writes all that a run has said so far, under the fence of whoever runs it, and nothing else."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lambda_responses.storage.background.holds import written_and_freed
from lambda_responses.storage.background.job import IN_PROGRESS, LeaseLost, key_of, mine
from lambda_responses.storage.background.revisions import changes, revised, written
from lambda_responses.storage.chains import GENERATION, placed_row
from lambda_responses.storage.conversations.additions import ADDED, Commitment
from lambda_responses.storage.keyed.port import Check, ConditionFailed, StoreFact, StoreUnavailable, Update
from lambda_responses.storage.records import RUNNING
from lambda_responses.storage.scheduling import at_once
from lambda_responses.storage.table import TenantTable
from lambda_responses.wire.tool_secrets import public_item

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lambda_responses.storage.background.job import Job, Lease
    from lambda_responses.storage.background.revisions import Written
    from lambda_responses.storage.conversations.store import ConversationStore, Hold
    from lambda_responses.storage.keyed.port import Key, KeyedStore, Write
    from lambda_responses.storage.records import Record
    from lambda_responses.storage.responses import ResponseStore, StoredResponse


class Saves:
    """Every method may raise `StoreUnavailable` and `LeaseLost`."""

    def __init__(self, store: KeyedStore, responses: ResponseStore, conversations: ConversationStore) -> None:
        self._store = store
        self._responses = responses
        self._conversations = conversations

    async def lying(self, lease: Lease) -> Written:
        """The rows of the response, which nobody but the lease's holder changes."""
        if not lease.written:
            job = lease.job
            table = TenantTable(job.tenant)
            control = await self._store.get(key_of(job))
            if control is None or control.values.get("fence") != job.fence:
                raise LeaseLost
            place = placed_row(control)
            ranges = (
                table.turn_parts(place.thread, place.depth, place.own),
                table.envelopes(place.thread, job.response_id),
            )
            turn, envelope = await at_once(map(self._store.query, ranges))
            if not turn:
                raise LeaseLost
            lease.written.append(written(control, turn, envelope))
        return lease.written[0]

    async def write(
        self,
        lease: Lease,
        lying: Written,
        stored: StoredResponse,
        *,
        values: Mapping[str, Any],
        remove: Sequence[str] = (),
        also: Sequence[Write] = (),
    ) -> None:
        """Put the response in the place of what is `lying` there, and give its control row these values.

        `also` is written in the same breath, and the end of the lock of its conversation, if it is over.
        Raises `TooLargeToStore`, `ConversationNotFound`, `ConversationLocked`.
        """
        job = lease.job
        public = replace(stored, input=[public_item(item) for item in stored.input])
        record = await self._responses.laid_out(
            lying.reservation(job.fence), public, revision=lying.next, lasting=job.kept
        )
        after, rows = revised(lying, record)
        control = _revised(lease, lying, record, values, remove)
        commitment = self._commitment(control, [*rows, *also], job.fence)
        try:
            await self._write(commitment, lying.hold, public)
        except ConditionFailed:
            lease.written.clear()
            row = await self._store.get(control.key)
            found: Mapping[str, Any] = {} if row is None else row.values
            if (found.get("fence"), found.get("st")) == (job.fence, IN_PROGRESS):
                raise StoreUnavailable("an earlier save came late, and not before this one") from None
            if row is None or found.get(GENERATION, 0) == lying.number:  # else an earlier try may have landed
                await self._drop(job, record.blobs.keys() - lying.named.names)
            raise LeaseLost from None
        except StoreUnavailable:
            lease.written.clear()  # Nobody knows what lies there now.
            raise
        lease.written[:] = [after]
        await self._drop(job, filter(lying.is_own, lying.named.names - after.named.names))

    def _commitment(self, control: Update, others: Sequence[Write], fence: int) -> Commitment:
        """The writes of a revision, and how one's own are known again."""
        done = {"fence": fence, **control.set}
        guard = Check(control.key, control.when)
        return Commitment([control, *others], lambda: self._is_there(control.key, done), [guard])

    async def _write(self, commitment: Commitment, hold: Hold | None, stored: StoredResponse) -> None:
        """Do the writes. A response that is over adds itself to its conversation, and lets that go."""
        status = stored.response["status"]
        if hold is not None and status in ADDED:
            items = [*stored.input, *stored.response["output"]]
            await self._conversations.commit_with(hold, items, stored.origins, record=commitment)
        else:
            lock = None if status in RUNNING else hold
            await written_and_freed(self._store, commitment.writes, lock, commitment.is_done)

    async def _is_there(self, key: Key, values: Mapping[str, Any]) -> bool:
        """Whether a control row has these values, by which a lost write of one's own is known again."""
        row = await self._store.get(key)
        return row is not None and all(row.values.get(name) == value for name, value in values.items())

    async def _drop(self, job: Job, names: Iterable[str]) -> None:
        with suppress(StoreFact):  # They expire.
            await self._responses.drop(job.tenant, job.response_id, list(names))


def _revised(
    lease: Lease, lying: Written, record: Record, values: Mapping[str, Any], remove: Sequence[str]
) -> Update:
    """The control row with what a revision changes of it, where the one before it is what is lying there.

    So no save that comes late, having been given up and done again, undoes a newer one.
    """
    changed, gone = changes(record)
    when = (*mine(lease), lying.unchanged)
    return Update(key_of(lease.job), set={**changed, **values}, remove=[*gone, *remove], when=when)
