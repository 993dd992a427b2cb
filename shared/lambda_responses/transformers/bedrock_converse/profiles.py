"""The families of models that Bedrock serves by Converse, so far as recordings and their makers let us know.

A row says only what differs from `ConverseProfile`'s defaults. Ids stand alone (`anthropic.claude-…`), behind
a region's name (`us.anthropic.claude-…`) or in an ARN; an application inference profile hides them.
https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-supported-models-features.html
https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambda_responses.transformers.bedrock_converse.profile import ConverseProfile
from lambda_responses.transformers.model_rules import ModelRule

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json

_NOTHING = frozenset[str]()
_EVERYTHING_BESIDE = frozenset({"text", "image", "document", "video", "audio"})
_IMAGES = frozenset({"image"})
_IMAGES_AND_DOCUMENTS = frozenset({"image", "document"})
_DOCUMENTS = frozenset({"document"})
_FASTER_OR_CHEAPER = frozenset({"priority", "flex"})
_SCHEMAS: dict[str, Any] = {"json_schema": "native", "strict_tools": True}
_NO_TOOLS: dict[str, Any] = {"tools": False, "json_schema": "refused"}


def _by(maker: str, models: str = "", **changes: Any) -> ModelRule:
    """A rule for models of that maker whose names match."""
    return ModelRule(rf"(?:^|[./]){maker}\.(?:{models})", changes)


def _levels(member: str, **words: str) -> dict[str, Json]:
    return {effort: {member: word} for effort, word in words.items()}


# Anthropic: https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-extended-thinking.html

_BUDGETS = {
    "minimal": 1_024,
    "low": 2_048,
    "medium": 10_000,
    "high": 16_384,
    "xhigh": 32_768,
    "max": 32_768,
}
_OFF: Json = {"thinking": {"type": "disabled"}}


def _adaptive(**words: str) -> dict[str, Json]:
    """Models that think as much as they see fit, with more or less effort."""
    words = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "max": "max"} | words
    thinking = {"thinking": {"type": "adaptive"}}
    return {effort: {**thinking, "output_config": {"effort": word}} for effort, word in words.items()}


_ONE_CALL = {"disable_parallel_tool_use": True}

_ANTHROPIC = (
    _by(
        "anthropic",
        family="anthropic",
        count_path="model/{model}/count-tokens",
        ends_with_user=False,
        inputs=_IMAGES_AND_DOCUMENTS,
        beside_results=frozenset({"text", "image"}),
        result_media=_IMAGES_AND_DOCUMENTS,
        reasoning_is_summary=True,
        samples_thinking=False,
        thinks_when_forced=False,
        json_schema="tool",
    ),
    _by("anthropic", r"claude-(?:v2|2|instant)", **_NO_TOOLS, inputs=_DOCUMENTS),
    _by(
        "anthropic",
        r"claude-(?:3-5-haiku|3-5-sonnet-20241022|3-7|[a-z]+-\d)",
        cache_places=frozenset({"system", "tools", "messages"}),
    ),
    _by("anthropic", r"claude-(?:3-7-sonnet|(?:sonnet|opus|haiku)-4)", budgets=_BUDGETS),
    # Opus 4 and 4.1 say no more than 32,000 tokens, thinking included.
    _by("anthropic", r"claude-opus-4-(?:20|1)", budgets={**_BUDGETS, "xhigh": 23_808, "max": 23_808}),
    _by("anthropic", r"claude-opus-4-1|claude-[a-z]+-4-[5-9]|claude-[a-z]+-(?:[5-9]|\d\d)", samples_one=True),
    _by(
        "anthropic",
        r"claude-[a-z]+-4-[5-9]|claude-[a-z]+-(?:[5-9]|\d\d)",
        cache_hour=True,
        serial_calls={choice: {"tool_choice": {"type": choice, **_ONE_CALL}} for choice in ("auto", "any")},
    ),
    _by("anthropic", r"claude-(?:haiku-4-5|sonnet-4-[56]|opus-4-[56])", **_SCHEMAS),
    _by(
        "anthropic",
        r"claude-(?:sonnet|opus)-4-6",
        ends_with_user=True,
        budgets={},
        efforts={"none": _OFF, **_adaptive(xhigh="max")},
    ),
    _by(
        "anthropic",
        r"claude-[a-z]+-4-[7-9]|claude-[a-z]+-(?:[5-9]|\d\d)",
        ends_with_user=True,
        budgets={},
        efforts={"none": _OFF, **_adaptive(xhigh="xhigh")},
        summary_fields={"thinking": {"type": "adaptive", "display": "summarized"}},
        samples=_NOTHING,
    ),
    _by("anthropic", r"claude-[a-z]+-4-[89]|claude-[a-z]+-(?:[5-9]|\d\d)", thinks_when_forced=True),
    _by(
        "anthropic",
        r"claude-(?:fable|mythos)",
        efforts=_adaptive(xhigh="xhigh"),
        tool_choices=_NOTHING,
        json_schema="refused",
    ),
)

# Amazon: https://docs.aws.amazon.com/nova/latest/nova2-userguide/request-response-schema.html


def _nova_effort(level: str) -> Json:
    return {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": level}}


_AMAZON = (
    _by(
        "amazon",
        family="amazon",
        beside_results=_EVERYTHING_BESIDE,
        result_media=_IMAGES,
    ),
    _by(
        "amazon",
        "nova",
        ends_with_user=False,
        json_schema="tool",
        s3=True,
        inlines_references=True,
        leaked_thinking="thinking",
        cache_places=frozenset({"system", "messages"}),
    ),
    _by("amazon", "nova-micro", inputs=_NOTHING),
    _by("amazon", "nova-(?:2|pro|premier)", service_tiers=_FASTER_OR_CHEAPER),
    _by("amazon", "nova-premier", hosts={"web_search": "nova_grounding"}),
    _by(
        "amazon",
        "nova-2",
        hosts={"web_search": "nova_grounding", "code_interpreter": "nova_code_interpreter"},
        efforts={
            "none": {"reasoningConfig": {"type": "disabled"}},
            **{effort: _nova_effort("low") for effort in ("minimal", "low")},
            "medium": _nova_effort("medium"),
            **{effort: _nova_effort("high") for effort in ("high", "xhigh", "max")},
        },
        samples_thinking=False,
    ),
    _by("amazon", "titan", **_NO_TOOLS, system=False, inputs=_DOCUMENTS),
)

# Others.

_META = (
    _by(
        "meta",
        family="meta",
        tool_choices=_NOTHING,
        json_schema="refused",
        streams_tools=False,
        inlines_references=True,
        result_media=_IMAGES_AND_DOCUMENTS,
    ),
    _by("meta", r"llama2|llama3-(?:8b|70b)|llama3-2-[13]b", **_NO_TOOLS),
)
_MISTRAL_NEW = r"ministral-3|mistral-large-3|magistral|voxtral|devstral"
_MISTRAL = (
    _by(
        "mistral",
        family="mistral",
        tool_choices=frozenset({"any"}),
        json_schema="tool",
        streams_tools=False,
        json_results=True,
        result_media=_DOCUMENTS,
    ),
    _by("mistral", _MISTRAL_NEW, **_SCHEMAS, streams_tools=True),
    _by("mistral", r"mistral-7b|mixtral", **_NO_TOOLS, system=False),
)
_DEEPSEEK = (
    _by("deepseek", family="deepseek", service_tiers=_FASTER_OR_CHEAPER),
    _by("deepseek", r"r1|deepseek-r1", **_NO_TOOLS, inputs=_DOCUMENTS, service_tiers=_NOTHING),
)
_QWEN = (
    _by(
        "qwen",
        family="qwen",
        starts_with_user=False,
        beside_results=_EVERYTHING_BESIDE,
        service_tiers=_FASTER_OR_CHEAPER,
    ),
    _by("qwen", "qwen3", **_SCHEMAS),
    _by(
        "qwen",
        r"qwen3-(?!coder|vl|next)",
        efforts=_levels(
            "reasoning_config",
            minimal="low",
            low="low",
            medium="high",
            high="high",
            xhigh="high",
            max="high",
        ),
    ),
)
_OPENAI = _by(
    "openai",
    "gpt-oss",
    family="openai",
    inputs=_NOTHING,
    efforts=_levels(
        "reasoning_effort",
        minimal="low",
        low="low",
        medium="medium",
        high="high",
        xhigh="high",
        max="high",
    ),
    service_tiers=_FASTER_OR_CHEAPER,
)
_MOONSHOT = _by(
    "moonshot(?:ai)?",
    family="moonshot",
    **_SCHEMAS,
    starts_with_user=False,
    beside_results=_EVERYTHING_BESIDE,
    call_id=r"[A-Za-z0-9_.:-]{1,64}",  # its own ids are `functions.name:0`
)
_ZAI = _by("zai", family="zai", **_SCHEMAS, starts_with_user=False, beside_results=_EVERYTHING_BESIDE)
_WITHOUT_CHOICE: dict[str, Any] = {"tool_choices": _NOTHING, "json_schema": "refused"}
_COHERE = _by("cohere", family="cohere", **_WITHOUT_CHOICE)
_AI21 = _by("ai21", family="ai21", **_WITHOUT_CHOICE)
_WRITER = _by("writer", family="writer", **_WITHOUT_CHOICE, result_status=False, streams_tools=False)
_PLAIN_FAMILIES = tuple(
    _by(maker, family=maker, beside_results=_EVERYTHING_BESIDE, result_media=_IMAGES)
    for maker in ("google", "minimax", "nvidia")
)

DEFAULT = ConverseProfile()
"""A model of which nothing is known."""

BEDROCK = ConverseProfile(
    models=(
        *_ANTHROPIC,
        *_AMAZON,
        *_META,
        *_MISTRAL,
        *_DEEPSEEK,
        *_QWEN,
        _OPENAI,
        _MOONSHOT,
        _ZAI,
        _COHERE,
        _AI21,
        _WRITER,
        *_PLAIN_FAMILIES,
    )
)
"""Bedrock, every family by its rules."""
