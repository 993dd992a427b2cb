"""That a client which knows the base URL alone can use what there is, and hears of what there is not."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

from infra.checks.subject import MODEL
from infra.checks.verdicts import Json, answered, demand, refused

if TYPE_CHECKING:
    import httpx

    from infra.checks.subject import Subject


def check_the_first_call(subject: Subject) -> str:
    """How long a first call takes beside later ones: its share of a cold start, if nobody called before."""
    with subject.client() as api:
        first = _timed_create(api)
        later = statistics.median(_timed_create(api) for _ in range(5))
    return f"{first * 1000:.0f} ms with a new connection, then {later * 1000:.0f} ms (median of 5)"


def check_the_life_of_a_response(subject: Subject) -> str:
    """Every operation that there is on a response, one after another."""
    with subject.client() as api:
        answer = api.post("/responses", json={"model": MODEL, "input": "Say one."})
        first = answered(answer, "create")
        demand("x-request-id" in answer.headers, "create: its answer has no x-request-id")
        place = f"/responses/{first['id']}"
        demand(
            answered(api.get(place), "retrieve") == first, "retrieve: another response than the one created"
        )
        second = answered(_continued(api, first), "continue")
        shown = answered(api.get(f"/responses/{second['id']}/input_items"), "list input items")
        demand(len(shown["data"]) == 3, f"list input items: {len(shown['data'])} of a chain that has 3")
        told = api.get(place, params={"stream": "true"})
        demand(
            "response.completed" in told.text, f"retrieve as events: {told.status_code} {told.text!r:.200}"
        )
        refused(api.post(f"{place}/cancel"), "cancel of a finished response", 400)
        demand(bool(answered(api.get("/models"), "list models")["data"]), "list models: there is none")
        for each in (second, first):
            answered(api.delete(f"/responses/{each['id']}"), "delete")
            refused(api.get(f"/responses/{each['id']}"), "retrieve of what is deleted", 404)
    return "created, retrieved, continued, listed, told again as events, not cancelled, deleted"


def check_what_is_no_route(subject: Subject) -> str:
    """A path that is none is a 404, and a 404 in OpenAI's words."""
    with subject.client() as api:
        error = refused(api.get("/no/such/route"), "a path that is none", 404)
    return f"404: {error['message']}"


def _timed_create(api: httpx.Client) -> float:
    body = {"model": MODEL, "input": "Say one.", "store": False}
    started = time.monotonic()
    answered(api.post("/responses", json=body), "create")
    return time.monotonic() - started


def _continued(api: httpx.Client, first: Json) -> Any:
    body = {"model": MODEL, "input": "Say two.", "previous_response_id": first["id"]}
    return api.post("/responses", json=body)
