"""That nobody gets in without a key, and nobody gets at what is another tenant's."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from infra.checks.subject import MODEL
from infra.checks.verdicts import Failed, Skipped, answered, demand, refused

if TYPE_CHECKING:
    from infra.checks.subject import Subject

_TOGETHER = 5
"""How often both tenants ask for one id at the same moment, for a hop that would tell both the same."""


def check_nobody_gets_in_without_a_key(subject: Subject, at: str | None = None) -> str:
    """No key and a wrong key are a 401 in OpenAI's words."""
    if subject.key is None:
        raise Skipped("no KEY was given")
    body = {"model": MODEL, "input": "Say one.", "store": False}
    wrong = f"sk-lr-{secrets.token_urlsafe(38)}"
    for asked, key in {"no key": None, "a wrong key": wrong}.items():
        with subject.client(at=at, showing=key) as api:
            error = refused(api.post("/responses", json=body), asked, 401)
        demand(error["code"] == "invalid_api_key", f"{asked}: its code is {error['code']!r}")
    return "401 for no key and for a wrong one"


def check_tenants_are_kept_apart(subject: Subject) -> str:
    """To another tenant an id is one that never was; and no hop tells one what it told the other."""
    if subject.other_key is None:
        raise Skipped("no OTHER_KEY, of another tenant, was given")
    with subject.client() as own, subject.client(showing=subject.other_key) as other:
        made = answered(own.post("/responses", json={"model": MODEL, "input": "Say one."}), "create")
        place = f"/responses/{made['id']}"
        never = f"resp_{'0' * len(made['id'].removeprefix('resp_'))}"
        try:
            foreign = refused(other.get(place), "a foreign id", 404)
            unknown = refused(other.get(f"/responses/{never}"), "an id that never was", 404)
            same = foreign["message"].replace(made["id"], never) == unknown["message"]
            demand(
                same and foreign["code"] == unknown["code"], "a foreign id is told from one that never was"
            )
            refused(other.delete(place), "delete of a foreign id", 404)
            with ThreadPoolExecutor(2) as pool:
                for _ in range(_TOGETHER):
                    mine, theirs = pool.submit(own.get, place), pool.submit(other.get, place)
                    answered(mine.result(), "the own id, right after another tenant's 404")
                    refused(theirs.result(), "a foreign id, while its tenant asks for it too", 404)
        finally:
            own.delete(place)
    return f"a foreign id is a 404 like any other, also {_TOGETHER} times at once with its tenant's 200"


def check_the_api_is_reached_through_its_edge_alone(subject: Subject) -> str:
    """The REST API refuses, good key or not, what did not come through its edge."""
    if subject.origin_url is None:
        raise Skipped("no ORIGIN_URL was given, of a REST API that is closed to all but its edge")
    with subject.client(at=subject.origin_url) as api:
        answer = api.get("/models")
    if answer.status_code == 200:
        raise Failed("the REST API answers whoever asks it directly with a key")
    refused(answer, "the REST API, asked directly", 403)
    return "403 for whoever asks the REST API directly"
