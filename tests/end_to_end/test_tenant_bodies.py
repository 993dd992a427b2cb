"""What a request's body names or brings of another tenant's is worth as much as what was made up."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from tests.end_to_end.estates import LOOK_UP, MODEL, all_ids, foreign_ids, never_made
from tests.end_to_end.test_tenants import told
from tests.fakes.fronts import Application, keyed_runtime
from tests.fakes.operator import Operator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.end_to_end.conftest import Tenants
    from tests.fakes.fronts import Answer

Json = dict[str, Any]


def message(*parts: Json) -> Json:
    return {"role": "user", "content": [{"type": "input_text", "text": "What is this?"}, *parts]}


REFERENCES: dict[str, Callable[[str], Json]] = {
    "previous_response_id": lambda id: {"previous_response_id": id, "input": "Go on"},
    "conversation": lambda id: {"conversation": id, "input": "Go on"},
    "conversation.id": lambda id: {"conversation": {"id": id}, "input": "Go on"},
    "prompt": lambda id: {"prompt": {"id": id}, "input": "Go on"},
    "item_reference": lambda id: {"input": [{"type": "item_reference", "id": id}, message()]},
    "function_call_output": lambda id: {
        "input": [{"type": "function_call_output", "call_id": id, "output": "x"}],
        "tools": [LOOK_UP],
    },
}
"""Where a body names what is kept. Files are kept nowhere here."""

OWN_ITEMS = ("one's own output item", "one's own input item")
"""What a reference to an item may well name."""

STREAM = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Json], Answer]]:
    """What an installation says in which nothing was ever made."""
    file = tmp_path_factory.mktemp("elsewhere") / "responses.db"
    front, operator = Application(keyed_runtime(file)), Operator(file)
    key = operator.key("nobody")
    yield lambda body: front.ask("POST", "/v1/responses", body, key=key)
    operator.close()
    front.close()


@STREAM
@pytest.mark.parametrize("refer", REFERENCES.values(), ids=REFERENCES)
def test_what_a_body_names_of_anothers_is_not_there(
    tenants: Tenants, elsewhere: Callable[[Json], Answer], refer: Callable[[str], Json], stream: bool
):
    before = tenants.operator.rows()
    nothing = never_made()
    for kind, id in all_ids(tenants.owner, tenants.stranger).items():
        if kind in OWN_ITEMS:
            continue
        body = {"model": MODEL, "stream": stream, **refer(id)}
        unknown = {"model": MODEL, "stream": stream, **refer(nothing)}
        answer, baseline = tenants.asked("POST", "/v1/responses", body), elsewhere(body)
        status, error, headers = told(answer, id)
        assert (status, error) == told(baseline, id)[:2], kind
        assert headers == told(tenants.asked("POST", "/v1/responses", unknown), nothing)[2], kind
        assert status in (400, 404), kind
    assert tenants.operator.rows() == before


@STREAM
def test_a_foreign_response_cannot_be_continued(tenants: Tenants, stream: bool):
    for kind, id in foreign_ids(tenants.owner).items():
        body = {"model": MODEL, "input": "Go on", "previous_response_id": id, "stream": stream}
        answer = tenants.asked("POST", "/v1/responses", body)
        assert answer.status == 400, kind
        if id.startswith("resp_"):
            assert answer.error["code"] == "previous_response_not_found", kind
            assert answer.error["param"] == "previous_response_id", kind


def test_its_owner_can_use_all_of_that(tenants: Tenants):
    owner, ask = tenants.owner, tenants.front.ask
    for response in owner.living:
        for path in (response["id"], f"{response['id']}?stream=true", f"{response['id']}/input_items"):
            assert ask("GET", f"/v1/responses/{path}", key=owner.key).status == 200
    assert owner.make("x", previous_response_id=owner.plain["id"])["status"] == "completed"
    items = [owner.plain["output"][0]["id"], owner.input_item(owner.plain)]
    for item in items:
        assert owner.make([{"type": "item_reference", "id": item}, message()])["status"] == "completed"
    output = {"type": "function_call_output", "call_id": owner.call_id, "output": "found"}
    called = owner.make([output], previous_response_id=owner.calling["id"])
    assert "found" in called["output"][0]["content"][0]["text"]
    assert ask("POST", f"/v1/responses/{owner.plain['id']}/cancel", key=owner.key).status == 400


def bring(encrypted_content: str, kind: str = "reasoning") -> Json:
    """A request with something sealed in it."""
    item: Json = {"type": kind, "encrypted_content": encrypted_content}
    if kind == "reasoning":
        item |= {"id": f"rs_{'0' * 48}", "summary": []}
    return {"model": MODEL, "input": [item, message()], "include": ["reasoning.encrypted_content"]}


def forged(seal: str) -> dict[str, str]:
    """What somebody may make of a seal that is not theirs."""
    version, key, text = seal.split(".")
    content = bytearray(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    content[20] ^= 1
    changed = base64.urlsafe_b64encode(content).rstrip(b"=").decode()
    return {
        "changed": f"{version}.{key}.{changed}",
        "cut short": seal[:-8],
        "made up": f"{version}.{key}.{base64.urlsafe_b64encode(bytes(64)).decode()}",
        "of another key": f"{version}.0000.{text}",
        "of another version": f"lr2.{key}.{text}",
        "empty": f"{version}.{key}.",
    }


@STREAM
@pytest.mark.parametrize("kind", ["reasoning", "compaction"])
def test_what_was_sealed_for_another_tenant_opens_no_more_than_a_forgery(
    tenants: Tenants, kind: str, stream: bool
):
    before = tenants.operator.rows()
    seal = tenants.owner.seal
    answers = {
        how: tenants.asked("POST", "/v1/responses", {**bring(envelope, kind), "stream": stream})
        for how, envelope in {"another tenant's": seal, **forged(seal)}.items()
    }
    assert {how: told(answer, "") for how, answer in answers.items()} == dict.fromkeys(
        answers, told(answers["changed"], "")
    )
    refused = answers["another tenant's"]
    assert (refused.status, refused.error["code"]) == (400, "invalid_encrypted_content")
    assert refused.error["param"] == "input[0].encrypted_content"
    assert tenants.operator.rows() == before


def test_what_was_sealed_for_a_tenant_opens_for_it(tenants: Tenants):
    for each in (tenants.owner, tenants.stranger):
        answer = tenants.front.ask("POST", "/v1/responses", bring(each.seal), key=each.key)
        assert answer.status == 200, answer.content
    assert tenants.owner.seal != tenants.stranger.seal


def test_lists_show_ones_own_and_nothing_else(tenants: Tenants):
    """Also where somebody gives items the ids that another tenant's have."""
    owner, stranger = tenants.owner, tenants.stranger
    claimed = [
        {"type": "message", "id": id, "role": "user", "content": f"Mine {number}"}
        for number, id in enumerate([owner.plain["output"][0]["id"], owner.input_item(owner.plain)])
    ]
    mine = stranger.make(claimed)
    went_on = stranger.make("Go on", previous_response_id=mine["id"])
    for response in (mine, went_on, *stranger.living):
        listed = tenants.asked("GET", f"/v1/responses/{response['id']}/input_items?limit=100")
        assert listed.status == 200
        assert b"acme" not in listed.content
    shown = tenants.asked("GET", f"/v1/responses/{mine['id']}/input_items?order=asc").json["data"]
    assert [item["content"][0]["text"] for item in shown] == ["Mine 0", "Mine 1"]
    for response in owner.living:
        path = f"/v1/responses/{response['id']}"
        assert tenants.front.ask("GET", path, key=owner.key).json["output"] == response["output"]


def test_a_cursor_of_another_tenants_is_none(tenants: Tenants):
    path = f"/v1/responses/{tenants.stranger.plain['id']}/input_items?after="
    nothing = f"msg_{never_made().removeprefix('resp_')}"
    unknown = told(tenants.asked("GET", path + nothing), nothing)
    for id in (tenants.owner.input_item(tenants.owner.plain), tenants.owner.plain["output"][0]["id"]):
        assert told(tenants.asked("GET", path + id), id) == unknown
    assert unknown[0] == 400
