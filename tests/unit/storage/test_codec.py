"""JSON in, few bytes out, the same JSON in again: for as long as there are tables."""

from __future__ import annotations

import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.storage.codec import UnknownCodec, pack, unpack

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
)
TURN = [
    {
        "id": "msg_0123456789abcdef0123456789abcdef01234567000089ab",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [
            {
                "type": "output_text",
                "annotations": [],
                "logprobs": [],
                "text": "The tide comes in twice a day because the earth turns under two bulges of water, one"
                " on the side of the moon and one on the side away from it.",
            }
        ],
    }
]


@given(VALUES)
def test_every_json_value_comes_back(value: object) -> None:
    assert json.dumps(unpack(pack(value))) == json.dumps(value)


def test_what_version_one_wrote_can_be_read_for_good() -> None:
    written = bytes.fromhex(WRITTEN_BY_VERSION_1)
    assert unpack(written) == TURN


def test_a_turn_shrinks_to_half_and_below_what_plain_deflate_makes_of_it() -> None:
    text = json.dumps(TURN, separators=(",", ":")).encode()
    assert len(pack(TURN)) < len(text) / 1.9
    assert len(pack(TURN)) < len(zlib.compress(text)) * 0.75


@pytest.mark.parametrize(
    "strange", [b"", b"\x00", b"\x02" + pack(1)[1:], b"\x01not deflated", pack([1, 2, 3])[:-5]]
)
def test_what_no_codec_wrote_is_refused(strange: bytes) -> None:
    with pytest.raises(UnknownCodec):
        unpack(strange)


def test_a_changed_byte_is_noticed() -> None:
    packed = bytearray(pack(TURN))
    packed[len(packed) // 2] ^= 0x10
    with pytest.raises((UnknownCodec, ValueError)):
        unpack(bytes(packed))


WRITTEN_BY_VERSION_1 = (
    "0178bb955aded5add6db0a40401080e157f10092f3e171d692944359b5797bffcc0d29178a2bc68ec1d637737fd53849b3bc"
    "28abba31ad85d5b7eb9843625f7fe555f7b7cf5281681101e57a27fcec1ea841a83307ca58235e88510cfb18443b585c40db"
    "ef37568a0dd3401e787986862d5439004b329c3c5758e37c5e092a738ffbc65347e91af748b7ff04ec0a7107"
)
