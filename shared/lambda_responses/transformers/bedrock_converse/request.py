"""A turn as a Converse request.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from lambda_responses.transformers.base import Rendered
from lambda_responses.transformers.bedrock_converse.caching import place_cache_points
from lambda_responses.transformers.bedrock_converse.messages import render_conversation
from lambda_responses.transformers.bedrock_converse.reasoning import merged, plan_reasoning
from lambda_responses.transformers.bedrock_converse.tools import (
    advice_on_tools,
    plan_tools,
    render_tool_config,
)
from lambda_responses.transformers.updates import with_updates
from lambda_responses.wire.errors import UnsupportedError

if TYPE_CHECKING:
    from lambda_responses.transformers.base import Turn
    from lambda_responses.transformers.bedrock_converse.messages import Conversation
    from lambda_responses.transformers.bedrock_converse.profile import ConverseProfile
    from lambda_responses.transformers.bedrock_converse.reasoning import ReasoningPlan
    from lambda_responses.transformers.bedrock_converse.tools import ToolPlan
    from lambda_responses.wire.json import Json

LOGPROBS = "message.output_text.logprobs"

UNPLACED = ("presence_penalty", "frequency_penalty")
"""Hints for which Converse has no place."""

_IDENTITIES = ("safety_identifier", "user")
_METADATA = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{1,256}")


def render_request(turn: Turn, profile: ConverseProfile) -> Rendered:
    """The request as that model takes it.

    Raises `InvalidRequestError`, naming `param`, for content, tools and formats that it cannot carry.
    """
    profile = profile.for_model(turn.model)
    request = with_updates(turn)
    _refuse_logprobs(request)
    plan = plan_tools(turn, profile)
    conversation = render_conversation(turn, profile, plan.names)
    reasoning = plan_reasoning(
        request, profile, forced=plan.choice is not None, may_budget=conversation.loop_began_thinking
    )
    settings = _Settings(request, profile)
    settings.render_text(plan)
    settings.render_inference(reasoning)
    settings.render_tools(plan, conversation)
    settings.render_own_fields(plan, reasoning)
    settings.render_operation()
    body = _with_system(conversation, settings.advice, profile) | settings.body | dict(profile.extra)
    settings.dropped += place_cache_points(body, request, profile)
    streamed = profile.streams_tools or "toolConfig" not in body
    path = profile.path if streamed else profile.plain_path
    return Rendered(
        path=path.format(model=quote(turn.model, safe="")),
        body=body,
        dropped=(*plan.dropped, *settings.dropped),
    )


def _refuse_logprobs(request: Json) -> None:
    """Log probabilities that were asked for are part of the answer, so they are never left out."""
    if request.get("top_logprobs") or LOGPROBS in (request.get("include") or ()):
        param = "top_logprobs" if request.get("top_logprobs") else "include"
        raise UnsupportedError("This model's provider gives no log probabilities.", param=param)


def _with_system(conversation: Conversation, advice: list[str], profile: ConverseProfile) -> Json:
    told: list[Json] = [{"text": text} for text in (*conversation.system, *advice)]
    body: Json = {"messages": conversation.messages}
    if told and profile.system:
        body["system"] = told
    elif told:
        first = next(message for message in conversation.messages if message["role"] == "user")
        first["content"][:0] = told
    return body


class _Settings:
    """The body but for its messages."""

    def __init__(self, request: Json, profile: ConverseProfile) -> None:
        self.body: Json = {}
        self.dropped: list[str] = []
        self.advice: list[str] = []
        """What must be told in words, for want of a parameter."""
        self._request = request
        self._profile = profile

    def render_text(self, plan: ToolPlan) -> None:
        """The answer's format, but for one that a call stands for."""
        if plan.answer.config is not None:
            self.body["outputConfig"] = plan.answer.config
        if plan.answer.advice:
            self.advice.append(plan.answer.advice)
        text: Json = self._request.get("text") or {}
        if text.get("verbosity"):
            self.dropped.append("text.verbosity")

    def render_inference(self, reasoning: ReasoningPlan) -> None:
        """The limit, and how tokens are drawn."""
        inference: Json = {}
        if reasoning.limit is not None:
            inference["maxTokens"] = reasoning.limit
        for name, theirs in (("temperature", "temperature"), ("top_p", "topP")):
            value = self._request.get(name)
            if value is None:
                continue
            if self._samples(name, value, inference, thinks=reasoning.thinks):
                inference[theirs] = value
            else:
                self.dropped.append(name)
        if inference:
            self.body["inferenceConfig"] = inference
        self.dropped += [name for name in UNPLACED if self._request.get(name)]
        self.dropped += reasoning.dropped

    def _samples(self, name: str, value: float, inference: Json, *, thinks: bool) -> bool:
        """Bedrock knows temperatures up to 1."""
        profile = self._profile
        taken = name in profile.samples and (profile.samples_thinking or not thinks)
        return taken and value <= 1 and not (profile.samples_one and "temperature" in inference)

    def render_tools(self, plan: ToolPlan, conversation: Conversation) -> None:
        """The tools on offer and the choice; that none may be called again is said in words."""
        config = render_tool_config(plan, conversation.called, self._profile)
        if config is not None:
            self.body["toolConfig"] = config
        if advice := advice_on_tools(plan, conversation.called):
            self.advice.append(advice)
            if self._request.get("tool_choice") == "none":
                self.dropped.append("tool_choice")

    def render_own_fields(self, plan: ToolPlan, reasoning: ReasoningPlan) -> None:
        """`additionalModelRequestFields`: what only this family of models knows."""
        fields = dict(reasoning.fields)
        if self._request.get("parallel_tool_calls") is False and plan.functions and not plan.uncalled:
            choice = "auto" if plan.choice is None else "any"
            serial = self._profile.serial_calls.get(choice)
            if serial is None:
                self.dropped.append("parallel_tool_calls")
            else:
                fields = merged(fields, serial)
        if fields:
            self.body["additionalModelRequestFields"] = fields

    def render_operation(self) -> None:
        """What matters to whoever runs the account, and not to the answer."""
        request = self._request
        tier: Any = request.get("service_tier")
        if tier in self._profile.service_tiers:
            self.body["serviceTier"] = {"type": tier}
        elif tier not in (None, "auto", "default"):
            self.dropped.append("service_tier")
        metadata: Json = {}
        for name in _IDENTITIES:
            value: Any = request.get(name)
            if value and _METADATA.fullmatch(str(value)):
                metadata[name] = value
            elif value:
                self.dropped.append(name)
        if metadata:
            self.body["requestMetadata"] = metadata
