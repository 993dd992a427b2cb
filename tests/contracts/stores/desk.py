"""What the contract tests of background responses share: a tenant that has some made."""

from __future__ import annotations

import random
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lambda_responses.sealing.keys import KeyRing, SealingKey
from lambda_responses.sealing.sealer import Sealer
from lambda_responses.storage.background.jobs import JobStore, NewJob
from lambda_responses.storage.conversations.store import ConversationStore
from lambda_responses.storage.keyed.port import Range
from lambda_responses.storage.responses import ResponseStore, StoredResponse
from tests.contracts.stores.kit import Talk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.storage.background.job import Job, Lease
    from lambda_responses.storage.blobs.port import Blobs
    from lambda_responses.storage.keyed.port import KeyedStore, Row
    from lambda_responses.storage.responses import Reservation
    from tests.contracts.stores.kit import Clock

Json = dict[str, Any]
LEASE = 60.0
LIFETIME = 3_600.0
"""Seconds from a job's creation to its deadline."""


@dataclass
class Desk:
    """A tenant, and the stores that its background responses lie in."""

    keyed: KeyedStore
    clock: Clock
    talk: Talk
    conversations: ConversationStore
    jobs: JobStore
    sealer: Sealer

    @property
    def tenant(self) -> str:
        return self.talk.tenant

    @property
    def responses(self) -> ResponseStore:
        return self.talk.store

    async def queue(self, text: str = "1", *, after: str | None = None, **options: Any) -> Job:
        """A job that asks for this."""
        context = await self.talk.after(after) if after else None
        return await self.queue_at(await self.talk.reserve(context), text, **options)

    async def queue_at(
        self,
        reservation: Reservation,
        text: str = "1",
        *,
        request: Json | None = None,
        input: Sequence[Json] | None = None,
        **options: Any,
    ) -> Job:
        """A job at a place that is reserved for it."""
        turn = self.talk.turn(reservation, text, status="queued", background=True)
        asked = turn.input if input is None else input
        stored = StoredResponse({**turn.response, "output": []}, asked, {}, turn.target)
        given: Json = {"key_id": "key_1", "deadline": self.clock() + LIFETIME, **options}
        body = {"model": "parrot-1", "input": [*asked], **(request or {})}
        new = NewJob(request=body, **given)
        return await self.jobs.create(reservation, stored, new, seal=self.sealer)

    async def take(self, job: Job, owner: str | None = None) -> Lease:
        """The job in somebody's hands."""
        owner = owner or secrets.token_hex(4)
        return await self.jobs.take(job.tenant, job.response_id, owner=owner)

    async def found(self, job: Job) -> Job:
        """The job as it is now."""
        return await self.jobs.find(job.tenant, job.response_id)

    async def read(self, job: Job) -> StoredResponse:
        """The response as clients find it."""
        return await self.responses.get(job.tenant, job.response_id)

    async def said(self, job: Job, *texts: str, status: str = "in_progress") -> StoredResponse:
        """What a run of the job has come to, having said these."""
        stored = await self.read(job)
        own = job.response_id[5 + 8 :]
        output = [
            {
                "id": f"msg_{own}{place:04x}9999",
                "type": "message",
                "status": "completed",
                "role": "assistant",
                "content": [{"type": "output_text", "annotations": [], "logprobs": [], "text": text}],
            }
            for place, text in enumerate(texts, 1)
        ]
        origins = {item["id"]: {"of": text} for item, text in zip(output, texts, strict=True)}
        response = {**stored.response, "status": status, "output": output}
        return replace(stored, response=response, origins=origins)

    async def rows(self, job: Job, kind: str) -> Sequence[Row]:
        """What lies in one of the partitions of a job: `J` what it is asked for, `N` its announcement."""
        return await self.keyed.query(Range(f"{job.tenant}#{kind}#{job.response_id}", " ", "~"))

    async def control(self, job: Job) -> Json:
        """The attributes of its control row."""
        thread = job.response_id[13:37]
        sk = f"R#{job.response_id}"
        [row] = await self.keyed.query(Range(f"{job.tenant}#T#{thread}", sk, sk))
        return dict(row.values)


def desk_over(keyed: Any, clock: Clock, blobs: Blobs | None = None, **options: Any) -> Desk:
    """A desk of a tenant that nobody else has."""
    responses = ResponseStore(keyed, now=clock, blobs=blobs, **options)
    conversations = ConversationStore(keyed, now=clock, blobs=blobs, **options)
    talk = Talk(responses, f"desk-{secrets.token_hex(6)}", random.Random(secrets.token_hex(4)))
    jobs = JobStore(keyed, responses, conversations, now=clock, lease_seconds=LEASE)
    sealer = Sealer(KeyRing((SealingKey("k1", bytes(32)),)), talk.tenant)
    return Desk(keyed, clock, talk, conversations, jobs, sealer)


def said_by(stored: StoredResponse) -> list[str]:
    """The texts of a response's output."""
    return [part["text"] for item in stored.response["output"] for part in item["content"]]
