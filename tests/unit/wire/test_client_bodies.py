"""Bodies in the habits of the clients that people use."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_responses.wire.context import check_calls_answered
from lambda_responses.wire.requests import check_create_request, check_input_present

Json = dict[str, Any]

DRAFT_7 = "http://json-schema.org/draft-07/schema#"
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
PASSTHROUGH = {"turn_id": "t1", "create_time": 1.5, "content_item_kinds": ["prompt"]}

CODEX: Json = {
    "model": "m",
    "stream": True,
    "store": False,
    "tool_choice": "auto",
    "parallel_tool_calls": False,
    "reasoning": {"effort": "medium", "summary": "auto", "context": "all_turns"},
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "0198-thread",
    "text": {
        "verbosity": "low",
        "format": {"type": "json_schema", "name": "codex_output_schema", "strict": True, "schema": WEATHER},
    },
    "client_metadata": {"session_id": "s", "x-codex-window-id": "w", "x-codex-turn-metadata": "{}"},
    "tools": [
        {"type": "function", "name": "exec_command", "strict": False, "parameters": {"type": "object"}},
        {
            "type": "namespace",
            "name": "mcp__dice",
            "description": "dice",
            "tools": [
                {"type": "function", "name": "roll", "strict": False, "parameters": {"type": "object"}}
            ],
        },
        {"type": "web_search", "external_web_access": True, "search_content_types": ["text", "image"]},
        {
            "type": "custom",
            "name": "apply_patch",
            "description": "edit files",
            "format": {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"},
        },
        {
            "type": "tool_search",
            "execution": "client",
            "description": "find tools",
            "parameters": {"type": "object", "properties": {"query": {"type": "string"}}},
        },
    ],
    "input": [
        {
            "type": "additional_tools",
            "id": "at_1",
            "role": "developer",
            "tools": [
                {"type": "namespace", "name": "functions", "tools": [{"type": "custom", "name": "exec"}]}
            ],
        },
        {
            "type": "message",
            "id": "msg_b2",
            "role": "developer",
            "content": [{"type": "input_text", "text": "rules"}],
            "internal_chat_message_metadata_passthrough": PASSTHROUGH,
        },
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "<image>"},
                {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "high"},
                {"type": "input_text", "text": "</image>"},
            ],
        },
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": None, "encrypted_content": "opaque"},
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "phase": "commentary",
            "content": [{"type": "output_text", "text": "on it", "annotations": [], "logprobs": []}],
        },
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "exec_command", "arguments": "{}"},
        {"type": "function_call_output", "id": "fco_1", "call_id": "c1", "output": "ok"},
        {
            "type": "function_call",
            "call_id": "c2",
            "name": "roll",
            "namespace": "mcp__dice",
            "arguments": "{}",
            "status": "completed",
        },
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "4"}]},
        {
            "type": "custom_tool_call",
            "id": "ctc_1",
            "status": "completed",
            "call_id": "c3",
            "name": "exec",
            "namespace": "functions",
            "input": "1 + 1",
        },
        {"type": "custom_tool_call_output", "id": "ctco_1", "call_id": "c3", "output": "2"},
        {
            "type": "tool_search_call",
            "id": "tsc_1",
            "call_id": "c4",
            "status": "completed",
            "execution": "client",
            "arguments": {"query": "dice", "limit": 3},
        },
        {
            "type": "tool_search_output",
            "id": "tso_1",
            "call_id": "c4",
            "status": "completed",
            "execution": "client",
            "tools": [
                {
                    "type": "namespace",
                    "name": "mcp__dice",
                    "description": "",
                    "tools": [{"type": "function", "name": "roll", "defer_loading": True}],
                }
            ],
        },
        {"type": "compaction", "id": "cmp_1", "encrypted_content": "opaque"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "go on"}]},
    ],
}

NODE_SDK: Json = {
    "model": "m",
    "input": "give JSON",
    "text": {
        "format": {
            "type": "json_schema",
            "name": "n",
            "strict": True,
            "schema": {"$schema": DRAFT_7, **WEATHER},
        }
    },
    "tools": [
        {"type": "function", "name": "w", "strict": True, "parameters": {"$schema": DRAFT_7, **WEATHER}},
    ],
}

PYTHON_SDK_REPLAY: Json = {
    "model": "m",
    "input": [
        {"role": "user", "content": "hi"},
        {
            "id": "rs_1",
            "summary": [{"text": "thought", "type": "summary_text"}],
            "type": "reasoning",
            "content": None,
            "encrypted_content": "opaque",
            "status": None,
        },
        {
            "id": "msg_1",
            "content": [{"annotations": [], "text": "ho", "type": "output_text", "logprobs": []}],
            "role": "assistant",
            "status": "completed",
            "type": "message",
            "phase": None,
        },
        {
            "arguments": "{}",
            "call_id": "c1",
            "name": "w",
            "type": "function_call",
            "id": "fc_1",
            "async": None,
            "caller": {"type": "direct"},
            "namespace": None,
            "status": "completed",
            "created_by": "u",
        },
        {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
        {
            "type": "mcp_call",
            "id": "mcp_1",
            "server_label": "s",
            "name": "n",
            "arguments": "{}",
            "error": None,
        },
    ],
}

AGENTS: Json = {
    "model": "m",
    "include": [],
    "tools": [],
    "input": [
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "type": "message",
            "status": "completed",
            "content": [{"type": "output_text", "text": "ho", "annotations": [], "logprobs": []}],
        },
        {"role": "user", "content": "and?"},
    ],
    "tool_choice": "required",
}

LANGCHAIN: Json = {
    "model": "m",
    "stream": False,
    "input": [
        {"type": "message", "role": "user", "content": "hi"},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "ho", "annotations": []}],
        },
        {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "1"},
    ],
}

AI_SDK: Json = {
    "model": "m",
    "tool_choice": "auto",
    "tools": [
        {"type": "function", "name": "f", "parameters": {"$schema": DRAFT_7, **WEATHER}, "strict": None}
    ],
    "text": {
        "format": {"type": "json_schema", "name": "response", "schema": {"$schema": DRAFT_7, **WEATHER}}
    },
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        {"type": "reasoning", "id": "rs_1", "encrypted_content": "x", "summary": []},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "1"},
    ],
}

LLM: Json = {
    "model": "m",
    "store": False,
    "stream": True,
    "input": [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "ho"},
        {"role": "user", "content": "more"},
    ],
}

OPEN_RESPONSES: Json = {
    "model": "m",
    "presence_penalty": 0.5,
    "frequency_penalty": -0.5,
    "max_output_tokens": 16,
    "input": [
        {"type": "message", "role": "user", "content": "hi"},
        {"type": "message", "role": "assistant", "phase": "commentary", "content": "ho"},
        {"type": "message", "role": "user", "content": "again"},
    ],
}

BODIES = {
    "Codex": CODEX,
    "OpenAI for Node": NODE_SDK,
    "OpenAI for Python, replaying output": PYTHON_SDK_REPLAY,
    "Agents": AGENTS,
    "LangChain": LANGCHAIN,
    "AI SDK": AI_SDK,
    "llm": LLM,
    "Open Responses": OPEN_RESPONSES,
}


@pytest.mark.parametrize("native", [False, True], ids=["translated", "native"])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_what_real_clients_send_is_served(body: Json, native: bool):
    request = check_create_request(body, native=native)
    check_input_present(request)
    check_calls_answered(request["input"])
    assert len(request["input"]) == (1 if isinstance(body["input"], str) else len(body["input"]))
