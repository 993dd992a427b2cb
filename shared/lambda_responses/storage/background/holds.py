"""The lock of a conversation in which a background response is made: held unrenewed until that has ended.

It goes from the request to the job in the write by which that is there, under another name: so whatever
becomes of the request afterwards, be it that it never heard of that write, it lets go of nothing any more.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lambda_responses.storage.chains import placed_row
from lambda_responses.storage.conversations.additions import settled
from lambda_responses.storage.conversations.leases import Hold, freed, insist
from lambda_responses.storage.keyed.port import ConditionFailed, Update
from lambda_responses.storage.table import TenantTable, response_of, tenant_in

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from lambda_responses.storage.keyed.port import KeyedStore, Row, Write


def handed_over(hold: Hold, until: float) -> Update:
    """Have the job hold what its request holds, until then in seconds since 1970."""
    return Update(hold.head, set={"owner": _job_of(hold.owner), "until": math.ceil(until)}, when=hold.mine)


def hold_in(control: Row) -> Hold | None:
    """The lock that a response has, if it is made in a conversation and has not ended."""
    stretch = placed_row(control).stretch
    if "held" not in control.values or stretch is None:
        return None
    return Hold(TenantTable(tenant_in(control.key)), stretch, _job_of(response_of(control.key)))


async def written_and_freed(
    store: KeyedStore, writes: Sequence[Write], hold: Hold | None, is_done: Callable[[], Awaitable[bool]]
) -> None:
    """Do the writes that end a response, and with them its lock where that is still there.

    `is_done` says whether that was done already, where an answer was lost. Raises `ConditionFailed` for one
    of the writes.
    """
    if hold is not None:
        both = [*writes, freed(hold)]
        try:
            await settled(lambda: insist(lambda: store.transact(both)), is_done)
            return
        except ConditionFailed as fact:
            if fact.index < len(writes):
                raise
    await settled(lambda: insist(lambda: store.transact(writes)), is_done)


def _job_of(response_id: str) -> str:
    return f"{response_id}#job"
