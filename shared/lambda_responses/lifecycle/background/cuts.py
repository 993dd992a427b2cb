"""The cut in the log of a response that was ended by somebody who was not making it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from lambda_responses.storage.keyed.port import StoreFact

if TYPE_CHECKING:
    from lambda_responses.lifecycle.ports import Services
    from lambda_responses.storage.background.job import Job


async def cut_off(job: Job, using: Services) -> None:
    """Let those who listen hear the end of a response that was just cancelled or failed.

    Where that does not work out, the sweeper sees to it.
    """
    with suppress(StoreFact):
        await using.jobs.settle(await using.events.seal(job))
