"""Google's two endpoints, and how their models differ. Rows say only what differs from the defaults.

Thinking: https://ai.google.dev/gemini-api/docs/thinking (levels from Gemini 3 on, budgets in tokens before).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lambda_responses.transformers.gemini_generate_content.profile import GeminiProfile
from lambda_responses.transformers.model_rules import ModelRule

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json


def _levels(least: str) -> dict[str, Json]:
    """Efforts of models that think in levels, the lowest of which is `least`."""
    words = {"low": "LOW", "medium": "MEDIUM", "high": "HIGH", "xhigh": "HIGH", "max": "HIGH"}
    return {effort: {"thinkingLevel": word} for effort, word in (words | _both(least)).items()}


def _budgets(none: int, minimal: int) -> dict[str, Json]:
    """Efforts of models that think in tokens, which differ in the least they can do with."""
    tokens = {"none": none, "minimal": minimal, "low": 1_024, "medium": 8_192, "high": 16_384}
    most = dict.fromkeys(("xhigh", "max"), 24_576)
    return {effort: {"thinkingBudget": budget} for effort, budget in (tokens | most).items()}


def _both(least: str) -> dict[str, str]:
    return dict.fromkeys(("none", "minimal"), least)


_SEARCH = ("googleSearch", "urlContext")
_HOSTED = {"web_search": _SEARCH, "code_interpreter": ("codeExecution",), "file_search": ("fileSearch",)}
_HOSTED_BY_VERTEX = {kind: _HOSTED[kind] for kind in ("web_search", "code_interpreter")}

_BEFORE_3: dict[str, Any] = {
    "signature_placeholder": None,
    "response_media": frozenset[str](),
    "combines": False,
    "formats_with_functions": False,
}
_SEEN = frozenset({"input_image", "input_file"})
_THOUGHTLESS: dict[str, Any] = {"efforts": {}, "thoughts": False}

_MODELS = (
    ModelRule(r"-pro|gemini-(3\.[78]-flash(?!-lite)|[4-9])", {"efforts": _levels("LOW")}),
    ModelRule(r"gemini-(1|2)\b", _BEFORE_3),
    ModelRule(r"gemini-2\.5-flash", {"efforts": _budgets(0, 512)}),
    ModelRule(r"gemini-2\.5-flash-lite", {"least_budget": 512}),
    ModelRule(r"gemini-2\.5-pro", {"efforts": _budgets(128, 128), "least_budget": 128}),
    ModelRule(
        r"gemini-(1|2\.0)",
        {**_THOUGHTLESS, "json_schemas": False, "validates": False, "hosted": {"web_search": _SEARCH[:1]}},
    ),
    ModelRule(r"-image", {"draws": True, "inputs": _SEEN, "hosted": {"web_search": _SEARCH[:1]}}),
    ModelRule(r"gemini-2\.5-.*(tts|image|audio)", {**_THOUGHTLESS, "hosted": {}}),
    ModelRule(r"-tts|gemma-3-(270m|1b)", {"inputs": frozenset[str]()}),
    ModelRule(r"gemma-3-(4b|12b|27b)", {"inputs": frozenset({"input_image"})}),
)

GEMINI = GeminiProfile(
    hosted=_HOSTED,
    efforts=_levels("MINIMAL"),
    service_tiers={"default": "standard", "flex": "flex", "priority": "priority"},
    models=_MODELS,
)

VERTEX = replace(
    GEMINI,
    path="google/models/{model}:streamGenerateContent?alt=sse",
    count_path="google/models/{model}:countTokens",
    counts_whole_requests=False,
    hosted=_HOSTED_BY_VERTEX,
    combines=False,  # what makes it possible is not in Vertex AI: `includeServerSideToolInvocations`
    logprobs=True,
    service_tiers={},
)

DEFAULT = GEMINI
"""An endpoint that nobody has told us anything about."""
