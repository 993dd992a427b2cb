"""The dialects of the places that speak Messages.

What models take: https://platform.claude.com/docs/en/about-claude/models/overview and the migration guides
there. A model that no rule knows is taken for a newer one. To add a place, add a row.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lambda_responses.transformers.anthropic_messages.profile import MessagesProfile
from lambda_responses.transformers.model_rules import ModelRule

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json

_OFF: Json = {"thinking": {"type": "disabled"}}


def _adaptive(**levels: str) -> dict[str, Json]:
    """Efforts of a model that decides by itself how long it thinks."""
    return {
        effort: {"thinking": {"type": "adaptive"}, "output_config": {"effort": level}}
        for effort, level in levels.items()
    }


def _budgets(**tokens: int) -> dict[str, Json]:
    """Efforts of a model that is told how many tokens it may think."""
    return {
        effort: {"thinking": {"type": "enabled", "budget_tokens": budget}}
        for effort, budget in tokens.items()
    }


_ADAPTIVE = _adaptive(minimal="low", low="low", medium="medium", high="high", xhigh="xhigh", max="max")
_ADAPTIVE_WITHOUT_XHIGH = {**_ADAPTIVE, **_adaptive(xhigh="max")}
_BUDGETED = _budgets(minimal=1_024, low=2_048, medium=10_000, high=16_384, xhigh=32_768, max=32_768)
_SAMPLING = frozenset({"temperature", "top_p"})
_NOTHING = frozenset[str]()

_WEB_SEARCH: Json = {"type": "web_search_20250305", "name": "web_search"}
"""The version that searches directly, with every model; later ones run programs that nobody asked for."""
_CODE: Json = {"type": "code_execution_20250825", "name": "code_execution"}
_CODE_IN_NEWER: Json = {"type": "code_execution_20260120", "name": "code_execution"}

_CLAUDE = (
    ModelRule(r"sonnet-5(?!-\d\b)", {"system_messages": False}),
    # These think always, and the least that they think is what comes closest to none.
    ModelRule(
        r"fable|mythos|opus-5-\d\b",
        {"efforts": {**_ADAPTIVE, "none": _ADAPTIVE["low"]}},
    ),
    ModelRule(r"fable|mythos|(opus|sonnet)-5-\d\b", {"forced_choice": "never"}),
    ModelRule(
        r"sonnet-5-\d\b",
        {
            "efforts": {
                **_ADAPTIVE,
                "none": {"thinking": {"type": "between_tools"}, "output_config": {"effort": "low"}},
            }
        },
    ),
    ModelRule(
        r"claude-(\w+-)?4",
        {
            "system_messages": False,
            "ends_with_user": False,
            "efforts": {**_BUDGETED, "none": _OFF},
            "display": False,
            "sampling": _SAMPLING,
            "max_tokens": 32_000,
            "json_schema": "tool",
            "strict_tools": 0,
            "forced_choice": "unthinking",
            "hosted": {"web_search": _WEB_SEARCH, "code_interpreter": _CODE},
        },
    ),
    ModelRule(
        r"claude-\w+-4-[5-9]",
        {
            "one_sampler": True,
            "max_tokens": 64_000,
            "json_schema": "native",
            "strict_tools": 20,
            "hosted": {"web_search": _WEB_SEARCH, "code_interpreter": _CODE_IN_NEWER},
        },
    ),
    ModelRule(
        r"claude-\w+-4-[6-9]",
        {
            "ends_with_user": True,
            "efforts": {**_ADAPTIVE_WITHOUT_XHIGH, "none": _OFF},
            "display": True,
            "max_tokens": 128_000,
        },
    ),
    ModelRule(r"claude-\w+-4-[7-9]", {"efforts": {**_ADAPTIVE, "none": _OFF}, "sampling": _NOTHING}),
    ModelRule(r"claude-\w+-4-[89]", {"forced_choice": "always", "system_messages": True}),
    ModelRule(
        r"claude-(3|v?2|instant)",
        {
            "system_messages": False,
            "ends_with_user": False,
            "thinks": False,
            "efforts": {"none": {}},
            "display": False,
            "sampling": _SAMPLING,
            "max_tokens": 4_096,
            "json_schema": "tool",
            "strict_tools": 0,
            "hosted": {},
        },
    ),
    ModelRule(r"claude-(v?2|instant)", {"inputs": _NOTHING}),
    ModelRule(r"claude-3-[57]", {"max_tokens": 8_192, "hosted": {"web_search": _WEB_SEARCH}}),
    ModelRule(
        r"claude-3-7",
        {
            "thinks": True,
            "thinking_is_summary": False,
            "efforts": {**_BUDGETED, "none": _OFF},
            "max_tokens": 32_000,
            "forced_choice": "unthinking",
            "hosted": {"web_search": _WEB_SEARCH, "code_interpreter": _CODE},
        },
    ),
)

DEFAULT = MessagesProfile(
    efforts={**_BUDGETED, "none": _OFF},
)
"""A server that speaks Anthropic's format and of which nobody has told us anything."""

ANTHROPIC = MessagesProfile(
    count_path="v1/messages/count_tokens",
    fetches=frozenset(),
    system_messages=True,
    unsigned_thinking=False,
    thinking_is_summary=True,
    hosted={"web_search": _WEB_SEARCH, "code_interpreter": _CODE_IN_NEWER},
    strict_tools=20,
    max_tokens=128_000,
    sampling=_NOTHING,
    efforts={**_ADAPTIVE, "none": _OFF},
    display=True,
    json_schema="native",
    service_tiers={"auto": "auto", "default": "standard_only", "priority": "auto"},
    caches=True,
    user_id=True,
    models=_CLAUDE,
)

_ELSEWHERE = replace(
    ANTHROPIC,
    headers={},
    body_names_model=False,
    family="anthropic",
    fetches=frozenset({"input_image", "input_file"}),
    service_tiers={},
    caches=False,
    user_id=False,
)
"""What the clouds that host Anthropic's models have in common."""

BEDROCK = replace(
    _ELSEWHERE,
    path="model/{model}/invoke-with-response-stream",
    count_path="model/{model}/count-tokens",
    counts="invoke",
    extra={"anthropic_version": "bedrock-2023-05-31"},
    body_says_stream=False,
    models=(
        *_CLAUDE,
        ModelRule(r"", {"hosted": {}, "system_messages": False}),
        # A request's cap counts against the quota until it is answered.
        ModelRule(r"claude-(?!3|v?2|instant)", {"max_tokens": 32_000}),
        ModelRule(
            r"opus-(4-7|5-\d\b)|sonnet-5|haiku-5|fable|mythos", {"json_schema": "tool", "strict_tools": 0}
        ),
    ),
)
"""Bedrock's `InvokeModelWithResponseStream`, which answers in frames of `{"chunk": {"bytes": …}}`."""

VERTEX = replace(
    _ELSEWHERE,
    path="anthropic/models/{model}:streamRawPredict",
    count_path="anthropic/models/count-tokens:rawPredict",
    counts="named",
    extra={"anthropic_version": "vertex-2023-10-16"},
    hosted={"web_search": _WEB_SEARCH},
    models=(*_CLAUDE, ModelRule(r"claude-(3-7|4|\w+-4)", {"hosted": {"web_search": _WEB_SEARCH}})),
)
"""Google's publisher models; the path is relative to `…/publishers/`."""
