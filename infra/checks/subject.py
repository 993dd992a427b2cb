"""The deployment that is checked: its addresses, what to show there, and how long things may take."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import httpx

if TYPE_CHECKING:
    from infra.checks.account import Clients

MODEL = "scripted/echo"
"""Costs nothing, needs no provider, and takes its time where it is asked to: docs/scripted.md."""


@dataclass(frozen=True, slots=True)
class Tempo:
    """How slow the scripted model is asked to be, in seconds."""

    words: int = 20
    tick: float = 0.2
    """Between two words of a stream."""
    silence: float = 65.0
    """Longer than CloudFront bears, unless it was told to bear more."""
    idle: float = 330.0
    """Longer than API Gateway bears."""
    plain: float = 35.0
    """Longer than API Gateway waits for a plain answer, unless it was told to wait longer."""
    comment: float = 15.0
    """What the server lets pass until it breaks a silence: its `RESPONSES_KEEP_ALIVE_MS`."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked. Everything but the base URL may be missing, and then some checks are skipped."""

    base_url: str
    key: str | None = field(default=None, repr=False)
    other_key: str | None = field(default=None, repr=False)
    """A key of another tenant."""
    function_url: str | None = None
    """Of create_response."""
    origin_url: str | None = None
    """The REST API's own base URL, where `base_url` is an edge that it is to be reached through alone."""
    stack: str | None = None
    aws: Clients | None = None
    """Whom to ask about the stack."""
    burst: int = 0
    """Requests to send at once, to meet the throttle."""
    idle: bool = False
    tempo: Tempo = Tempo()

    def client(
        self,
        *,
        at: str | None = None,
        showing: str | Literal["the key"] | None = "the key",
        waiting: float = 0,
    ) -> httpx.Client:
        """A client of the API, at this address or another; answers may be slow by `waiting` seconds more."""
        key = self.key if showing == "the key" else showing
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        timeout = httpx.Timeout(60 + waiting, connect=15)
        return httpx.Client(base_url=at or self.base_url, headers=headers, timeout=timeout)
