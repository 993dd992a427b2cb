"""What each format asks its upstream so as to have tokens counted, judged by the vendors' own types."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import pytest
from botocore.session import get_session
from botocore.validate import ParamValidator
from openai.types.responses.input_token_count_params import InputTokenCountParams
from pydantic import TypeAdapter

from lambda_responses.providers.dialects import dialect
from lambda_responses.transformers.base import CountsTokens, Rendered, Turn
from lambda_responses.transformers.bedrock_ids import without_region
from lambda_responses.transformers.scripted import SCRIPTED

Json = dict[str, Any]

LOOK_UP: Json = {
    "type": "function",
    "name": "look_up",
    "description": "Look something up",
    "parameters": {"type": "object", "properties": {"what": {"type": "string"}}},
}
REQUEST: Json = {
    "model": "m",
    "instructions": "Be brief.",
    "tools": [LOOK_UP],
    "tool_choice": "auto",
    "text": {"verbosity": "low"},
}
ITEMS: list[Json] = [
    {"type": "message", "id": "msg_1", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
    {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "look_up", "arguments": "{}"},
    {"type": "function_call_output", "id": "fco_1", "call_id": "call_1", "output": "Nothing"},
]


def asked(format: Any, vendor: str, model: str, items: list[Json] = ITEMS, **request: Any) -> Rendered | None:
    transformer, profile = dialect(format, vendor)
    assert isinstance(transformer, CountsTokens)
    return transformer.render_count(Turn(model, {**REQUEST, **request}, items), profile)


def the(rendered: Rendered | None) -> Rendered:
    assert rendered is not None
    return rendered


def test_openai_is_asked_with_what_its_endpoint_knows() -> None:
    rendered = the(asked("openai_responses", "openai", "gpt-5"))

    assert rendered.path == "responses/input_tokens"
    assert rendered.body.keys() == {"model", "input", "instructions", "tools", "tool_choice", "text"}
    TypeAdapter(InputTokenCountParams).validate_python(rendered.body)
    assert rendered.body["model"] == "gpt-5"


def test_a_native_upstream_judges_what_it_is_asked_about() -> None:
    rendered = the(asked("openai_responses", "openai", "gpt-5", store=True, metadata={"a": "b"}))

    assert rendered.body["store"] is True
    assert rendered.body["metadata"] == {"a": "b"}


def test_anthropic_is_asked_with_what_its_endpoint_knows() -> None:
    types = pytest.importorskip("anthropic.types")
    rendered = the(asked("anthropic_messages", "anthropic", "claude-sonnet-5", temperature=1))

    assert rendered.path == "v1/messages/count_tokens"
    assert rendered.headers["anthropic-version"]
    TypeAdapter(types.MessageCountTokensParams).validate_python(rendered.body)
    assert rendered.body.keys() <= types.MessageCountTokensParams.__annotations__.keys()
    assert {"system", "tools", "messages"} <= rendered.body.keys()


def test_vertex_is_asked_about_anthropics_models_in_one_place_for_all() -> None:
    rendered = the(asked("anthropic_messages", "vertex", "claude-sonnet-5"))

    assert rendered.path == "anthropic/models/count-tokens:rawPredict"
    assert rendered.body["model"] == "claude-sonnet-5"
    assert rendered.body["anthropic_version"] == "vertex-2023-10-16"
    assert "max_tokens" not in rendered.body


def test_the_gemini_api_is_asked_about_a_whole_request() -> None:
    rendered = the(asked("gemini_generate_content", "gemini", "gemini-3-flash", service_tier="flex"))
    request = rendered.body["generateContentRequest"]

    assert rendered.path == "v1beta/models/gemini-3-flash:countTokens"
    assert request["model"] == "models/gemini-3-flash"
    assert {"contents", "systemInstruction", "tools"} <= request.keys()
    assert "serviceTier" not in request


def test_vertex_is_asked_about_the_parts_of_a_request() -> None:
    rendered = the(asked("gemini_generate_content", "vertex", "gemini-2.5-flash", tool_choice="required"))

    assert rendered.path == "google/models/gemini-2.5-flash:countTokens"
    assert rendered.body.keys() <= {"contents", "systemInstruction", "tools", "generationConfig"}


@pytest.mark.parametrize(
    ("format", "model"),
    [
        ("bedrock_converse", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("anthropic_messages", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
    ],
)
def test_bedrock_is_asked_about_the_model_itself(format: str, model: str) -> None:
    rendered = the(asked(format, "bedrock", model, max_output_tokens=100))
    shape: Any = get_session().get_service_model("bedrock-runtime").operation_model("CountTokens").input_shape
    body = json.loads(json.dumps(rendered.body))
    if "invokeModel" in body["input"]:
        request = json.loads(b64decode(body["input"]["invokeModel"]["body"]))
        assert {"anthropic_version", "max_tokens", "messages", "tools"} <= request.keys()

    assert rendered.path == "model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/count-tokens"
    report = ParamValidator().validate({"modelId": "x", **body}, shape)
    assert not report.has_errors(), report.generate_report()


def test_a_server_of_llama_cpps_is_asked_with_the_request_itself() -> None:
    rendered = the(asked("chat_completions", "llamacpp", "m"))

    assert rendered.path == "chat/completions/input_tokens"
    assert {"messages", "tools"} <= rendered.body.keys()


@pytest.mark.parametrize(
    ("format", "vendor", "model"),
    [
        ("chat_completions", "groq", "m"),
        ("openai_responses", "somebody", "m"),
        ("anthropic_messages", "somebody", "m"),
        ("bedrock_converse", "bedrock", "amazon.nova-pro-v1:0"),
    ],
)
def test_nobody_is_asked_where_nobody_is_known_to_count(format: str, vendor: str, model: str) -> None:
    assert asked(format, vendor, model) is None


def test_coheres_format_counts_nothing() -> None:
    assert not isinstance(dialect("cohere_chat", "cohere")[0], CountsTokens)


def test_the_scripted_model_counts_what_it_says_of_an_answer() -> None:
    assert isinstance(SCRIPTED, CountsTokens)
    script = SCRIPTED.render_count(Turn("echo", REQUEST, ITEMS), None)

    assert SCRIPTED.read_count({"deltas": the(script).body["script"].steps}) == 5


@pytest.mark.parametrize(
    ("format", "body"),
    [
        ("openai_responses", {"object": "response.input_tokens", "input_tokens": 12}),
        ("anthropic_messages", {"input_tokens": 12}),
        ("anthropic_messages", {"inputTokens": 12}),
        ("gemini_generate_content", {"totalTokens": 12, "promptTokensDetails": []}),
        ("bedrock_converse", {"inputTokens": 12}),
        ("chat_completions", {"input_tokens": 12, "object": "response.input_tokens"}),
    ],
)
def test_the_count_is_read_and_nothing_else_is_taken_for_one(format: Any, body: Json) -> None:
    transformer: Any = dialect(format, "default")[0]

    assert transformer.read_count(body) == 12
    for wrong in ({}, {"error": "x"}, {name: str(value) for name, value in body.items()}):
        with pytest.raises(ValueError, match="no "):
            transformer.read_count(wrong)
    for wrong in (-1, True, None, 1.5):
        with pytest.raises(ValueError, match="no "):
            transformer.read_count(dict.fromkeys(body, wrong))


@pytest.mark.parametrize(
    ("id", "model"),
    [
        ("us.anthropic.claude-x", "anthropic.claude-x"),
        ("global.anthropic.claude-x", "anthropic.claude-x"),
        ("us-gov.anthropic.claude-x", "anthropic.claude-x"),
        ("anthropic.claude-x", "anthropic.claude-x"),
        (
            "arn:aws:bedrock:us-east-1:1:inference-profile/us.x.y",
            "arn:aws:bedrock:us-east-1:1:inference-profile/us.x.y",
        ),
        ("eu.x", "eu.x"),
    ],
)
def test_a_models_id_is_known_without_its_regions(id: str, model: str) -> None:
    assert without_region(id) == model
