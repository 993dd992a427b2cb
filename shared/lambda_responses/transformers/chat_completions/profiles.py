"""The dialects of the vendors that recordings or their own references let us know.

Rows say only what differs from `ChatProfile`'s defaults. To add a vendor, add a row.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lambda_responses.transformers.chat_completions import web_searches
from lambda_responses.transformers.chat_completions.profile import SAMPLING, ChatProfile
from lambda_responses.transformers.model_rules import ModelRule

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json


def _levels(*levels: str, field: str = "reasoning_effort", **renamed: str) -> dict[str, Json]:
    """Efforts that are passed on as one word in one field, some under another vendor's word."""
    words = dict(zip(levels, levels, strict=True)) | renamed
    return {effort: {field: word} for effort, word in words.items()}


def _switch(on: Json, off: Json) -> dict[str, Json]:
    """Efforts of a model whose thinking is only on or off."""
    return {"none": off, **dict.fromkeys(("minimal", "low", "medium", "high", "xhigh", "max"), on)}


_THREE_LEVELS = _levels("low", "medium", "high", none="low", minimal="low", xhigh="high", max="high")
_FOUR_LEVELS = _levels("minimal", "low", "medium", "high", none="minimal", xhigh="high", max="high")
_THINKING = _switch({"thinking": {"type": "enabled"}}, {"thinking": {"type": "disabled"}})
_TEMPLATE_THINKING = _switch(
    {"chat_template_kwargs": {"enable_thinking": True}},
    {"chat_template_kwargs": {"enable_thinking": False}},
)
_IMAGES = frozenset({"input_image"})
_NOTHING = frozenset[str]()
_PARALLEL = frozenset({"parallel_tool_calls"})
_GPT_OSS = ModelRule(r"gpt-oss", {"efforts": _THREE_LEVELS})

_NO_THOUGHT = "."
"""Not empty, which models that demand a thought take for none, and saying nothing."""

DEFAULT = ChatProfile(
    inputs=frozenset({"input_image", "input_file", "input_audio"}),
    images_as_data=True,  # a server in the operator's network must fetch nothing that a client names
    one_system_message=True,
    text_without_content="null",
    reasoning_replay="reasoning_content",
    logprobs="flag",
    models=(_GPT_OSS,),
)
"""A server that nobody has told us anything about: it may judge contents and formats by itself."""

_OPENAI_SETTINGS = SAMPLING | {
    "parallel_tool_calls",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "user",
}
_OPENAI_REASONING = {"accepts": (_OPENAI_SETTINGS - SAMPLING) | {"verbosity"}, "logprobs": "refused"}

OPENAI = ChatProfile(
    developer_role="developer",
    inputs=frozenset({"input_image", "input_file"}),
    image_detail=True,
    refusals=True,
    strict_tools=True,
    custom_tools=True,
    accepts=_OPENAI_SETTINGS,
    max_tokens_field="max_completion_tokens",
    logprobs="flag",
    think_tags=False,
    service_tiers={tier: tier for tier in ("auto", "default", "flex", "priority", "scale")},
    models=(
        ModelRule(r"^o\d", {**_OPENAI_REASONING, "efforts": _THREE_LEVELS}),
        ModelRule(r"^gpt-5(?!-chat)", {**_OPENAI_REASONING, "efforts": _FOUR_LEVELS}),
        ModelRule(
            r"^gpt-(5\.\d|[6-9])(?!.*-chat)",
            {
                **_OPENAI_REASONING,
                "efforts": _levels("none", "low", "medium", "high", "xhigh", minimal="low", max="xhigh"),
            },
        ),
        ModelRule(r"audio", {"inputs": frozenset({"input_audio", "input_file"}), "json_schema": "refused"}),
        ModelRule(
            r"-search-(preview|api)",
            {"accepts": _OPENAI_SETTINGS - SAMPLING - _PARALLEL, "web_search": web_searches.OPENAI},
        ),
    ),
)

AZURE = replace(
    OPENAI,
    think_tags=True,
    developer_role="system",
    inputs=_IMAGES,
    custom_tools=False,
    models=(
        *OPENAI.models,
        ModelRule(
            r"mistral|ministral|codestral|llama|deepseek|grok|phi|cohere|command",
            {"max_tokens_field": "max_tokens", "strict_tools": False, "refusals": False},
        ),
        ModelRule(r"deepseek|grok", {"reasoning_replay": "reasoning_content"}),
    ),
)

GROQ = ChatProfile(
    inputs=_NOTHING,
    max_tokens_field="max_completion_tokens",
    accepts=SAMPLING | {"parallel_tool_calls", "user"},
    service_tiers={"auto": "auto", "default": "on_demand", "flex": "flex", "priority": "performance"},
    models=(
        _GPT_OSS,
        ModelRule(r"gpt-oss|qwen", {"reasoning_replay": "reasoning"}),
        ModelRule(r"gpt-oss", {"web_search": web_searches.GROQ}),
        ModelRule(
            r"qwen",
            {
                "efforts": _levels(
                    "none", minimal="default", low="default", medium="default", high="default"
                ),
            },
        ),
        ModelRule(r"llama-4|vision|qwen.*-vl", {"inputs": _IMAGES}),
        ModelRule(
            r"compound",
            {
                "tools": False,
                "json_schema": "refused",
                "web_search": web_searches.GROQ_COMPOUND,
            },
        ),
    ),
)

MISTRAL = ChatProfile(
    inputs=frozenset({"input_image", "input_file", "input_audio"}),
    files_as="document_url",
    audio_as="data",
    text_without_content="empty",
    call_id_length=9,
    strict_tools=True,
    accepts=SAMPLING | {"parallel_tool_calls", "prompt_cache_key"},
    stream_usage=False,
    models=(
        ModelRule(r"magistral|^mistral-(small|medium)|vibe", {"reasoning_replay": "thinking_parts"}),
        ModelRule(
            r"^mistral-(small|medium)|vibe",
            {
                "efforts": _levels(
                    "none", "high", minimal="none", low="high", medium="high", xhigh="high", max="high"
                ),
            },
        ),
    ),
)

DEEPSEEK = ChatProfile(
    inputs=_NOTHING,
    reasoning_replay="reasoning_content",
    strict_tools=True,
    forced_choice_adds={"thinking": {"type": "disabled"}},
    accepts=SAMPLING,
    json_schema="refused",
    logprobs="flag",
    efforts={
        "none": {"thinking": {"type": "disabled"}},
        **{
            effort: {"thinking": {"type": "enabled"}, "reasoning_effort": word}
            for effort, word in {
                "minimal": "low",
                "low": "low",
                "medium": "medium",
                "high": "high",
                "xhigh": "max",
                "max": "max",
            }.items()
        },
    },
    models=(ModelRule(r"reasoner|v[4-9]", {"missing_thought": _NO_THOUGHT}),),
)

XAI = ChatProfile(
    image_detail=True,
    reasoning_replay="reasoning_content",
    logprobs="flag",
    cache_key_header="x-grok-conv-id",
    accepts=SAMPLING | {"parallel_tool_calls", "user"},
    models=(
        ModelRule(r"grok-(3-mini|4\.\d|[5-9])", {"efforts": _THREE_LEVELS}),
        ModelRule(r"grok-4\.3", {"efforts": {**_THREE_LEVELS, **_levels("none")}}),
    ),
)

TOGETHER = ChatProfile(reasoning_replay="reasoning", logprobs="count", models=(_GPT_OSS,))

FIREWORKS = ChatProfile(
    reasoning_replay="reasoning_content",
    efforts=_levels("none", "low", "medium", "high", minimal="low", xhigh="high", max="high"),
    accepts=SAMPLING | {"parallel_tool_calls", "user"},
    logprobs="flag",
)

OPENROUTER = ChatProfile(
    inputs=frozenset({"input_image", "input_file", "input_audio"}),
    image_detail=True,
    reasoning_replay="reasoning_details",
    strict_tools=True,
    logprobs="flag",
    accepts=SAMPLING | {"parallel_tool_calls", "user", "verbosity"},
    web_search=web_searches.OPENROUTER,
    models_of_many=True,
    efforts={
        effort: {"reasoning": {"effort": "xhigh" if effort == "max" else effort}}
        for effort in ("none", "minimal", "low", "medium", "high", "xhigh", "max")
    },
)

CEREBRAS = ChatProfile(
    inputs=_NOTHING,
    max_tokens_field="max_completion_tokens",
    reasoning_replay="reasoning",
    strict_tools=True,
    accepts=SAMPLING | {"parallel_tool_calls", "user"},
    logprobs="flag",
    service_tiers={"auto": "auto", "default": "default", "flex": "flex", "priority": "priority"},
    models=(
        _GPT_OSS,
        ModelRule(
            r"glm",
            {
                "reasoning_replay": "think_tags",
                "efforts": _switch({}, {"disable_reasoning": True}),
            },
        ),
        ModelRule(r"gemma", {"inputs": _IMAGES}),
    ),
)

PERPLEXITY = ChatProfile(
    one_system_message=True,
    alternating_roles=True,
    tools=False,
    accepts=SAMPLING,
    json_object=False,
    stream_usage=False,
    web_search=web_searches.PERPLEXITY,
    models=(
        ModelRule(
            r"reasoning|deep-research",
            {
                "efforts": _levels(
                    "minimal", "low", "medium", "high", none="minimal", xhigh="high", max="high"
                )
            },
        ),
    ),
)

HUGGINGFACE = replace(
    DEFAULT,
    images_as_data=False,
    reasoning_replay="none",  # some of the servers that it routes to refuse a member that they do not know
    accepts=SAMPLING | {"parallel_tool_calls"},
)

NVIDIA = replace(
    DEFAULT,
    efforts=_switch(
        {"chat_template_kwargs": {"enable_thinking": True}},
        {"chat_template_kwargs": {"enable_thinking": False}},
    ),
)

MOONSHOT = ChatProfile(
    images_as_data=True,
    reasoning_replay="reasoning_content",
    tool_choices=frozenset({"none"}),
    accepts=SAMPLING | {"prompt_cache_key", "safety_identifier"},
    models=(
        ModelRule(r"kimi-(k2\.\d|k[3-9]|latest)", {"efforts": _THINKING}),
        ModelRule(r"thinking|kimi-(k2\.\d|k[3-9]|latest)", {"missing_thought": _NO_THOUGHT}),
    ),
)

OLLAMA = ChatProfile(
    images_as_data=True,
    tool_output_media=True,
    text_without_content="empty",
    reasoning_replay="reasoning",
    tool_choices=_NOTHING,
    forces_by_schema=True,
    accepts=SAMPLING,
    efforts=_levels("none", "low", "medium", "high", minimal="low", xhigh="high", max="high"),
    logprobs="flag",
)

VLLM = replace(
    DEFAULT,
    image_detail=True,
    reasoning_replay="reasoning",
    efforts={
        **_levels("minimal", "low", "medium", "high", xhigh="high", max="high"),
        "none": {"chat_template_kwargs": {"enable_thinking": False}},
    },
)

_COUNTED_BY_LLAMACPP = "chat/completions/input_tokens"

LLAMACPP = replace(
    DEFAULT,
    count_path=_COUNTED_BY_LLAMACPP,
    tool_choices=frozenset({"none", "required"}),
    efforts=_switch(
        {"chat_template_kwargs": {"enable_thinking": True}},
        {"chat_template_kwargs": {"enable_thinking": False}},
    ),
)

DEMO = ChatProfile(
    count_path=_COUNTED_BY_LLAMACPP,
    one_system_message=True,
    alternating_roles=True,
    inputs=_NOTHING,
    tool_messages=False,
    tool_choices=_NOTHING,
    forces_by_schema=True,
    picks_tools=False,
    accepts=SAMPLING,
    max_tokens_default=256,
    bounded_schemas=True,
    logprobs="flag",
    extra={"repeat_penalty": 1.1},
)
"""A model of some hundred million parameters on llama.cpp: real tokens, no judgement."""

ALIBABA = ChatProfile(
    inputs=frozenset({"input_image", "input_audio"}),
    audio_as="address",
    reasoning_replay="reasoning_content",
    forced_choice_adds={"enable_thinking": False},
    efforts=_switch({"enable_thinking": True}, {"enable_thinking": False}),
)

ZAI = ChatProfile(
    reasoning_replay="reasoning_content",
    accepts=SAMPLING - {"presence_penalty", "frequency_penalty"},
    json_schema="refused",
    efforts=_THINKING,
    web_search=web_searches.ZAI,
    models=(
        ModelRule(
            r"glm-(4\.7|[5-9])",
            {
                "efforts": {
                    "none": {"thinking": {"type": "disabled"}},
                    **_levels("low", "high", minimal="low", medium="high", xhigh="max", max="max"),
                },
            },
        ),
    ),
)

XIAOMI = ChatProfile(
    reasoning_replay="reasoning_content",
    strict_tools=True,
    max_tokens_field="max_completion_tokens",
    forced_choice_adds={"thinking": {"type": "disabled"}},
    efforts=_THINKING,
)

DATABRICKS = ChatProfile(one_system_message=True, accepts=SAMPLING)
