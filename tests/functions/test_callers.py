"""Who is let in, by every way in: `make dev`, the REST API, and the function URLs."""

from __future__ import annotations

import asyncio
import importlib
import io
import json
import logging
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from lambda_responses.endpoints.application import whole_application
from lambda_responses.runtime.logs import logger
from lambda_responses.runtime.runtime import Runtime
from lambda_responses.storage.api_keys import ApiKeys
from lambda_responses.wire.api_keys import render_key
from lambda_responses.wire.scopes import (
    MODELS_READ,
    RESPONSES_READ,
    RESPONSES_WRITE,
    WEBHOOKS_READ,
    WEBHOOKS_WRITE,
)
from tests.functions.events import ACCOUNT, Context, by_api, by_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    Headers = Sequence[tuple[str, str]]

UNKNOWN = "resp_" + "0" * 48
NOBODYS = "whe_" + "0" * 48
HELLO = {"model": "scripted/echo", "input": "Hello"}
ROUTES = [
    ("create_response", "POST", "/responses", HELLO),
    ("get_response", "GET", f"/responses/{UNKNOWN}", None),
    ("delete_response", "DELETE", f"/responses/{UNKNOWN}", None),
    ("list_input_items", "GET", f"/responses/{UNKNOWN}/input_items", None),
    ("cancel_response", "POST", f"/responses/{UNKNOWN}/cancel", None),
    ("compact_response", "POST", "/responses/compact", {}),
    ("count_input_tokens", "POST", "/responses/input_tokens", {}),
    ("conversations", "POST", "/conversations", {}),
    ("conversations", "GET", "/conversations/conv_1", None),
    ("webhook_endpoints", "POST", "/webhook_endpoints", {}),
    ("webhook_endpoints", "GET", "/webhook_endpoints", None),
    ("webhook_endpoints", "GET", "/webhook_event_types", None),
    ("list_models", "GET", "/models", None),
    ("list_models", "GET", "/models/scripted/echo", None),
]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: str

    @property
    def error(self) -> Any:
        return json.loads(self.body)["error"]


Way = "Callable[[Runtime, str, str, str, Any, Headers], Answer]"


def through(event: Callable[..., dict[str, Any]]) -> Any:
    def ask(runtime: Runtime, door: str, method: str, path: str, body: Any, headers: Headers = ()) -> Answer:
        handler = importlib.import_module(f"functions.{door}.handler").lambda_handler
        answer = handler(event(method, path, body, headers), Context(), using=runtime)
        return Answer(answer["statusCode"], answer["headers"], answer["body"])

    return ask


def on_this_machine(
    runtime: Runtime, door: str, method: str, path: str, body: Any, headers: Headers = ()
) -> Answer:
    async def ask() -> httpx.Response:
        app: Any = whole_application(runtime)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://api.example/v1") as http:
            return await http.request(method, path, json=body, headers=[(n, v.encode()) for n, v in headers])

    answer = asyncio.get_event_loop().run_until_complete(ask())
    return Answer(answer.status_code, dict(answer.headers), answer.text)


WAYS = {"make dev": on_this_machine, "REST API": through(by_api), "function URL": through(by_url)}


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def ask(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(autouse=True)
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Mangum runs on the loop of the thread, as Lambda's runtime leaves it."""
    own = asyncio.new_event_loop()
    asyncio.set_event_loop(own)
    yield own
    asyncio.set_event_loop(None)
    own.close()


@pytest.fixture
def make(tmp_path: Path, loop: asyncio.AbstractEventLoop) -> Iterator[Callable[..., Runtime]]:
    """Runtimes over one store."""
    made: list[Runtime] = []

    def runtime(auth: str = "keys") -> Runtime:
        store = f"sqlite:///{tmp_path}/responses.db"
        made.append(Runtime({"RESPONSES_STORE": store, "RESPONSES_AUTH": auth}))
        return made[-1]

    yield runtime
    for each in made:
        loop.run_until_complete(each.aclose())


@pytest.fixture
def runtime(make: Callable[..., Runtime]) -> Runtime:
    return make()


@dataclass
class Operator:
    """Makes keys in a runtime's store, and takes them back."""

    runtime: Runtime
    loop: asyncio.AbstractEventLoop

    def key(self, tenant: str = "acme", **options: Any) -> str:
        return self.loop.run_until_complete(self.runtime.callers.keys.create(tenant, **options))[1]

    def revoked_key(self) -> str:
        made, text = self.loop.run_until_complete(self.runtime.callers.keys.create("acme"))
        self.loop.run_until_complete(self.runtime.callers.keys.revoke(made.key_id))
        return text

    def expired_key(self) -> str:
        store: Any = self.runtime.callers._store()
        long_ago = ApiKeys(store, now=lambda: 1_000, entropy=secrets.token_bytes)
        return self.loop.run_until_complete(long_ago.create("acme", expires=2_000))[1]


@pytest.fixture
def operator(runtime: Runtime, loop: asyncio.AbstractEventLoop) -> Operator:
    return Operator(runtime, loop)


def bearer(text: str) -> Headers:
    return [("Authorization", f"Bearer {text}")]


@pytest.mark.parametrize(("door", "method", "path", "body"), ROUTES, ids=lambda value: str(value)[:40])
def test_no_route_opens_without_a_key(
    ask: Any, runtime: Runtime, door: str, method: str, path: str, body: Any
):
    for headers in ((), bearer("sk-none"), bearer(render_key(bytes(32)))):
        answer = ask(runtime, door, method, path, body, headers)
        assert answer.status == 401
        assert answer.error.keys() == {"message", "type", "param", "code"}
        assert (answer.error["type"], answer.error["code"]) == ("invalid_request_error", "invalid_api_key")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize(("door", "method", "path", "body"), ROUTES, ids=lambda value: str(value)[:40])
def test_every_route_opens_with_one(
    ask: Any, runtime: Runtime, operator: Operator, door: str, method: str, path: str, body: Any
):
    assert ask(runtime, door, method, path, body, bearer(operator.key())).status in (200, 400, 404)


def test_whoever_is_refused_does_not_learn_why(ask: Any, runtime: Runtime, operator: Operator):
    good = operator.key()
    wrong = {
        "mistyped": good[:-1] + ("A" if good[-1] != "A" else "B"),
        "never made": render_key(secrets.token_bytes(32)),
        "revoked": operator.revoked_key(),
        "expired": operator.expired_key(),
        "somebody else's": "sk-proj-" + "a" * 40,
    }
    told = {
        kind: ask(runtime, "list_models", "GET", "/models", None, bearer(text))
        for kind, text in wrong.items()
    }
    assert {answer.status for answer in told.values()} == {401}
    assert len({answer.body for answer in told.values()}) == 1
    for kind, text in wrong.items():
        assert text[:12] not in told[kind].body
        assert text[-4:] not in told[kind].body


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic c2stbHI6eA==",
        "Bearer " + "a" * 9_000,
        "Bearer ¤¤é",
        "Bearer a b",
        "\x7f",
    ],
)
def test_a_header_that_holds_no_key_is_a_401(ask: Any, runtime: Runtime, value: str):
    answer = ask(runtime, "list_models", "GET", "/models", None, [("Authorization", value)])
    assert (answer.status, answer.error["code"]) == (401, "invalid_api_key")


def test_two_keys_are_none(ask: Any, runtime: Runtime, operator: Operator):
    good = operator.key()
    answer = ask(runtime, "list_models", "GET", "/models", None, [*bearer(good), *bearer(good)])
    assert (answer.status, answer.error["code"]) == (401, "invalid_api_key")


def test_a_tenants_responses_are_nobody_elses(ask: Any, runtime: Runtime, operator: Operator):
    mine, colleagues, foreign = operator.key("acme"), operator.key("acme"), operator.key("globex")
    made = json.loads(ask(runtime, "create_response", "POST", "/responses", HELLO, bearer(mine)).body)
    path = f"/responses/{made['id']}"
    assert ask(runtime, "get_response", "GET", path, None, bearer(colleagues)).status == 200
    for door, method, more in (
        ("get_response", "GET", ""),
        ("list_input_items", "GET", "/input_items"),
        ("cancel_response", "POST", "/cancel"),
        ("delete_response", "DELETE", ""),
    ):
        answer = ask(runtime, door, method, path + more, None, bearer(foreign))
        unknown = ask(runtime, door, method, f"/responses/{UNKNOWN}{more}", None, bearer(foreign))
        assert answer.status == 404
        assert answer.body == unknown.body.replace(UNKNOWN, made["id"])
    assert ask(runtime, "get_response", "GET", path, None, bearer(mine)).status == 200


def test_a_tenants_webhook_endpoints_are_nobody_elses(ask: Any, runtime: Runtime, operator: Operator):
    mine, foreign = operator.key("acme"), operator.key("globex")
    body = {"name": "n", "url": "https://a.example/", "event_types": ["response.failed"]}
    made = json.loads(
        ask(runtime, "webhook_endpoints", "POST", "/webhook_endpoints", body, bearer(mine)).body
    )
    path, unknown = (f"/webhook_endpoints/{id}" for id in (made["id"], NOBODYS))
    for method, more, body in (
        ("GET", "", None),
        ("POST", "", {"name": "mine now"}),
        ("POST", "/rotate_secret", {}),
        ("POST", "/test", {"event_type": "response.failed"}),
        ("DELETE", "", None),
    ):
        answer, none = (
            ask(runtime, "webhook_endpoints", method, place + more, body, bearer(foreign))
            for place in (path, unknown)
        )
        assert answer.status == none.status == 404
        assert answer.body == none.body.replace(NOBODYS, made["id"])
    listed = ask(runtime, "webhook_endpoints", "GET", "/webhook_endpoints", None, bearer(foreign))
    assert json.loads(listed.body)["data"] == []
    kept = json.loads(ask(runtime, "webhook_endpoints", "GET", path, None, bearer(mine)).body)
    assert kept == {name: value for name, value in made.items() if name != "signing_secret"}


@pytest.mark.parametrize(
    ("scope", "opens"),
    [
        (MODELS_READ, {"list_models"}),
        (WEBHOOKS_READ, {"webhook_endpoints"}),
        (WEBHOOKS_WRITE, {"webhook_endpoints"}),
        (RESPONSES_READ, {"get_response", "list_input_items", "conversations"}),
        (
            RESPONSES_WRITE,
            {
                *("create_response", "delete_response", "cancel_response"),
                *("compact_response", "count_input_tokens", "conversations"),
            },
        ),
    ],
)
def test_a_key_does_what_it_was_made_for(
    ask: Any, runtime: Runtime, operator: Operator, scope: str, opens: set[str]
):
    key = operator.key(scopes=[scope])
    answers = [(route[0], ask(runtime, *route, bearer(key))) for route in ROUTES]
    assert {door for door, answer in answers if answer.status != 403} == opens
    assert {answer.error["code"] for _, answer in answers if answer.status == 403} == {"missing_scope"}


@pytest.mark.parametrize("host", ["api.example", "192.0.2.1:8080"])
def test_with_keys_a_server_answers_other_machines_and_pages(runtime: Runtime, operator: Operator, host: str):
    page = [("Origin", "https://app.example"), ("Host", host)]
    answer = on_this_machine(runtime, "", "GET", "/models", None, [*page, *bearer(operator.key())])
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, "*")


VOUCHED = {"tenant": "globex", "key_id": "key_2", "scopes": MODELS_READ, "principalId": "key_2"}


def ask_door(runtime: Runtime, event: dict[str, Any]) -> int:
    handler = importlib.import_module("functions.list_models.handler").lambda_handler
    return handler(event, Context(), using=runtime)["statusCode"]


def test_what_the_authorizer_found_out_is_believed(runtime: Runtime):
    assert ask_door(runtime, by_api("GET", "/models", authorizer=VOUCHED)) == 200
    assert ask_door(runtime, by_api("GET", "/models", authorizer=VOUCHED | {"scopes": RESPONSES_READ})) == 403


@pytest.mark.parametrize("context", [VOUCHED, {"lambda": VOUCHED}, {"iam": VOUCHED}, {"jwt": VOUCHED}])
def test_what_looks_like_it_in_an_event_of_a_function_url_is_not(runtime: Runtime, context: Any):
    assert ask_door(runtime, by_url("GET", "/models", authorizer=context)) == 401


def test_headers_and_bodies_are_no_authorizer(runtime: Runtime):
    said = [("authorizer", json.dumps(VOUCHED)), ("x-amzn-authorizer", "globex"), ("tenant", "globex")]
    assert (
        ask_door(runtime, by_api("GET", "/models", {"requestContext": {"authorizer": VOUCHED}}, said)) == 401
    )
    assert (
        ask_door(runtime, by_url("GET", "/models", {"requestContext": {"authorizer": VOUCHED}}, said)) == 401
    )


SIGNED = {"accountId": ACCOUNT, "caller": "AIDA:me", "callerId": "AIDA:me", "sourceIp": "192.0.2.1"}


def test_with_iam_both_ways_in_know_the_account_that_signed(make: Callable[..., Runtime]):
    runtime = make("iam")
    assert ask_door(runtime, by_api("GET", "/models", identity=SIGNED)) == 200
    assert ask_door(runtime, by_url("GET", "/models", authorizer={"iam": SIGNED})) == 200
    assert ask_door(runtime, by_api("GET", "/models")) == 401
    assert ask_door(runtime, by_url("GET", "/models")) == 401
    assert ask_door(runtime, by_api("GET", "/models", authorizer=VOUCHED)) == 401


def test_no_key_is_in_any_line_of_the_log(ask: Any, runtime: Runtime, operator: Operator):
    keys = [operator.key(), operator.revoked_key(), render_key(bytes(32)), "sk-lr-mistyped", "geheimnis"]
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(logger.registered_formatter)
    logger.addHandler(handler)
    try:
        for key in keys:
            for route in ROUTES:
                ask(runtime, *route, bearer(key))
    finally:
        logger.removeHandler(handler)
    said = lines.getvalue()
    assert said.count('"status"') == len(keys) * len(ROUTES)
    for key in keys:
        assert key not in said
        assert key.removeprefix("sk-lr-")[:10] not in said
