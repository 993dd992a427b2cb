"""Ends of background responses: new ones as the table's stream tells them, the others when they are due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.storage.table import is_notification, notification_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.runtime.runtime import Runtime
    from lambda_responses.storage.keyed.port import Key


PAGE = 100
MOST_PAGES = 10
"""Of ends in one round; those of which the store cannot be asked stay on the first page."""


async def deliver_new(keys: Sequence[Key], runtime: Runtime) -> None:
    """Tell of the ends among rows that were written just now. What fails stays for the next round."""
    from lambda_responses.lifecycle.notifications import deliver_each  # with all that reads responses

    ends = [notification_in(key) for key in keys if is_notification(key)]
    await deliver_each(ends, using=runtime.services)


async def deliver_overdue(runtime: Runtime) -> None:
    """Tell of the ends that it is time for. Raises `StoreUnavailable`."""
    from lambda_responses.lifecycle.notifications import deliver_due

    for _ in range(MOST_PAGES):
        if await deliver_due(using=runtime.services, most=PAGE) < PAGE:
            return
