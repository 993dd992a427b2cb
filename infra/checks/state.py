"""That what is kept is kept: conversations, shortened contexts, pictures, answers to the same request."""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING, Any

from infra.checks.subject import MODEL
from infra.checks.verdicts import Json, answered, demand, refused

if TYPE_CHECKING:
    import httpx

    from infra.checks.subject import Subject

_PICTURE_BYTES = 3_000_000
"""Far too large for a row, and as base64 well below the 6 MB that a function takes."""
_SHOWN = {"include[]": "message.input_image.image_url"}


def check_the_life_of_a_conversation(subject: Subject) -> str:
    """A response adds to it without being told what came before."""
    with subject.client() as api:
        begun = {"items": [{"role": "user", "content": "Say one."}]}
        place = f"/conversations/{answered(api.post('/conversations', json=begun), 'create')['id']}"
        demand(answered(api.get(place), "retrieve")["metadata"] == {}, "it has metadata that nobody gave it")
        answered(api.post(place, json={"metadata": {"topic": "counting"}}), "update")
        said = _created(api, input="Say two.", conversation=place.rpartition("/")[2])
        items = answered(api.get(f"{place}/items", params={"order": "asc"}), "list items")["data"]
        demand(len(items) == 3, f"it has {len(items)} items, where 3 were expected")
        answered(api.delete(f"{place}/items/{items[0]['id']}"), "delete an item")
        answered(api.delete(f"/responses/{said['id']}"), "delete its response")
        answered(api.delete(place), "delete")
        refused(api.get(place), "retrieve of what is deleted", 404)
    return "created, updated, added to by a response, listed, deleted"


def check_a_context_becomes_shorter(subject: Subject) -> str:
    """Counted, compacted, and gone on with."""
    with subject.client() as api:
        first = _created(api, input="Say one.")
        next_turn = {"model": MODEL, "input": "Say two.", "previous_response_id": first["id"]}
        counting = api.post("/responses/input_tokens", json=next_turn)
        tokens = answered(counting, "count")["input_tokens"]
        demand(tokens > 0, f"{tokens} input tokens were counted")
        short = answered(api.post("/responses/compact", json=next_turn), "compact")
        kinds = [item["type"] for item in short["output"]]
        demand(kinds[-1:] == ["compaction"], f"compacted into {kinds}")
        after = _created(api, input=[*short["output"], {"role": "user", "content": "Say three."}])
        for each in (after, first):
            answered(api.delete(f"/responses/{each['id']}"), "delete")
    counter = counting.headers.get("x-responses-token-count", "nobody knows whom")
    return f"{tokens} tokens (counted by: {counter}) compacted, and gone on with"


def check_a_picture_is_kept(subject: Subject) -> str:
    """As it was sent, for the turns after it, and no longer than what it came with."""
    url = f"data:image/png;base64,{base64.b64encode(secrets.token_bytes(_PICTURE_BYTES)).decode()}"
    parts = [{"type": "input_text", "text": "Say one."}, {"type": "input_image", "image_url": url}]
    with subject.client(waiting=60) as api:
        first = _created(api, input=[{"role": "user", "content": parts}])
        second = _created(api, input="Say two.", previous_response_id=first["id"])
        place = f"/responses/{second['id']}/input_items"
        items = answered(api.get(place, params={"order": "asc", "limit": 1, **_SHOWN}), "list input items")
        kept = items["data"][0]["content"][1].get("image_url")
        demand(kept == url, "the next turn has another picture than was sent")
        for each in (second, first):
            answered(api.delete(f"/responses/{each['id']}"), "delete")
    return f"{_PICTURE_BYTES / 1e6:.0f} MB, the same for the next turn, deleted"


def check_the_same_request_is_answered_once(subject: Subject) -> str:
    """What is sent again under its key is told what it was told before."""
    named = {"idempotency-key": secrets.token_hex(16)}
    body = {"model": MODEL, "input": "Say one."}
    with subject.client() as api:
        first = answered(api.post("/responses", json=body, headers=named), "create")
        again = api.post("/responses", json=body, headers=named)
        demand(answered(again, "create again") == first, "sent again, it was answered otherwise")
        other = api.post("/responses", json={**body, "input": "Say two."}, headers=named)
        error = refused(other, "another request under the same key", 400)
        demand(error["code"] == "idempotency_key_reused", f"another request's code is {error['code']!r}")
        answered(api.delete(f"/responses/{first['id']}"), "delete")
    return "answered once, told twice"


def _created(api: httpx.Client, **body: Any) -> Json:
    return answered(api.post("/responses", json={"model": MODEL, **body}), "create a response")
