"""A finished response is read as the end of its stream told it, to the byte, on every store."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambda_responses.storage.responses import ResponseStore, StoredResponse
from lambda_responses.stream.replay import events_of
from lambda_responses.wire.json import from_text, to_bytes
from tests.contracts.stores.kit import Talk, envelope

if TYPE_CHECKING:
    from lambda_responses.storage.blobs.port import Blobs
    from lambda_responses.storage.keyed.port import KeyedStore
    from tests.contracts.stores.kit import Clock

Json = dict[str, Any]

TEXTS = st.text(st.characters(codec=None), max_size=30) | st.sampled_from(
    ["\ud83d", "\u2028\x00\x1b", "é" * 40, 'quotes " \\ </script>', "😀"]
)
NUMBERS = (
    st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0.0, -0.0, 1.0, 1e22, 1e-7, 5e-324, 1.7976931348623157e308, 0.1 + 0.2, 2**63])
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
BYTES = st.builds(
    lambda unit, size: (unit * size)[:size],
    st.sampled_from(["iVBORw0KGgo", "AAAA"]),
    st.sampled_from([8, 400, 12_000]),
)
PICTURES = BYTES.map(lambda data: f"data:image/png;base64,{data}")
LOGPROBS = st.lists(
    st.fixed_dictionaries(
        {
            "token": TEXTS,
            "bytes": st.lists(st.integers(0, 255), max_size=4),
            "logprob": st.sampled_from([-1.0, 0.0, -0.0, -9999.0, -1e-9]) | st.floats(-50, 0),
            "top_logprobs": st.just([]),
        }
    ),
    max_size=3,
)
CITATIONS = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.just("url_citation"),
            "url": TEXTS,
            "title": TEXTS,
            "start_index": st.integers(0, 9),
            "end_index": st.integers(0, 9),
        }
    ),
    max_size=2,
)
SAID = st.fixed_dictionaries(
    {"type": st.just("output_text"), "text": TEXTS, "annotations": CITATIONS, "logprobs": LOGPROBS}
)
REFUSED = st.fixed_dictionaries({"type": st.just("refusal"), "refusal": TEXTS})
ITEMS = st.one_of(
    st.fixed_dictionaries(
        {
            "type": st.just("message"),
            "status": st.sampled_from(["completed", "incomplete"]),
            "role": st.just("assistant"),
            "content": st.lists(SAID | REFUSED, min_size=1, max_size=2),
        },
        optional={"phase": st.just("commentary")},
    ),
    st.fixed_dictionaries(
        {"type": st.just("reasoning"), "summary": st.just([])},
        optional={"encrypted_content": st.text("abcdef0123456789", max_size=80), "content": st.just([])},
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("function_call"),
            "call_id": st.just("call_1"),
            "name": TEXTS,
            "arguments": TEXTS,
            "status": st.just("completed"),
        }
    ),
    st.fixed_dictionaries(
        {"type": st.just("image_generation_call"), "status": st.just("completed"), "result": BYTES}
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("code_interpreter_call"),
            "code": TEXTS,
            "outputs": st.lists(
                st.fixed_dictionaries({"type": st.just("image"), "url": PICTURES}), max_size=2
            ),
        }
    ),
    st.fixed_dictionaries({"type": st.just("vendor_thing"), "said": VALUES, "more": VALUES}),
)
ECHOES = st.dictionaries(
    st.sampled_from(
        ["temperature", "top_p", "metadata", "usage", "text", "tools", "new_member", "top_logprobs"]
    ),
    VALUES,
    max_size=4,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(items=st.lists(ITEMS, max_size=4), echoes=ECHOES)
def test_a_stored_response_is_read_to_the_byte(
    keyed: KeyedStore, blobs: Blobs, clock: Clock, items: list[Json], echoes: Json
) -> None:
    talk = Talk(ResponseStore(keyed, now=clock, blobs=blobs), f"acme-{secrets.token_hex(6)}")

    async def kept_and_read() -> tuple[bytes, bytes, bytes]:
        reservation = await talk.reserve()
        output = [{"id": f"item_{number}", **item} for number, item in enumerate(items)]
        response = envelope(reservation.response_id, output, None) | echoes
        told = to_bytes(response)
        await talk.store.commit(reservation, StoredResponse(response, [], {}, "scripted/echo"))
        found = (await talk.store.get(talk.tenant, reservation.response_id)).response
        return told, to_bytes(found), to_bytes(events_of(found)[-1]["response"])

    told, read, replayed = asyncio.run(kept_and_read())
    assert read == told
    assert replayed == told


@given(VALUES)
def test_what_is_read_of_our_own_json_is_written_alike(value: Any) -> None:
    assert to_bytes(from_text(to_bytes(value))) == to_bytes(value)
