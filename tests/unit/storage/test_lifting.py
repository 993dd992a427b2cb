"""Media leave items and come back to the byte; what would not, stays."""

from __future__ import annotations

import copy
import json
import random
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.storage.blobs.lifting import (
    LEAST_LIFTED,
    MediaMissing,
    digest_of,
    lift,
    lifted,
    named,
    put_back,
    restored,
)

PICTURE = random.Random(1).randbytes(LEAST_LIFTED)
ENCODED = b64encode(PICTURE).decode()
PNG = f"data:image/png;base64,{ENCODED}"
PDF = f"data:application/pdf;name=a;base64,{ENCODED}"


def message(*parts: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": list(parts)}


HOLDERS: list[dict[str, Any]] = [
    message({"type": "input_image", "detail": "auto", "image_url": PNG}),
    message({"type": "input_file", "filename": "a.pdf", "file_data": PDF}),
    message({"type": "input_file", "filename": "a.pdf", "file_data": ENCODED}),
    message({"type": "input_audio", "input_audio": {"data": ENCODED, "format": "wav"}}),
    {"type": "computer_call_output", "output": {"type": "computer_screenshot", "image_url": PNG}},
    {"type": "image_generation_call", "status": "completed", "result": ENCODED},
    {"type": "function_call_output", "output": [{"type": "input_image", "image_url": PNG}]},
    {"type": "function_call_output", "output": PNG},
    {"type": "code_interpreter_call", "outputs": [{"type": "image", "url": PNG}]},
]

TEXTS: list[str] = [
    ENCODED,
    f"look: {PNG}",
    f"data:image/png,{ENCODED}",
    "a" * 3 * LEAST_LIFTED,
]

ODD: list[str] = [
    f"{ENCODED[:-1]}*",
    ENCODED[:-3] + "\n" + ENCODED[-3:],
    ENCODED + "=",
    ENCODED + "é",
    ENCODED.rstrip("=")[:-1],
    ENCODED[:LEAST_LIFTED],
    ENCODED.replace("+", "-").replace("/", "_"),
    "\ud800" * LEAST_LIFTED * 2,
    "=" * LEAST_LIFTED * 2,
    # The last four bits of what precedes `==` mean nothing, and are lost on decoding.
    b64encode(b"x" * (LEAST_LIFTED + 2 - LEAST_LIFTED % 3 + 2)).decode()[:-3] + "F==",
]


@pytest.mark.parametrize("item", HOLDERS, ids=lambda item: item["type"])
def test_media_leave_the_item_wherever_they_are(item: dict[str, Any]):
    before = copy.deepcopy(item)
    found = lift([item])
    assert item == before
    assert len(json.dumps(found.values)) < 200
    assert dict(found.blobs) == {digest_of(PICTURE): PICTURE}
    assert named(found.media) == {digest_of(PICTURE)}
    kept = json.loads(json.dumps([found.values, found.media]))
    for value, media in zip(*kept, strict=True):
        put_back(value, media, found.blobs)
    assert kept[0] == [item]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_text_is_no_medium(text: str):
    assert not lift([message({"type": "input_text", "text": text})]).blobs


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,"])
def test_what_would_not_come_back_as_it_was_stays(odd: str, prefix: str):
    item = message({"type": "input_file", "file_data": prefix + odd})
    found = lift([item])
    assert (list(found.values), found.media, found.blobs) == ([item], [[]], {})


def test_a_picture_that_is_there_twice_is_one_blob():
    found = lift([HOLDERS[0], HOLDERS[4]])
    assert len(found.blobs) == 1
    assert [len(media) for media in found.media] == [1, 1]


def test_an_item_without_media_is_not_copied():
    item = message({"type": "input_text", "text": "a" * 3 * LEAST_LIFTED})
    assert lift([item]).values[0] is item


def test_a_missing_medium_is_told():
    found = lift([HOLDERS[0]])
    with pytest.raises(MediaMissing):
        put_back(found.values[0], found.media[0], {})


MEDIA = st.builds(
    lambda size, seed, prefix: prefix + b64encode(random.Random(seed).randbytes(size)).decode(),
    st.sampled_from([10, LEAST_LIFTED - 1, LEAST_LIFTED, LEAST_LIFTED + 1, 20_000]),
    st.integers(0, 3),
    st.sampled_from(["", "data:image/png;base64,", "data:;base64,", "x"]),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | MEDIA,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["image_url", "result", "data", "text", "0"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(st.lists(VALUES, max_size=4))
def test_any_values_come_back_as_they_were(values: list[Any]):
    found = lift(values)
    kept, media = json.loads(json.dumps([found.values, found.media]))
    for value, each in zip(kept, media, strict=True):
        put_back(value, each, found.blobs)
    assert kept == values


class Memory:
    """Blobs in a dictionary."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.puts: list[tuple[str, int | None]] = []

    async def put(self, name: str, data: bytes, *, expires: int | None) -> None:
        self.puts.append((name, expires))
        self.held[name] = data

    async def get(self, name: str) -> bytes | None:
        return self.held.get(name)

    async def delete(self, names: Any) -> None:
        for name in names:
            self.held.pop(name, None)

    async def clear(self, scope: str) -> None:
        self.held.clear()

    def close(self) -> None:
        pass


@pytest.mark.anyio
async def test_lifted_media_lie_in_their_scope_and_those_known_are_not_sent_again():
    blobs = Memory()
    items = [*HOLDERS, message({"type": "input_text", "text": "Hi"})]
    found = await lifted(items, blobs=blobs, scope="threads/acme/1", expires=7)
    assert blobs.puts == [(f"threads/acme/1/{digest_of(PICTURE)}", 7)]
    known = named(found.media)
    again = await lifted(items, blobs=blobs, scope="threads/acme/1", expires=9, known=known)
    assert len(blobs.puts) == 1
    values = json.loads(json.dumps(again.values))
    assert await restored(values, again.media, blobs=blobs, scope="threads/acme/1") == items
    with pytest.raises(MediaMissing):
        await restored(json.loads(json.dumps(again.values)), again.media, blobs=blobs, scope="threads/x/1")
    with pytest.raises(MediaMissing):
        await restored(json.loads(json.dumps(again.values)), again.media, blobs=None, scope="threads/acme/1")


@pytest.mark.anyio
async def test_without_a_place_for_blobs_nothing_is_lifted():
    found = await lifted(HOLDERS, blobs=None, scope="threads/acme/1", expires=None)
    assert found.values is HOLDERS
    assert await restored(HOLDERS, found.media, blobs=None, scope="threads/acme/1") is HOLDERS
