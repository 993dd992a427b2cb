"""Items as lists show them, held against the official SDK."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types.conversations import ConversationItem
from openai.types.responses import ResponseItem
from pydantic import TypeAdapter

from lambda_responses.wire.listed import listed_item

LISTED: TypeAdapter[Any] = TypeAdapter(ResponseItem)
IN_CONVERSATIONS: TypeAdapter[Any] = TypeAdapter(ConversationItem)


@pytest.mark.parametrize(
    "item",
    [
        {"type": "function_call_output", "id": "fco_1", "call_id": "c", "output": "x"},
        {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c", "name": "f", "input": "x"},
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "x"}],
        },
        {
            "type": "message",
            "id": "msg_2",
            "role": "user",
            "content": [{"type": "input_image", "image_url": "data:image/png;base64,AA=="}],
        },
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "tool_search_call", "id": "tsc_1", "arguments": {}},
        {"type": "tool_search_output", "id": "tso_1", "tools": []},
        {"type": "computer_call", "id": "cu_1", "call_id": "c"},
        {"type": "web_search_call", "id": "ws_1"},
        {"type": "file_search_call", "id": "fs_1", "queries": ["x"]},
        {"type": "code_interpreter_call", "id": "ci_1", "container_id": "c"},
        {"type": "image_generation_call", "id": "ig_1", "result": "AA=="},
        {
            "type": "local_shell_call",
            "id": "lsh_1",
            "call_id": "c",
            "action": {"type": "exec", "command": ["ls"], "env": {}},
        },
        {"type": "program_output", "id": "progo_1", "call_id": "c", "result": "x"},
    ],
)
def test_what_a_client_left_out_is_listed(item: dict[str, Any]) -> None:
    before = repr(item)
    for listed in (LISTED, IN_CONVERSATIONS):
        listed.validate_python(listed_item(item), strict=True)
    assert repr(item) == before


def test_what_a_client_gave_is_listed_as_it_is() -> None:
    part = {"type": "input_image", "image_url": "x", "detail": "low"}
    item = {"type": "message", "id": "m", "role": "user", "status": "incomplete", "content": [part]}
    assert listed_item(item) == item
