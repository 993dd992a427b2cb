"""The vendors' own SDKs as judges of what they are sent, by way of `../shared/tools/validate_request.py`."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import TypeAdapter

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]

TOOL = Path(__file__).parents[3] / "shared" / "tools" / "validate_request.py"

JUDGES = {
    "chat": ("openai", "chat"),
    "native": ("openai", "responses"),
    "anthropic": ("anthropic", "anthropic"),
    "gemini": ("google.genai", "gemini"),
    "converse": ("botocore", "bedrock"),
}
"""By format, the module that knows it, and what the tool calls it. Cohere's is not among them."""

REASONING = ("reasoning", "reasoning_content", "reasoning_details")
"""Members of chat messages that vendors have added."""

PENALTIES = ("presence_penalty", "frequency_penalty")
"""Members that Open Responses has, and OpenAI's types have not: a native upstream judges them itself."""

SAMPLING = ("temperature", "top_p")
"""Members that Anthropic's types have no more, since newer models refuse them; older ones take them."""

OF_A_SCHEMA = ("type", "properties", "required")


def judged(format: str, body: Json) -> None:
    """Raise unless the vendor's types know the body, unknown members included.

    Skips the test where the tool or the vendor's SDK is absent; a format that nobody judges passes.
    """
    if format not in JUDGES:
        return
    module, kind = JUDGES[format]
    tool = _tool(module)
    try:
        tool.check(kind, _ADAPTED.get(kind, dict)(body)) if kind != "bedrock" else _check_bedrock(body)
    except ValueError as error:
        raise AssertionError(f"{kind}: {str(error)[:1500]}") from None


@cache
def _tool(module: str) -> Any:
    if not TOOL.is_file():
        pytest.skip("needs ../shared/tools/validate_request.py")
    if importlib.util.find_spec(module.partition(".")[0]) is None:
        pytest.skip(f"needs the SDK that has {module}")
    spec = importlib.util.spec_from_file_location("validate_request", TOOL)
    assert spec is not None
    assert spec.loader is not None
    tool: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    tool.typed = _quicker(tool)
    return tool


def _quicker(tool: Any) -> Callable[[Any, Json], None]:
    """The tool's own way to judge by a type, but with adapters that are kept: they take long to make."""
    adapter = cache(TypeAdapter)

    def typed(kind: Any, body: Json) -> None:
        adapter(kind).validate_python(body)
        if unknown := tool.unknown_keys(kind, body):
            raise ValueError(f"unknown keys {unknown}")

    return typed


def _check_bedrock(body: Json) -> None:
    """What the tool does, but without a client made for each body."""
    report = _bedrock().validate({"modelId": "x", **body}, _bedrock_input())
    if report.has_errors():
        raise ValueError(report.generate_report())


@cache
def _bedrock() -> Any:
    from botocore.validate import ParamValidator

    return ParamValidator()


@cache
def _bedrock_input() -> Any:
    from botocore.session import get_session

    return get_session().get_service_model("bedrock-runtime").operation_model("ConverseStream").input_shape


def _chat(body: Json) -> Json:
    messages = [{k: v for k, v in message.items() if k not in REASONING} for message in body["messages"]]
    return {**body, "messages": messages}


def _responses(body: Json) -> Json:
    """With an id for each item that is a model's: the live API takes them without one, its types do not."""
    known = {k: v for k, v in body.items() if k not in PENALTIES}
    if isinstance(body["input"], list):
        known["input"] = [
            {"id": "up_1", **item} if item.get("role") == "assistant" or "action" in item else item
            for item in body["input"]
        ]
    return known


def _anthropic(body: Json) -> Json:
    """Without what belongs to JSON Schema, of which the types name three members."""
    known = {k: v for k, v in body.items() if k not in SAMPLING}
    if "tools" in body:
        known["tools"] = [
            {**tool, "input_schema": {k: v for k, v in tool["input_schema"].items() if k in OF_A_SCHEMA}}
            if "input_schema" in tool
            else tool
            for tool in body["tools"]
        ]
    return known


_ADAPTED = {"chat": _chat, "responses": _responses, "anthropic": _anthropic}
