"""The outbox: who has yet to be told that a background response ended.

A row is written in the transaction that ends the response, so that no end goes unannounced and none that did
not happen is announced. It lies in the work index until everybody was told: `wt` is when to try next.

Attributes: `v` version, `type` the event, `at` when it happened (seconds since 1970), `reply` what a queued
request wants with its answer, `to` by target how often it was tried and when it is tried again (absent before
the first try, when targets are looked up), `wk`, `wt`, `ttl`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from lambda_responses.storage.keyed.port import Put
from lambda_responses.storage.table import TenantTable, notification_work

if TYPE_CHECKING:
    from lambda_responses.storage.background.jobs import Job
    from lambda_responses.wire.json import Json

RECORD_VERSION = 1
TRIED = 72 * 3_600
"""Seconds for which an event is tried to be delivered."""
GRACE = 86_400
"""Seconds that a row stays beyond that at most, should nobody ever look at it."""


def outbox_row(job: Job, status: str, reply: Json | None, *, now: float) -> Put:
    """What the transaction that ends a response with that status writes besides.

    `status` is completed, failed, incomplete or cancelled; `reply` is what the job was created with.
    """
    values: dict[str, Any] = {
        "v": RECORD_VERSION,
        "type": f"response.{status}",
        "at": math.floor(now),
        "wk": notification_work(job.response_id),
        "wt": math.floor(now),
        "ttl": math.floor(now) + TRIED + GRACE,
    }
    if reply is not None:
        values["reply"] = reply
    return Put(TenantTable(job.tenant).notification(job.response_id), values)
