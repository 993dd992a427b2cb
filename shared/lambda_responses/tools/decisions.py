"""What becomes of the calls of a step that is over: made, answered, left to somebody's approval, passed over.

In that order of questions: whether a bound lets the call be made, whether somebody has to approve it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lambda_responses.tools.approvals import needs_approval
from lambda_responses.tools.calls import SEARCH, PendingCall
from lambda_responses.wire.mcp_names import function_name
from lambda_responses.wire.origins import FUNCTION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from lambda_responses.tools.bounds import Bounds, Tally
    from lambda_responses.tools.catalog import Catalog
    from lambda_responses.tools.gate import HeldCall


def decide(
    held: Iterable[HeldCall],
    catalog: Catalog,
    tally: Tally,
    bounds: Bounds,
    *,
    unique: Callable[[str], str],
) -> tuple[Sequence[PendingCall], Sequence[PendingCall]]:
    """The calls to be made or answered, and those that wait for an approval; the rest is passed over.

    `unique` makes of an upstream's call id one that the response has not had. Each call counts in `tally`.
    """
    pending: list[PendingCall] = []
    asked: list[PendingCall] = []
    for place, each in enumerate(held):
        call = _pending(each, catalog, step=tally.steps, place=place)
        admission = tally.admit(bounds, call.server_label, call.name, call.arguments)
        if admission == "ignored":
            continue
        if admission == "run" and catalog.made_up(each.name) is not None:
            admission = "unknown"
        call_id = unique(each.call_id)
        call = replace(call, call_id=call_id, origin={**call.origin, "call_id": call_id})
        if admission != "run":
            pending.append(replace(call, unmade=admission))
        elif _waits(call, catalog):
            asked.append(call)
        else:
            pending.append(call)
    return pending, asked


def _pending(held: HeldCall, catalog: Catalog, *, step: int, place: int) -> PendingCall:
    found = catalog.find(held.name)
    origin = {**held.origin, "step": step, "place": place}
    if (made_up := catalog.made_up(held.name)) is not None:  # a name that others may not take
        return PendingCall(held.call_id, *made_up, held.arguments, origin)
    label, name = ("", SEARCH) if found is None else (found[0].label, found[1].name)
    if held.name != (SEARCH if found is None else function_name(label, name)):
        origin[FUNCTION] = held.name  # which nobody could tell from the item
    return PendingCall(held.call_id, label, name, held.arguments, origin)


def _waits(call: PendingCall, catalog: Catalog) -> bool:
    found = catalog.tool(call.server_label, call.name)
    return found is not None and needs_approval(found[0].approval, found[1])
