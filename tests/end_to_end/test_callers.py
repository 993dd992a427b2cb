"""Who is let in, and to what: every route, by every way in, with every credential that opens nothing."""

from __future__ import annotations

import base64
import re
import secrets
import time
from typing import TYPE_CHECKING, Any

import openai
import pytest

from lambda_responses.endpoints.application import OPERATIONS
from lambda_responses.wire.api_keys import render_key
from lambda_responses.wire.scopes import MODELS_READ, SCOPES, scope_of
from tests.end_to_end.estates import MODEL, OWNER, never_made
from tests.end_to_end.test_tenants import told
from tests.fakes.fronts import Application, RestDoors, UrlDoors, keyed_runtime
from tests.fakes.operator import Operator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.end_to_end.conftest import Place, Tenants
    from tests.fakes.fronts import Answer, Headers

Json = dict[str, Any]

HELLO: Json = {"model": MODEL, "input": "Hello"}
ENVELOPE = {"message", "type", "param", "code"}


def routes() -> Iterator[Any]:
    """Every route but the one that says whether the server runs."""
    for operation in OPERATIONS:
        for method, path in operation.routes:
            if operation.name != "health":
                yield pytest.param(method, path, id=f"{method} {path}")


ROUTES = pytest.mark.parametrize(("method", "path"), [*routes()])


def asked(tenants: Tenants, method: str, path: str, headers: Headers, id: str | None = None) -> Answer:
    """The answer to a request of that route for something that is there, or for that id."""
    there = id or tenants.owner.plain["id"]
    return tenants.front.ask(
        method, re.sub(r"\{[^}]+\}", there, path), HELLO if method == "POST" else None, headers=headers
    )


def bearer(credential: str) -> Headers:
    return [("Authorization", f"Bearer {credential}")]


def no_credentials(good: str) -> dict[str, Headers]:
    """What says nothing, or says it where nobody looks."""
    basic = base64.b64encode(f":{good}".encode()).decode()
    return {
        "no header": [],
        "an empty header": [("Authorization", "")],
        "a scheme alone": [("Authorization", "Bearer")],
        "another scheme": [("Authorization", f"Basic {basic}")],
        "no scheme": [("Authorization", good)],
        "another header": [("X-Api-Key", good), ("Api-Key", good), ("Proxy-Authorization", f"Bearer {good}")],
        "a cookie": [("Cookie", f"authorization=Bearer {good}")],
    }


def wrong_credentials(tenants: Tenants) -> dict[str, Headers]:
    """What was never a key, or is none any more."""
    good, operator = tenants.owner.key, tenants.operator
    keys = {
        "never made": render_key(secrets.token_bytes(32)),
        "revoked": operator.revoked_key(OWNER),
        "expired": operator.expired_key(OWNER),
        "mistyped": good[:-1] + ("A" if good[-1] != "A" else "B"),
        "cut short": good[:-1],
        "too long": f"{good}A",
        "in capitals": good.upper(),
        "in quotes": f'"{good}"',
        "two words": f"{good} {good}",
        "two keys": f"{good},{good}",
        "its id": operator.id_of(good),
        "malformed": "sk-lr-x",
        "another service's": f"sk-proj-{'a' * 40}",
        "huge": "a" * 20_000,
        "beyond ASCII": "¤é",
        "undefined": "undefined",
    }
    return {kind: bearer(key) for kind, key in keys.items()}


def check_refused(answer: Answer, kind: str) -> None:
    assert answer.status == 401, kind
    assert answer.error.keys() == ENVELOPE, kind
    told_of = (answer.error["type"], answer.error["param"], answer.error["code"])
    assert told_of == ("invalid_request_error", None, "invalid_api_key"), kind


@ROUTES
def test_no_route_opens_without_a_key(tenants: Tenants, method: str, path: str):
    before = tenants.rows()
    good = tenants.owner.key
    answers = {kind: asked(tenants, method, path, headers) for kind, headers in no_credentials(good).items()}
    answers["in the query"] = asked(tenants, method, f"{path}?api_key={good}&key={good}", [])
    for kind, answer in answers.items():
        check_refused(answer, kind)
        assert good.encode() not in answer.content
    unknown = told(asked(tenants, method, path, [], id=never_made()), "")
    assert {kind: told(answer, "") for kind, answer in answers.items()} == dict.fromkeys(answers, unknown)
    assert tenants.rows() == before


@ROUTES
def test_no_route_opens_with_a_wrong_key_nor_tells_what_is_wrong_with_it(
    tenants: Tenants, method: str, path: str
):
    before = tenants.rows()
    credentials = wrong_credentials(tenants)
    answers = {kind: asked(tenants, method, path, headers) for kind, headers in credentials.items()}
    for kind, answer in answers.items():
        check_refused(answer, kind)
        assert dict(credentials[kind])["Authorization"].split()[-1] not in answer.content.decode()
    unknown = told(asked(tenants, method, path, credentials["never made"], id=never_made()), "")
    alike = {kind: told(answer, "") for kind, answer in answers.items() if kind != "beyond ASCII"}
    assert alike == dict.fromkeys(alike, unknown)
    assert tenants.rows() == before


@ROUTES
def test_every_route_opens_with_a_key(tenants: Tenants, method: str, path: str):
    """Or the tests above would show nothing."""
    answer = asked(tenants, method, path, bearer(tenants.stranger.key))
    assert answer.status not in (401, 403)


def test_whoever_shows_two_keys_is_told_to_show_one(tenants: Tenants):
    good, wrong = bearer(tenants.owner.key), bearer(render_key(bytes(32)))
    for headers in ([*good, *wrong], [*wrong, *wrong]):
        check_refused(tenants.front.ask("GET", "/v1/models", headers=headers), "")


def test_a_key_is_asked_for_before_anything_else(tenants: Tenants):
    for body in ({}, {"model": "nobody/nothing"}, [], "x", {"model": MODEL, "input": "x", "stream": True}):
        check_refused(tenants.front.ask("POST", "/v1/responses", body), str(body))
    for path in ("?limit=0", "?order=bogus", "?after=x"):
        items = f"/v1/responses/{tenants.owner.plain['id']}/input_items{path}"
        check_refused(tenants.front.ask("GET", items), path)


@pytest.mark.parametrize("key", [None, "sk-lr-wrong"])
def test_what_is_not_there_and_whether_the_server_runs_is_no_secret(place: Place, key: str | None):
    for method, path in (("GET", "/v1/nowhere"), ("POST", "/v1/chat/completions"), ("GET", "/v1")):
        answer = place.front.ask(method, path, key=key)
        assert answer.status == 404
        if b"Message" not in answer.content:  # which is what Lambda says for a URL that no function has
            assert answer.error.keys() == ENVELOPE
    if place.front.has_health:
        answer = place.front.ask("GET", "/health", key=key)
        assert (answer.status, answer.json) == (200, {"status": "ok"})


@pytest.mark.parametrize("scope", sorted(SCOPES))
@ROUTES
def test_a_key_opens_what_it_was_made_for(tenants: Tenants, method: str, path: str, scope: str):
    before = tenants.rows()
    key = bearer(tenants.operator.key(OWNER, scopes=[scope]))
    unknown = asked(tenants, method, path, key, id=never_made())
    if scope_of(method, path) == scope:
        assert unknown.status not in (401, 403)
        return
    there = asked(tenants, method, path, key)
    assert there.status == 403
    assert there.error.keys() == ENVELOPE
    assert (there.error["type"], there.error["code"]) == ("invalid_request_error", "missing_scope")
    assert scope_of(method, path) in there.error["message"]
    assert told(there, "") == told(unknown, "")
    assert tenants.rows() == before


class Clock:
    """Stands still until a test says so."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["application", "REST doors", "URL doors"])
def timed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Any, Operator, Clock, int]]:
    """A way in, who makes keys for it, its clock, and within how many seconds it has to hear of a change."""
    file, clock = tmp_path / "responses.db", Clock()
    runtime = keyed_runtime(file, clock)
    match request.param:
        case "application":
            front, seconds = Application(runtime), 30
        case "URL doors":
            front, seconds = UrlDoors(runtime), 30
        case _:  # API Gateway keeps what the authorizer said, who keeps what the store said
            front, seconds = RestDoors(runtime, clock), 60
    operator = Operator(file)
    yield front, operator, clock, seconds
    operator.close()
    front.close()


def test_a_revoked_key_opens_nothing_before_long(timed: tuple[Any, Operator, Clock, int]):
    front, operator, clock, seconds = timed
    key = operator.key(OWNER)
    for _ in range(4):
        assert front.ask("GET", "/v1/models", key=key).status == 200
        clock.now += seconds / 4
    assert front.ask("GET", "/v1/models", key=key).status == 200
    operator.revoke(key)
    clock.now += seconds
    check_refused(front.ask("GET", "/v1/models", key=key), "")


def test_a_key_that_expires_opens_nothing_before_long(timed: tuple[Any, Operator, Clock, int]):
    front, operator, clock, seconds = timed
    key = operator.key(OWNER, expires=int(clock.now) + 10)
    assert front.ask("GET", "/v1/models", key=key).status == 200
    clock.now += 10 + (seconds - 30)
    check_refused(front.ask("GET", "/v1/models", key=key), "")


def test_the_official_client_knows_what_it_was_refused_for(tenants: Tenants):
    front, there = tenants.front, tenants.owner.plain["id"]
    for wrong in ("sk-none", tenants.operator.revoked_key(OWNER), tenants.operator.expired_key(OWNER)):
        sdk = front.sdk(wrong)
        for ask in calls(sdk, there):
            with pytest.raises(openai.AuthenticationError) as refused:
                ask()
            assert refused.value.code == "invalid_api_key"
    reader = front.sdk(tenants.operator.key(OWNER, scopes=[MODELS_READ]))
    assert reader.models.list().data
    for ask in calls(reader, there)[1:]:
        with pytest.raises(openai.PermissionDeniedError) as forbidden:
            ask()
        assert forbidden.value.code == "missing_scope"
    stranger = front.sdk(tenants.stranger.key)
    for ask in calls(stranger, there)[3:]:
        with pytest.raises(openai.NotFoundError) as absent:
            ask()
        assert there in absent.value.message
    with pytest.raises(openai.BadRequestError) as fault:
        stranger.responses.create(model=MODEL, input="x", previous_response_id=there)
    assert fault.value.code == "previous_response_not_found"


def calls(sdk: openai.OpenAI, id: str) -> list[Any]:
    """What a client may ask for: models, new responses, and one that is there."""
    return [
        lambda: sdk.models.list(),
        lambda: sdk.responses.create(model=MODEL, input="x"),
        lambda: list(sdk.responses.create(model=MODEL, input="x", stream=True)),
        lambda: sdk.responses.retrieve(id),
        lambda: list(sdk.responses.retrieve(id, stream=True)),
        lambda: sdk.responses.cancel(id),
        lambda: sdk.responses.delete(id),
        lambda: list(sdk.responses.input_items.list(id)),
    ]
