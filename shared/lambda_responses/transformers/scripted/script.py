"""What the scripted provider plays: deltas, waits, and the places where things go wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from lambda_responses.stream.deltas import Delta
    from lambda_responses.transformers.base import UpstreamFailure


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is said for so long."""

    milliseconds: int


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection breaks."""


Step: TypeAlias = "Delta | Wait | Cut"


@dataclass(frozen=True, slots=True)
class Script:
    """One answer, from the status line to the end."""

    steps: tuple[Step, ...] = ()
    failure: UpstreamFailure | None = None
    """The answer that is no success, in place of the steps."""
    plain: bool = False
    """Whether everything is said in one piece."""
