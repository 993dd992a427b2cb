"""A background response's control row as the protocol sees it: a state machine behind a fencing token.

              create                take                          commit
    (none) ──────────► queued ──────────────► in_progress ──────────────────► completed, incomplete, failed
                         │ ▲                     │    │
                         │ └─────── release ─────┘    │
                         └───── cancel, fail ─────────┴──► cancelled, failed

Every arrow is one conditional write. Who takes a job gets a fence that is one higher than all before, and
writes only as long as the row still has it; `cancel` and `fail` raise it too, so that nobody who held the job
until then can write anything afterwards.

What a control row of a background response has besides what `records` tells of:

    bg      1, or 2 where its events are logged
    fence   how often it was taken, cancelled or failed
    owner, lease
            who works at it, and until when (seconds since 1970) nobody else may; absent while nobody does
    att     how often it was taken since it last got on
    thr     how often it was put back because a provider wanted it to wait
    dl      when it is to have ended, in seconds since 1970
    cut…    where the log of each fence begins, see `segments`
    last    the number of the event that ends its log, where the run that made it has ended it
    gen     how often its turn was written since it was created; the rows of the turn have the same
    ck      how far its run has got, packed
    err     the error that it was failed with by somebody who had no run of it
    key     the id of the API key that asked for it
    rep     what a queued request wants with its answer
    prov    the provider that was asked for by name
    mcp     what the caller may do with servers of tools, where any were asked for, packed
    held    true where the conversation that it is made in is locked for it until it ends
    sec     how many rows the secrets of its tools take
    eph     true where it is kept for no longer than it takes to be fetched
    wk, wt  its place in the work index, and when somebody has to look after it; absent where nobody has to
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lambda_responses.storage.background.segments import cut_of, segments_in
from lambda_responses.storage.chains import ResponseNotFound, addressed, is_deleted
from lambda_responses.storage.codec import unpack
from lambda_responses.storage.keyed.conditions import Absent, AnyOf, Compare, equals
from lambda_responses.storage.keyed.port import StoreFact
from lambda_responses.storage.records import RUNNING
from lambda_responses.storage.table import TenantTable, response_of, tenant_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.storage.background.revisions import Written
    from lambda_responses.storage.background.segments import Segment
    from lambda_responses.storage.keyed.conditions import Condition
    from lambda_responses.storage.keyed.port import Key, Row
    from lambda_responses.wire.json import Json

QUEUED, IN_PROGRESS = RUNNING
CANCELLED, FAILED = "cancelled", "failed"
PLAIN, STREAMED = 1, 2
"""What `bg` is."""
MOST_ATTEMPTS = 5
"""So often a job is taken without getting on; after that it is what kills its workers, and is failed."""
AFTERWARDS = 86_400
"""Seconds that a response which takes until its deadline can be read after that, unless others go sooner."""
UNKEPT = 600
"""Seconds that a response that is not to be stored can be fetched after its end."""
LONGEST = 2
"""So many times the length of a lease, clocks may disagree about its end."""
MARGIN = 12
"""The part of a lease that passes after it before anybody is sent to take the job over."""


class NotInBackground(StoreFact):
    """The response is there, and is or was made in the foreground."""


class JobHeld(StoreFact):
    """Somebody else works at it, and may do so until then, in seconds since 1970."""

    def __init__(self, until: float) -> None:
        super().__init__("the job is held")
        self.until = until


class JobEnded(StoreFact):
    """It has ended, or its time is up and it is about to be ended."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"the job is {job.status}")
        self.job = job


class TooManyAttempts(StoreFact):
    """It was taken again and again and never got on. The caller fails it."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"{job.attempts} attempts")
        self.job = job


class NotCancellable(StoreFact):
    """It has ended otherwise than by being cancelled."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"the job is {job.status}")
        self.job = job


class LeaseLost(StoreFact):
    """The job was cancelled, failed, deleted or taken over: whatever its worker still has is void."""


@dataclass(frozen=True, slots=True)
class Job:
    """A background response as its control row tells of it."""

    tenant: str
    response_id: str
    status: str
    streamed: bool
    """Whether its events are logged."""
    fence: int
    lease: float | None
    """Until when somebody works at it, in seconds since 1970; None where nobody does."""
    attempts: int
    throttled: int
    deadline: float
    """In seconds since 1970."""
    key_id: str | None
    segments: Sequence[Segment] = ()
    """What of its log counts; none where its events are not logged."""
    progress: Json | None = None
    """What its last save said of how far it had got."""
    kept: bool = True
    """Whether it is stored, and not only to be fetched within minutes."""
    owner: str | None = None
    reply: Json | None = None
    """What a queued request wants with its answer."""
    error: Json | None = None
    """`code` and `message`, where somebody failed it who had no run of it."""
    last: int | None = None
    """The number of the event that ends its log, where that was written with its end."""

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.status in RUNNING

    @property
    def open_cut(self) -> bool:
        """Whether it is not known yet which of its logged events are valid."""
        return bool(self.segments) and self.segments[-1].start is None


@dataclass(frozen=True, slots=True)
class Lease:
    """A job that somebody works at. It is lost as soon as the control row has another fence."""

    job: Job
    """As it was taken."""
    owner: str
    written: list[Written] = field(default_factory=list["Written"], compare=False, repr=False)
    """The rows of its turn as this lease wrote or found them last; the store's own business."""


def job_in(row: Row | None) -> Job:
    """Raises `ResponseNotFound` for no response, `NotInBackground` for one of the foreground."""
    if row is None or is_deleted(row):
        raise ResponseNotFound
    values = row.values
    if "bg" not in values:
        raise NotInBackground
    return Job(
        tenant_in(row.key),
        response_of(row.key),
        status=values["st"],
        streamed=values["bg"] == STREAMED,
        fence=values["fence"],
        lease=values.get("lease"),
        attempts=values["att"],
        throttled=values["thr"],
        deadline=values["dl"],
        key_id=values.get("key"),
        segments=segments_in(values) if values["bg"] == STREAMED else (),
        progress=unpack(values["ck"]) if "ck" in values else None,
        kept="eph" not in values,
        owner=values.get("owner"),
        reply=unpack(values["rep"]) if "rep" in values else None,
        error=values.get("err"),
        last=values.get("last"),
    )


def control_of(tenant: str, response_id: str) -> Key:
    """Where a response's control row lies. Raises `ResponseNotFound` for ids that are none of ours."""
    thread, _ = addressed(response_id)
    return TenantTable(tenant).control(thread, response_id)


def key_of(job: Job) -> Key:
    """Where a job's control row lies."""
    return control_of(job.tenant, job.response_id)


def mine(lease: Lease) -> Condition:
    """What holds of the control row as long as the lease does."""
    return (equals("fence", lease.job.fence), equals("st", IN_PROGRESS))


def has_it(lease: Lease, control: Row) -> bool:
    """Whether that holds of a control row."""
    return control.values.get("fence") == lease.job.fence and control.values["st"] == IN_PROGRESS


def is_good(lease: float, now: float, seconds: float) -> bool:
    """Whether a lease until then is not over. A longer one than any is of a clock that was set back since."""
    return now < lease <= now + LONGEST * seconds


def nobody_has_it(now: float, seconds: float) -> AnyOf:
    """What holds of the control row where there is no lease that is good."""
    lapsed = Compare("lease", "<=", now), Compare("lease", ">", now + LONGEST * seconds)
    return AnyOf((Absent("lease"), *lapsed))


def lease_of(owner: str, now: float, seconds: float) -> dict[str, Any]:
    """The attributes of a lease that begins now. Nobody looks after the job until a while after it."""
    until = now + seconds
    return {"owner": owner, "lease": until, "wt": until + seconds / MARGIN}


def next_fence(job: Job) -> dict[str, Any]:
    """The attributes by which a fence after that of `job` begins, and its log is sealed.

    Where nobody has had the job yet, there is nothing in the log to be cut off.
    """
    fence = job.fence + 1
    return {"fence": fence, cut_of(fence): 0} if job.streamed and job.fence == 0 else {"fence": fence}
