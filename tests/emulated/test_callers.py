"""Who is let in: by the authorizer in front of the REST API, and by the doors behind function URLs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.wire.api_keys import render_key
from lambda_responses.wire.scopes import RESPONSES_READ
from tests.end_to_end.estates import OWNER, STRANGER, Estate, foreign_ids, idle_ids, never_made

if TYPE_CHECKING:
    from infra.emulator.stack import Stack
    from tests.emulated.operator import Operator
    from tests.fakes.fronts import Answer, Front

# A key is taken back before all else: when `test_revocation.py` looks at it, time has passed.
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("revoked_in_use")]

BODY = {"model": "scripted/echo", "input": "Hi"}
ENVELOPE = {"message", "type", "param", "code"}


def refusal(answer: Answer) -> dict[str, Any]:
    """What somebody is told who is not let in."""
    assert answer.status == 401
    assert answer.header("www-authenticate") == "Bearer"
    assert answer.error.keys() == ENVELOPE
    return {name: answer.error[name] for name in ("type", "code", "param")}


@pytest.mark.parametrize(
    ("way_in", "method", "path"),
    [
        ("the REST API", "GET", "/v1/responses/resp_0"),
        ("function URLs", "GET", "/v1/responses/resp_0"),
        ("function URLs", "POST", "/v1/responses"),
    ],
    indirect=["way_in"],
)
def test_whoever_shows_no_key_that_opens_anything_is_told_the_same(
    way_in: Front, operator: Operator, method: str, path: str
):
    told = {"type": "invalid_request_error", "code": "invalid_api_key", "param": None}
    good = operator.key()
    wrong = {
        "mistyped": good[:-1] + ("a" if good[-1] != "a" else "b"),
        "unknown": render_key(bytes(32)),
        "revoked": operator.revoked_key(),
        "expired": operator.expired_key(),
        "another's": "sk-proj-0123456789",
    }
    answers = {name: way_in.ask(method, path, BODY, key=key) for name, key in wrong.items()}
    answers["none"] = way_in.ask(method, path, BODY)
    answers["no scheme"] = way_in.ask(method, path, BODY, headers=[("Authorization", good)])
    assert {name: refusal(answer) for name, answer in answers.items()} == dict.fromkeys(answers, told)
    assert not any(key in answers[name].content.decode() for name, key in wrong.items())
    assert way_in.ask(method, path, BODY, key=good).status == (200 if method == "POST" else 404)


def test_a_key_does_what_its_scopes_say(way_in: Front, operator: Operator):
    reader = operator.key(scopes=[RESPONSES_READ])
    assert way_in.ask("GET", "/v1/responses/resp_0", key=reader).status == 404
    refused = way_in.ask("POST", "/v1/responses", BODY, key=reader)
    assert (refused.status, refused.error["code"]) == (403, "missing_scope")


@pytest.fixture(scope="module")
def estates(api: Front, operator: Operator) -> tuple[Estate, Estate]:
    """Two tenants, each with responses of its own."""
    owner, stranger = (Estate(api, operator, tenant) for tenant in (OWNER, STRANGER))  # type: ignore[arg-type]
    return owner, stranger


ROUTES = [
    ("GET", "/v1/responses/{id}"),
    ("DELETE", "/v1/responses/{id}"),
    ("POST", "/v1/responses/{id}/cancel"),
    ("GET", "/v1/responses/{id}/input_items"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_what_belongs_to_another_tenant_is_not_there(
    api: Front, estates: tuple[Estate, Estate], method: str, path: str
):
    def told(id: str) -> tuple[int, str]:
        answer = api.ask(method, path.replace("{id}", id), key=stranger.key)
        return answer.status, json.dumps(answer.error).replace(id, "{id}")

    owner, stranger = estates
    ids = {**foreign_ids(owner), **idle_ids(stranger)}
    expected = told(never_made())
    assert expected[0] == 404
    assert {kind: told(id) for kind, id in ids.items()} == dict.fromkeys(ids, expected)
    for response in owner.living:
        assert api.ask("GET", f"/v1/responses/{response['id']}", key=owner.key).json == response


def test_nobody_goes_on_with_another_tenants_response(way_in: Front, estates: tuple[Estate, Estate]):
    def told(id: str) -> tuple[int, str]:
        body = {**BODY, "previous_response_id": id}
        answer = way_in.ask("POST", "/v1/responses", body, key=stranger.key)
        return answer.status, json.dumps(answer.error).replace(id, "{id}")

    owner, stranger = estates
    ids = foreign_ids(owner)
    assert {kind: told(id) for kind, id in ids.items()} == dict.fromkeys(ids, told(never_made()))


# API Gateway's own answers


@pytest.mark.parametrize("path", ["/v1/nowhere", "/v1/responses/resp_0/nowhere", "/v1"])
def test_no_route_is_an_invalid_url_with_a_key_and_without(api: Front, operator: Operator, path: str):
    for key in (None, operator.key()):
        answer = api.ask("GET", path, key=key)
        assert answer.status == 404
        assert answer.error == {
            "message": "Invalid URL",
            "type": "invalid_request_error",
            "param": None,
            "code": None,
        }


def test_too_many_requests_are_told_when_to_come_back(api: Front, operator: Operator, stack: Stack):
    def limit(rate: float, burst: float) -> None:
        limits = {"/*/*/throttling/rateLimit": rate, "/*/*/throttling/burstLimit": burst}
        patches = [{"op": "replace", "path": path, "value": f"{value:g}"} for path, value in limits.items()]
        gateway.update_stage(**place, patchOperations=patches)

    place = {"restApiId": stack.api_id, "stageName": "v1"}
    gateway = stack.client("apigateway")
    settings = gateway.get_stage(**place)["methodSettings"]["*/*"]
    key = operator.key()
    limit(0, 0)
    try:
        answer = api.ask("GET", "/v1/models", key=key)
    finally:
        limit(settings["throttlingRateLimit"], settings["throttlingBurstLimit"])
    assert (answer.status, answer.header("retry-after")) == (429, "1")
    assert answer.error.keys() == ENVELOPE
    assert (answer.error["type"], answer.error["code"]) == ("rate_limit_error", "rate_limit_exceeded")
    assert api.ask("GET", "/v1/models", key=key).status == 200


def test_a_page_may_read_what_api_gateway_answers(api: Front):
    for path in ("/v1/models", "/v1/nowhere"):
        assert api.ask("GET", path).header("access-control-allow-origin") == "*"
