"""A turn as a Messages request. https://platform.claude.com/docs/en/api/messages/create"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from lambda_responses.transformers.anthropic_messages.messages import render_conversation
from lambda_responses.transformers.anthropic_messages.plan import plan_turn
from lambda_responses.transformers.anthropic_messages.tools import RenderedTools, render_choice
from lambda_responses.transformers.base import Rendered
from lambda_responses.wire.errors import UnsupportedError

if TYPE_CHECKING:
    from lambda_responses.transformers.anthropic_messages.messages import Conversation
    from lambda_responses.transformers.anthropic_messages.plan import Plan
    from lambda_responses.transformers.anthropic_messages.profile import MessagesProfile
    from lambda_responses.transformers.base import Turn
    from lambda_responses.wire.json import Json

LOGPROBS = "message.output_text.logprobs"
HOTTEST = 1
"""The highest temperature there is."""


def render_request(turn: Turn, profile: MessagesProfile) -> Rendered:
    """The request in that dialect.

    Raises `InvalidRequestError`, naming `param`, for content, tools and formats that it cannot carry.
    """
    plan = plan_turn(turn, profile)
    profile, thinking = plan.profile, plan.thinking
    conversation = render_conversation(turn, plan)
    if thinking.budgeted and conversation.calls_without_thought:
        thinking.give_up()
    settings = _Settings(plan)
    settings.render_text()
    settings.render_tools(conversation)
    settings.render_sampling()
    settings.render_service()
    settings.refuse_logprobs()
    body: Json = {"model": turn.model} if profile.body_names_model else {}
    body |= {"max_tokens": plan.max_tokens, "messages": conversation.messages}
    if conversation.system:
        body["system"] = conversation.system
    body |= settings.body
    if profile.body_says_stream:
        body["stream"] = True
    headers = dict(profile.headers)
    if profile.betas:
        headers["anthropic-beta"] = ",".join(profile.betas)
    path = profile.path.replace("{model}", quote(turn.model, safe="@"))
    return Rendered(path=path, body=body, headers=headers, dropped=(*conversation.dropped, *settings.dropped))


class _Settings:
    """The body but for what was said, and what of the request has no place in it."""

    def __init__(self, plan: Plan) -> None:
        self.body: Json = dict(plan.profile.extra)
        self.dropped: list[str] = []
        self._plan = plan
        self._profile = plan.profile
        self._request = plan.request

    def render_text(self) -> None:
        """Thinking, and the form of the answer."""
        thinking, schema = self._plan.thinking, self._plan.answer.schema
        self.body |= thinking.body
        self.dropped += thinking.dropped
        if schema is not None:
            format = {"type": "json_schema", "schema": schema}
            self.body["output_config"] = {**self.body.get("output_config", {}), "format": format}
        text: Json = self._request.get("text") or {}
        if text.get("verbosity"):
            self.dropped.append("text.verbosity")

    def render_tools(self, conversation: Conversation) -> None:
        """What is offered, and what must be called."""
        offer, answer = self._plan.offer, self._plan.answer.tool
        rendered = RenderedTools(offer, self._request, self._profile)
        self.dropped += rendered.dropped
        tools = [*rendered.tools, *([answer] if answer is not None else [])]
        if tools:
            self.body["tools"] = tools
        choice = render_choice(offer, self._request, answer)
        if choice is not None:
            self.body["tool_choice"] = choice
        if container := rendered.container or conversation.container:
            self.body["container"] = container

    def render_sampling(self) -> None:
        """Settings that shape how tokens are drawn: none of them while thinking."""
        drawn = frozenset[str]() if self._plan.thinking.on else self._profile.sampling
        for name in ("temperature", "top_p", "presence_penalty", "frequency_penalty"):
            value = self._request.get(name)
            if value is None:
                continue
            taken = name in drawn and value <= HOTTEST
            if not taken or (self._profile.one_sampler and "temperature" in self.body):
                self.dropped.append(name)
            else:
                self.body[name] = value

    def render_service(self) -> None:
        """Who asks, how fast an answer is wanted, and what may be cached."""
        request, profile = self._request, self._profile
        named = [name for name in ("safety_identifier", "user") if request.get(name)]
        if named and profile.user_id:
            self.body["metadata"] = {"user_id": request[named[0]]}
        else:
            self.dropped += named
        if tier := request.get("service_tier"):
            if tier in profile.service_tiers:
                self.body["service_tier"] = profile.service_tiers[tier]
            elif tier != "auto":
                self.dropped.append("service_tier")
        names = ("prompt_cache_key", "prompt_cache_retention", "prompt_cache_options")
        caching = [name for name in names if request.get(name)]
        if caching and profile.caches:
            self.body["cache_control"] = {"type": "ephemeral", **_lifetime(request)}
        else:
            self.dropped += caching

    def refuse_logprobs(self) -> None:
        """Log probabilities that were asked for are part of the answer, so they are never left out."""
        for param, asked in (
            ("top_logprobs", self._request.get("top_logprobs")),
            ("include", LOGPROBS in (self._request.get("include") or ())),
        ):
            if asked:
                raise UnsupportedError("This model's provider gives no log probabilities.", param=param)


def _lifetime(request: Json) -> dict[str, str]:
    """How long a cached beginning is kept: five minutes, unless it shall be hours."""
    long = request.get("prompt_cache_retention") == "24h"
    options: Json = request.get("prompt_cache_options") or {}
    return {"ttl": "1h"} if long or options.get("ttl") == "12h" else {}
