"""Whatever a client asks for: what a vendor is sent is legal by its own types, and nothing is lost."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.formats.base import Words, answer
from tests.fakes.formats.every import FORMATS
from tests.fakes.vendor_types import judged

if TYPE_CHECKING:
    import httpx

    from tests.fakes.formats.base import Asked
    from tests.fakes.upstream import Exchange, Upstream

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

MODELS = {
    "openai-chat/gpt-4.1": "chat",
    "openai-chat/gpt-5.2": "chat",
    "openai-native/gpt-5.2": "native",
    "anthropic/claude-3-5-haiku-latest": "anthropic",
    "anthropic/claude-sonnet-4-5": "anthropic",
    "anthropic/claude-opus-4-7": "anthropic",
    "anthropic/claude-sonnet-5": "anthropic",
    "gemini/gemini-2.5-flash": "gemini",
    "gemini/gemini-3-pro-preview": "gemini",
    "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0": "converse",
    "bedrock/us.amazon.nova-pro-v1:0": "converse",
    "bedrock/openai.gpt-oss-120b-1:0": "converse",
    "bedrock/us.meta.llama4-scout-17b-instruct-v1:0": "converse",
    "bedrock/mistral.mistral-large-2407-v1:0": "converse",
    "cohere/command-a-03-2025": "cohere",
    "cohere/command-a-reasoning-08-2025": "cohere",
}
"""One of each kind that a format treats in its own way."""

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PDF = "JVBERi0xLjEKJSVFT0YK"
IMAGE: Json = {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}", "detail": "high"}
FILE: Json = {
    "type": "input_file",
    "filename": "Bericht (1).pdf",
    "file_data": f"data:application/pdf;base64,{PDF}",
}

ADDRESS: Json = {
    "type": "object",
    "properties": {
        "street": {"type": ["string", "null"]},
        "country": {"$ref": "#/$defs/country"},
        "kind": {"anyOf": [{"const": "home"}, {"enum": ["work", "other"]}]},
        "floor": {"type": "integer", "minimum": 0, "maximum": 99},
    },
    "required": ["street", "country", "kind", "floor"],
    "additionalProperties": False,
    "$defs": {"country": {"type": "string", "enum": ["CH", "DE"]}},
}
STRICT: Json = {
    "type": "function",
    "name": "save_address",
    "description": "Keep an address",
    "parameters": ADDRESS,
    "strict": True,
}
LOOSE: Json = {
    "type": "function",
    "name": "find-place",
    "parameters": {"type": "object", "properties": {"near": {"type": "string", "default": "here"}}},
    "strict": False,
}
BARE: Json = {"type": "function", "name": "tell_clock", "parameters": {}, "strict": False}
PATCH: Json = {"type": "custom", "name": "apply_patch", "description": "Edit files"}
GRAMMAR: Json = {
    **PATCH,
    "format": {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"},
}
DICE: Json = {
    "type": "namespace",
    "name": "mcp__dice",
    "description": "Dice",
    "tools": [{**BARE, "name": "roll", "description": "Roll them"}],
}
FUNCTIONS = [STRICT, LOOSE, BARE]
SEARCH: Json = {"type": "web_search", "search_context_size": "low"}
CODE: Json = {"type": "code_interpreter", "container": {"type": "auto"}}


def user(*content: Any) -> Json:
    parts = [{"type": "input_text", "text": each} if isinstance(each, str) else each for each in content]
    return {"type": "message", "role": "user", "content": parts}


def said(text: str, **more: Any) -> Json:
    part = {"type": "output_text", "text": text, "annotations": []}
    item = {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed", "content": [part]}
    return {**item, **more}


def call(n: int, name: str = "tell_clock", arguments: str = "{}", **more: Any) -> Json:
    return {"type": "function_call", "call_id": f"call_{n}", "name": name, "arguments": arguments, **more}


def result(n: int, output: Any) -> Json:
    return {"type": "function_call_output", "call_id": f"call_{n}", "output": output}


def schema(*, strict: bool) -> Json:
    return {"format": {"type": "json_schema", "name": "address", "schema": ADDRESS, "strict": strict}}


def allowed(mode: str) -> Json:
    return {
        "type": "allowed_tools",
        "mode": mode,
        "tools": [{"type": "function", "name": "tell_clock"}, {"type": "function", "name": "find-place"}],
    }


ASK = [user("Hello")]
SUMMARY = [{"type": "summary_text", "text": "Thinking about it"}]
REFUSAL = [{"type": "refusal", "refusal": "I will not"}]

REQUESTS: dict[str, Json] = {
    "a text": {"input": "Hello"},
    "instructions": {"input": "Hello", "instructions": "Be kind"},
    "every role": {
        "instructions": "Be kind",
        "input": [
            {"role": "system", "content": "Be brief"},
            {"role": "developer", "content": "Be exact"},
            user("one", "two"),
            said("Yes?"),
            {"role": "developer", "content": "Now be funny"},
            user("three"),
        ],
    },
    "users in a row": {"input": [user("one"), user("two"), user("three")]},
    "an assistant first": {"input": [said("Hello, I am here"), user("Fine")]},
    "an assistant last": {"input": [user("one"), said("two")]},
    "nothing but rules": {"input": [{"role": "developer", "content": "Say something"}]},
    "empty texts": {"input": [user("Hello", ""), said(""), user("Go on")]},
    "a refusal before": {"input": [user("Harm"), said("", content=REFUSAL), user("Sorry")]},
    "an image": {"input": [user("Look", IMAGE)]},
    "an image alone": {"input": [user(IMAGE)]},
    "a file": {"input": [user("Read", FILE)]},
    "two files of one name": {"input": [user("Compare", FILE, FILE)]},
    "tools": {"input": ASK, "tools": FUNCTIONS},
    "a custom tool": {"input": ASK, "tools": [PATCH, BARE]},
    "a custom tool with a grammar": {"input": ASK, "tools": [GRAMMAR]},
    "a namespace": {"input": ASK, "tools": [DICE, BARE]},
    **{
        f"tool_choice {mode}": {"input": ASK, "tools": FUNCTIONS, "tool_choice": mode}
        for mode in ("auto", "none", "required")
    },
    "a function chosen": {
        "input": ASK,
        "tools": FUNCTIONS,
        "tool_choice": {"type": "function", "name": "tell_clock"},
    },
    "a custom tool chosen": {
        "input": ASK,
        "tools": [PATCH, BARE],
        "tool_choice": {"type": "custom", "name": "apply_patch"},
    },
    "some tools allowed": {"input": ASK, "tools": FUNCTIONS, "tool_choice": allowed("auto")},
    "some tools required": {"input": ASK, "tools": FUNCTIONS, "tool_choice": allowed("required")},
    "one call at a time": {"input": ASK, "tools": FUNCTIONS, "parallel_tool_calls": False},
    "hosted tools beside others": {"input": ASK, "tools": [BARE, SEARCH, CODE]},
    "a search alone": {"input": ASK, "tools": [SEARCH]},
    "a strict schema": {"input": ASK, "text": schema(strict=True)},
    "a loose schema": {"input": ASK, "text": schema(strict=False)},
    "a schema and tools": {"input": ASK, "text": schema(strict=True), "tools": FUNCTIONS},
    "any JSON": {"input": "Some JSON, please", "text": {"format": {"type": "json_object"}}},
    **{
        f"effort {effort}": {"input": ASK, "reasoning": {"effort": effort, "summary": "auto"}}
        for effort in ("none", "minimal", "low", "medium", "high", "xhigh")
    },
    "effort with little room": {"input": ASK, "reasoning": {"effort": "high"}, "max_output_tokens": 300},
    "effort and a function chosen": {
        "input": ASK,
        "reasoning": {"effort": "medium"},
        "tools": FUNCTIONS,
        "tool_choice": "required",
    },
    "parallel calls": {
        "tools": FUNCTIONS,
        "input": [
            user("Both"),
            said("I look"),
            call(1),
            call(2, "find-place", '{"near": "Bern"}'),
            result(2, [{"type": "input_text", "text": "found"}]),
            result(1, "noon"),
        ],
    },
    "calls and results in turn": {
        "tools": FUNCTIONS,
        "input": [user("Both"), call(1), result(1, ""), call(2), result(2, "noon"), user("And?")],
    },
    "a call with nothing in it": {
        "tools": FUNCTIONS,
        "input": [user("x"), call(1, arguments=""), result(1, "x")],
    },
    "calls without tools": {"input": [user("x"), call(1), result(1, "noon"), user("And?")]},
    "a picture as a result": {
        "tools": FUNCTIONS,
        "input": [user("x"), call(1), result(1, [{"type": "input_text", "text": "this"}, IMAGE])],
    },
    "a custom call": {
        "tools": [PATCH],
        "input": [
            user("Edit"),
            {"type": "custom_tool_call", "call_id": "call_1", "name": "apply_patch", "input": "*** Begin"},
            {"type": "custom_tool_call_output", "call_id": "call_1", "output": "Done"},
        ],
    },
    "a call in a namespace": {
        "tools": [DICE],
        "input": [user("Roll"), call(1, "roll", namespace="mcp__dice"), result(1, "4")],
    },
    "reasoning of nobody": {
        "input": [
            user("x"),
            {"type": "reasoning", "id": "rs_1", "summary": SUMMARY},
            said("y"),
            {"type": "reasoning", "id": "rs_2", "summary": []},
            user("z"),
        ]
    },
    "a search of another": {
        "input": [
            user("x"),
            {
                "type": "web_search_call",
                "id": "ws_1",
                "status": "completed",
                "action": {"type": "search", "query": "the weather", "queries": ["the weather"]},
            },
            said("y"),
            user("z"),
        ]
    },
    "sampling": {"input": ASK, "temperature": 0.7, "top_p": 0.9, "max_output_tokens": 1000},
    "a temperature of 1.7": {"input": ASK, "temperature": 1.7},
    "penalties": {"input": ASK, "presence_penalty": 0.5, "frequency_penalty": 0.5},
    "who and what for": {
        "input": ASK,
        "metadata": {"k": "v"},
        "safety_identifier": "s",
        "prompt_cache_key": "p",
        "service_tier": "auto",
        "truncation": "auto",
        "text": {"verbosity": "low"},
    },
    "log probabilities": {"input": ASK, "top_logprobs": 2, "include": ["message.output_text.logprobs"]},
}
"""Everything that a request may hold, by what is special in it."""

GPT_OSS, LLAMA = "bedrock/openai.gpt-oss-120b-1:0", "bedrock/us.meta.llama4-scout-17b-instruct-v1:0"
FIRST, SECOND = "input[0].content[0]", "input[0].content[1]"

REFUSED: dict[str, dict[str, str]] = {
    "an image": {GPT_OSS: SECOND},
    "an image alone": {GPT_OSS: FIRST},
    "a picture as a result": {GPT_OSS: "input[2].output[1]"},
    "a file": {GPT_OSS: SECOND, "cohere": SECOND},
    "two files of one name": {GPT_OSS: SECOND, "cohere": SECOND},
    **{
        asked: {LLAMA: "tool_choice"}
        for asked in (
            "tool_choice required",
            "a function chosen",
            "a custom tool chosen",
            "some tools required",
            "effort and a function chosen",
        )
    },
    "a strict schema": {LLAMA: "text.format"},
    "a loose schema": {LLAMA: "text.format"},
    "a schema and tools": {LLAMA: "text.format"},
    "log probabilities": dict.fromkeys(
        ("openai-chat/gpt-5.2", "anthropic", "gemini", "converse", "cohere"), "top_logprobs"
    ),
}
"""By request, then by format or model: what is refused, since without it something else would be asked."""


@pytest.mark.parametrize("request_name", REQUESTS)
@pytest.mark.parametrize("model", MODELS)
async def test_a_vendor_is_sent_what_its_own_types_allow(
    http: httpx.AsyncClient, upstream: Upstream, model: str, request_name: str, record_property: Any
):
    name = MODELS[model]
    record_property("request", request_name)
    record_property("format", name)
    format = FORMATS[name]
    heard: list[Exchange] = []

    async def behave(exchange: Exchange) -> None:
        heard.append(exchange)
        await answer(format, exchange, [Words("Fine")])

    upstream.serve(behave, model.partition("/")[2])
    told = await http.post("/responses", json={"model": model, "store": False, **REQUESTS[request_name]})
    refusals = REFUSED.get(request_name, {})
    if param := refusals.get(model) or refusals.get(name):
        assert (told.status_code, told.json()["error"]["param"]) == (400, param), told.text
        record_property("became", "400")
        return
    assert told.status_code == 200, told.text
    dropped = sorted(re.findall(r"[^, ]+", told.headers.get("x-responses-dropped", "")))
    record_property("became", "without " + ", ".join(f"`{each}`" for each in dropped) if dropped else "yes")
    [exchange] = heard
    judged(name, exchange.body)
    check_nothing_lost(REQUESTS[request_name], format.asked(exchange.body))


def check_nothing_lost(request: Json, asked: Asked) -> None:
    """Every text, picture, file, call and result of the request is in what the vendor was asked."""
    there = "\n".join(each.text for each in asked.context)
    given = request["input"]
    for item in given if isinstance(given, list) else [user(given)]:
        match item:
            case {"content": str(text)}:
                assert text in there
            case {"content": parts}:
                for part in parts:
                    whole = part.get("text") or part.get("image_url") or part.get("file_data") or ""
                    assert whole.rpartition(",")[2] in there
            case {"type": "function_call", "name": name}:
                assert any(name in each.name for each in asked.of("call"))
            case {"type": "custom_tool_call", "input": text}:
                assert {each.text for each in asked.of("call")} & {text, json.dumps({"input": text})}
            case {"type": "function_call_output" | "custom_tool_call_output", "output": str(text)}:
                assert text in there
            case _:
                pass
    assert request.get("instructions", "") in there
    results = {each.id for each in asked.of("result")}
    assert results <= {each.id for each in asked.of("call")}
