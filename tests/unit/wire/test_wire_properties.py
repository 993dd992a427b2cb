"""Whatever JSON comes in: a request in its one form, or a documented error."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lambda_responses.wire.context import check_calls_answered
from lambda_responses.wire.errors import APIError
from lambda_responses.wire.includes import apply_include
from lambda_responses.wire.input_items import ITEM_TYPES
from lambda_responses.wire.requests import check_create_request, check_input_present
from lambda_responses.wire.responses import new_response
from lambda_responses.wire.settings import KNOWN_KEYS, SETTINGS
from lambda_responses.wire.tools import TOOLS

Json = dict[str, Any]

WORDS = sorted(
    {
        *ITEM_TYPES,
        *TOOLS,
        *KNOWN_KEYS,
        *("type", "role", "content", "call_id", "id", "output", "name", "parameters", "strict", "schema"),
        *(
            "user",
            "assistant",
            "input_text",
            "output_text",
            "json_schema",
            "auto",
            "text",
            "format",
            "file_id",
        ),
    }
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(WORDS)
    | st.text(max_size=4)
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=3), inner, max_size=5)
    ),
    max_leaves=20,
)
ITEMS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(ITEM_TYPES) | ANYTHING,
            "role": st.sampled_from(["user", "assistant", "system"]) | ANYTHING,
            "content": st.text(max_size=5) | ANYTHING,
            "call_id": st.sampled_from(["a", "b"]),
            "output": st.text(max_size=5) | ANYTHING,
            "arguments": st.just("{}"),
            "name": st.just("f"),
            "summary": st.just([]),
            "id": st.text(max_size=3),
        },
    ),
    max_size=4,
)
BODIES = st.fixed_dictionaries(
    {"model": st.just("m"), "input": st.text(max_size=10) | ITEMS | ANYTHING},
    optional={name: ANYTHING for name in SETTINGS if name != "input"},
) | st.dictionaries(st.sampled_from(KNOWN_KEYS) | st.text(max_size=5), ANYTHING)


@given(BODIES, st.booleans())
@settings(max_examples=400)
def test_any_body_is_read_or_answered_with_an_api_error(body: Json, native: bool):
    sent = json.dumps(body)
    try:
        request = check_create_request(body, native=native)
        check_input_present(request)
        check_calls_answered(request["input"])
    except APIError as error:
        json.dumps(error.body())
    else:
        assert check_create_request(request, native=native) == request
        assert all(isinstance(item["type"], str) for item in request["input"])
        for item in request["input"]:
            json.dumps(apply_include(item, ()))
        json.dumps(new_response(request, response_id="resp_1", created_at=1, model="m"))
    assert json.dumps(body) == sent


SOUND: Json = {
    "instructions": st.text(max_size=5),
    "store": st.booleans(),
    "stream": st.booleans(),
    "temperature": st.floats(0, 2),
    "top_p": st.floats(0, 1),
    "max_output_tokens": st.integers(16, 10**9),
    "metadata": st.dictionaries(st.text(max_size=64), st.text(max_size=512), max_size=16),
    "truncation": st.sampled_from(["auto", "disabled"]),
    "reasoning": st.fixed_dictionaries({}, optional={"effort": st.sampled_from(["none", "low", "max"])}),
    "tool_choice": st.sampled_from(["auto", "none", "required"]),
}


@given(
    st.fixed_dictionaries(
        {"model": st.just("m"), "input": st.text(min_size=1)},
        optional={name: st.none() | value for name, value in SOUND.items()},
    )
)
def test_sound_settings_are_served_and_shown(body: Json):
    request = check_create_request(body)
    response = new_response(request, response_id="resp_1", created_at=1, model="m")
    for name in SOUND:
        if body.get(name) is not None and name in response and name != "reasoning":
            assert response[name] == body[name]
