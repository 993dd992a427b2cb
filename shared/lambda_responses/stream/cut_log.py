"""How a stream ends whose maker was stopped by somebody else, and so has not ended it.

A pure function of what was told and of the response as it is stored: whoever needs the end makes it, and
everybody makes the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.stream.emitter import ending_as
from lambda_responses.stream.replay import at_the_start
from lambda_responses.stream.told import told_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.wire.json import Event, Json


def ending_of(told: Sequence[Event], response: Json) -> list[Event]:
    """The events that follow on all that was `told`, if no end was among it: what is open is closed as
    incomplete, and the response has ended as the object that is stored of it.
    """
    items = [item for _, item in sorted(told_by(told).open.items())]
    events = [] if told else _beginning(response)
    for place, item in enumerate(items, start=1):
        is_cut = place == len(items) or not item.whole
        events += item.closed("incomplete" if is_cut else "completed", None)
    events += ending_as(response)
    first = told[-1]["sequence_number"] + 1 if told else 0
    return [{**event, "sequence_number": first + place} for place, event in enumerate(events)]


def _beginning(response: Json) -> list[Event]:
    """What a client is told first of a response that it has been told nothing of."""
    queued = at_the_start(response, status="queued")
    return [{"type": name, "response": queued} for name in ("response.created", "response.queued")]
