"""What belongs to another tenant is not there: the same 404 as for what never was, by every way in.

How long an answer takes is not compared.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from lambda_responses.endpoints.application import OPERATIONS
from lambda_responses.wire.faults import ECHO_LIMIT, clip
from tests.end_to_end.estates import MODEL, all_ids, never_made
from tests.fakes.fronts import SERVED, Served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.end_to_end.conftest import Tenants
    from tests.fakes.fronts import Answer

Json = dict[str, Any]

CHANGING = frozenset(
    {"x-request-id", "openai-processing-ms", "date", "content-length", "x-amzn-requestid", "x-amzn-trace-id"}
)
"""Headers that differ from answer to answer, or by the length of the id."""
QUERIES = {
    "get_response": (
        "?stream=true",
        "?stream=true&starting_after=1",
        "?include[]=reasoning.encrypted_content",
    ),
    "list_input_items": ("?order=asc&limit=1", "?after=msg_1", "?limit=0"),
}
"""What an operation may be asked besides."""
BODIES: dict[str, Json] = {
    "/v1/conversations/{conversation_id}": {"metadata": {"a": "b"}},
    "/v1/conversations/{conversation_id}/items": {"items": [{"role": "user", "content": "Mine"}]},
    "/v1/webhook_endpoints/{webhook_endpoint_id}": {"name": "Mine"},
    "/v1/webhook_endpoints/{webhook_endpoint_id}/test": {"event_type": "response.completed"},
}
"""What must be sent for an id to be looked at."""


def routes() -> Iterator[Any]:
    """Every route that names something, so that a new one is covered by itself."""
    for operation in OPERATIONS:
        for method, path in operation.routes:
            if "{" not in path:
                continue
            for query in ("", *(QUERIES.get(operation.name, ()) if method == "GET" else ())):
                yield pytest.param(method, path + query, id=f"{method} {path}{query}")
            if method == "GET":
                yield pytest.param("HEAD", path, id=f"HEAD {path}")


def named(path: str, id: str) -> str:
    """The path with that id in all its places."""
    written = quote(id, safe="").replace(".", "%2E")  # or a client would take `..` for a way
    return re.sub(r"\{[^}]+\}", lambda _: written, path)


def told(answer: Answer, id: str) -> tuple[int, str, tuple[tuple[str, str], ...]]:
    """An answer without the id that was asked for, and without what no two answers share."""
    body = answer.content and {**answer.error, "message": without(id, answer.error["message"])}
    return answer.status, str(body), tuple(sorted(h for h in answer.headers if h[0] not in CHANGING))


def without(id: str, message: str) -> str:
    """A message without the id that it quotes, as far as it does."""
    for shown in (id, clip(id), id[:ECHO_LIMIT].rstrip()):
        message = message.replace(f"'{shown}'", "'{id}'")
    return message


@pytest.mark.parametrize(("method", "path"), [*routes()])
def test_every_id_that_opens_nothing_is_answered_alike(tenants: Tenants, method: str, path: str):
    before = tenants.rows()
    ids = all_ids(tenants.owner, tenants.stranger)
    body = BODIES.get(path) if method == "POST" else None
    answers = {kind: tenants.asked(method, named(path, id), body) for kind, id in ids.items()}
    nothing = never_made()
    unknown = tenants.asked(method, named(path, nothing), body)
    expected = told(unknown, nothing)
    assert {kind: told(answers[kind], id) for kind, id in ids.items()} == dict.fromkeys(ids, expected)
    assert unknown.status == (400 if "limit=0" in path else 404) or is_not_offered(unknown, path)
    assert tenants.rows() == before


def is_not_offered(answer: Answer, path: str) -> bool:
    """Whether an operation says of itself that it is not there yet, whatever is asked of it."""
    unsupported = not answer.content or answer.error["code"] == "unsupported_parameter"
    return "/responses/" not in path and answer.status == 400 and unsupported


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_one_has_no_items_of_others_in_ones_own_conversation(tenants: Tenants, method: str):
    owner, own = tenants.owner, tenants.stranger
    items = f"/v1/conversations/{own.conversation}/items"
    before, mine = tenants.rows(), tenants.asked("GET", items).json
    nothing = never_made()
    unknown = told(tenants.asked(method, f"{items}/{nothing}"), nothing)
    assert unknown[0] == 404
    for kind, id in all_ids(owner, own).items():
        if kind != "one's own item of a conversation":
            assert told(tenants.asked(method, named(f"{items}/{{item_id}}", id)), id) == unknown, kind
    for id in (owner.conversation_item, nothing):
        answer = tenants.asked("GET", f"{items}?after={id}")
        assert (answer.status, answer.error["param"]) == (400, "after")
    assert tenants.rows() == before
    assert tenants.asked("GET", items).json == mine


@pytest.mark.parametrize("place", SERVED, indirect=True)
def test_a_response_in_the_making_is_not_there_for_others_and_goes_on(tenants: Tenants):
    front, key, nothing = tenants.front, tenants.owner.key, never_made()
    assert isinstance(front, Served)
    with front.streamed({"model": MODEL, "input": "[[words:20]] [[pause:20]]"}, key=key) as events:
        made = next(events)["response"]["id"]
        for method, path in (("GET", ""), ("GET", "/input_items"), ("POST", "/cancel"), ("DELETE", "")):
            answer, unknown = (tenants.asked(method, f"/v1/responses/{id}{path}") for id in (made, nothing))
            assert told(answer, made) == told(unknown, nothing)
        last = [*events][-1]
    assert last["type"] == "response.completed"
    assert front.ask("GET", f"/v1/responses/{made}", key=key).json == last["response"]
