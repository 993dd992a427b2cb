"""Whose events count where: the log of a response, cut among those who have run it in turn.

Whoever takes a response over bumps its fence, which seals the log of the one before: of that, nothing counts
that is not found there now. The control row then gets `cut{fence}`, the number at which the new one goes on.
Each number is an attribute of its own, set once, so that no write of one who saw an older row can undo it.
Chunks of a fence count from its own cut to the next one's. Where both are at one number there are none, and
the first goes when the second is made: a row has no room for a cut by everybody who ever tried.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.storage.keyed.port import Values

_CUT = "cut"
_NAME = re.compile(rf"{_CUT}\d+")


class Segment(NamedTuple):
    """What one holder of the fence may add to the log."""

    fence: int
    start: int | None
    """The number of its first event; None while the log is sealed and the cut has yet to be made."""


class Span(NamedTuple):
    """A stretch of the log in which the chunks of one fence count."""

    fence: int
    start: int
    end: int | None
    """The number of the first event after it; None where whoever holds the fence may go on."""


def cut_of(fence: int) -> str:
    """The attribute of a control row that says where the log of that fence begins."""
    return f"{_CUT}{fence}"


def segments_in(values: Values) -> tuple[Segment, ...]:
    """The segments of a control row's log, in order. Of those without a start only the last is told: whoever
    lost the fence before making a cut has logged nothing.
    """
    starts = {int(name[len(_CUT) :]): start for name, start in values.items() if _NAME.fullmatch(name)}
    newest = int(values.get("fence", 0))
    return tuple(Segment(fence, starts.get(fence)) for fence in sorted({*starts, newest}) if fence)


def span_at(segments: Sequence[Segment], number: int) -> Span | None:
    """Where event `number` lies, or is going to; None as long as an open cut leaves that undecided."""
    end: int | None = None
    for fence, start in reversed(segments):
        if start is not None and start <= number:
            is_undecided = end is None and segments[-1].start is None
            return None if is_undecided else Span(fence, start, end)
        end = start
    return None
