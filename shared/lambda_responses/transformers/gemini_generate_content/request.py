"""A turn as a request of streamed content. https://ai.google.dev/api/generate-content"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from lambda_responses.transformers.base import Rendered
from lambda_responses.transformers.gemini_generate_content.contents import render_contents
from lambda_responses.transformers.gemini_generate_content.logprobs import asks_for_logprobs
from lambda_responses.transformers.gemini_generate_content.tools import plan_tools
from lambda_responses.transformers.updates import with_updates
from lambda_responses.wire.errors import UnsupportedError

if TYPE_CHECKING:
    from lambda_responses.transformers.base import Turn
    from lambda_responses.transformers.gemini_generate_content.profile import GeminiProfile
    from lambda_responses.transformers.gemini_generate_content.tools import ToolPlan
    from lambda_responses.wire.json import Json

SAMPLING = {
    "temperature": "temperature",
    "top_p": "topP",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
"""How settings of sampling are called here."""

HINTS = (
    "prompt_cache_key",
    "prompt_cache_retention",
    "prompt_cache_options",
    "safety_identifier",
    "user",
)
"""Settings that have no place here, and that an answer can do without."""

_NAMED = re.compile(r"(?:.*\bpublishers/)?(?:(?P<publisher>[^/]+)/)?models/(?P<model>[^/]+)")


def render_request(turn: Turn, profile: GeminiProfile) -> Rendered:
    """The request in that dialect.

    Raises `InvalidRequestError`, naming `param`, for content, tools and formats that it cannot carry.
    """
    profile = profile.for_model(turn.model)
    settings = _Settings(turn, profile)
    settings.render_limits_and_hints()
    settings.render_text()
    settings.render_reasoning()
    settings.render_logprobs()
    plan = plan_tools(turn, profile)
    settings.render_tools(plan)
    system, contents = render_contents(turn, profile, plan.names)
    if plan.answer.advice:
        system.append({"text": plan.answer.advice})
    body: Json = {"systemInstruction": {"parts": system}} if system else {}
    body |= {"contents": contents, **settings.body}
    if settings.config:
        body["generationConfig"] = settings.config
    return Rendered(path_of(turn.model, profile.path), body, dropped=(*plan.dropped, *settings.dropped))


def path_of(model: str, path: str) -> str:
    """The model's address; an id that is one already (`publishers/x/models/y`) says who publishes it."""
    named = _NAMED.fullmatch(model)
    if named is not None:
        model = named["model"]
        if named["publisher"]:
            path = path.replace("google/models/", f"{quote(named['publisher'], safe='')}/models/")
    return path.format(model=quote(model, safe="@"))


class _Settings:
    """The body but for its contents."""

    def __init__(self, turn: Turn, profile: GeminiProfile) -> None:
        self.body: Json = {}
        self.config: Json = {}
        """`generationConfig`."""
        self.dropped: list[str] = []
        self._profile = profile
        self._request = with_updates(turn)

    def render_limits_and_hints(self) -> None:
        """Settings of a single value each."""
        request, profile = self._request, self._profile
        if (limit := request.get("max_output_tokens")) is not None:
            self.config["maxOutputTokens"] = limit
        for name, theirs in SAMPLING.items():
            if request.get(name) is None:
                continue
            if name in profile.accepts:
                self.config[theirs] = request[name]
            else:
                self.dropped.append(name)
        self.dropped += [name for name in HINTS if request.get(name) is not None]
        if tier := request.get("service_tier"):
            if tier in profile.service_tiers:
                self.body["serviceTier"] = profile.service_tiers[tier]
            elif tier != "auto":
                self.dropped.append("service_tier")

    def render_text(self) -> None:
        """The answer's length; its format is planned with the tools (`answer_format`)."""
        text: Json = self._request.get("text") or {}
        if text.get("verbosity"):
            self.dropped.append("text.verbosity")

    def render_reasoning(self) -> None:
        """How hard to think, and whether to tell of it."""
        thinking: Json = {}
        reasoning: Json = self._request.get("reasoning") or {}
        for name, value in reasoning.items():
            if value is None:
                continue
            if name == "effort" and value in self._profile.efforts:
                thinking |= self._profile.efforts[value]
            elif name in ("summary", "generate_summary") and self._profile.thoughts:
                thinking["includeThoughts"] = True
            else:
                self.dropped.append(f"reasoning.{name}")
        self._fit_budget(thinking)
        thoughtless = thinking.get("thinkingBudget") == 0
        if thoughtless and thinking.pop("includeThoughts", False) and reasoning["effort"] != "none":
            self.dropped.append("reasoning.summary")
        if thinking:
            self.config["thinkingConfig"] = thinking

    def _fit_budget(self, thinking: Json) -> None:
        """The budget is part of the cap: half of that at most, so that there is room for an answer.

        A model that cannot do with so little thinks as little as it can.
        """
        limit: int | None = self.config.get("maxOutputTokens")
        budget: int | None = thinking.get("thinkingBudget")
        if limit is None or not budget:
            return
        fitted = min(budget, limit // 2)
        if fitted < self._profile.least_budget:
            fitted = self._profile.efforts["none"]["thinkingBudget"]
            if fitted < budget:
                self.dropped.append("reasoning.effort")
        thinking["thinkingBudget"] = fitted

    def render_logprobs(self) -> None:
        """Log probabilities that were asked for are part of the answer, so they are never left out."""
        if not asks_for_logprobs(self._request):
            return
        alternatives: int = self._request.get("top_logprobs") or 0
        if not self._profile.logprobs:
            param = "top_logprobs" if alternatives else "include"
            raise UnsupportedError("This model's provider gives no log probabilities.", param=param)
        self.config["responseLogprobs"] = True
        if alternatives:
            self.config["logprobs"] = alternatives

    def render_tools(self, plan: ToolPlan) -> None:
        """The tools on offer, the choice, and the form of the answer that goes with them."""
        self.config |= plan.answer.config
        if plan.tools:
            self.body["tools"] = plan.tools
        if plan.config:
            self.body["toolConfig"] = plan.config
        if plan.modalities:
            self.config["responseModalities"] = plan.modalities
        functions = any("functionDeclarations" in tool for tool in plan.tools)
        if functions and self._request.get("parallel_tool_calls") is False:
            self.dropped.append("parallel_tool_calls")
