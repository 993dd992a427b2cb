"""`none`: whoever can connect is the one tenant there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.lifecycle.ports import Principal

if TYPE_CHECKING:
    from starlette.types import Scope

TENANT = "default"


async def anybody(scope: Scope) -> Principal:
    """Everybody is the same."""
    return Principal(TENANT)
