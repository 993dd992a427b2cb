"""A turn as a Chat Completions request. https://platform.openai.com/docs/api-reference/chat/create"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lambda_responses.transformers.base import Rendered
from lambda_responses.transformers.chat_completions.bounded_schema import bounded
from lambda_responses.transformers.chat_completions.forced_call import call_advice, render_forced
from lambda_responses.transformers.chat_completions.messages import render_messages
from lambda_responses.transformers.chat_completions.tools import plan_tools, render_tools
from lambda_responses.transformers.updates import with_updates
from lambda_responses.wire.errors import UnsupportedError

if TYPE_CHECKING:
    from lambda_responses.transformers.base import Turn
    from lambda_responses.transformers.chat_completions.profile import ChatProfile
    from lambda_responses.transformers.chat_completions.tools import ToolPlan
    from lambda_responses.wire.json import Json

LOGPROBS = "message.output_text.logprobs"

HINTS = (
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "prompt_cache_key",
    "prompt_cache_retention",
    "prompt_cache_options",
    "safety_identifier",
    "user",
)
"""Settings that go on under their own names or not at all: an answer without them is still an answer."""


SCHEMA_ROOM = 4
"""How many times the default cap an answer under a bounded schema may take."""


def render_request(turn: Turn, profile: ChatProfile) -> Rendered:
    """The request in that dialect.

    Raises `InvalidRequestError`, naming `param`, for content, tools and formats that it cannot carry.
    """
    profile = profile.for_model(turn.model)
    plan = plan_tools(turn, profile)
    settings = _Settings(turn, profile)
    settings.render_limits_and_hints()
    settings.render_text()
    settings.render_reasoning(plan)
    settings.render_logprobs()
    settings.render_tools(plan)
    settings.leave_room_for_schema()
    messages = render_messages(turn, profile, plan.names, settings.advice)
    body: Json = {"model": turn.model, "messages": messages, **settings.body, "stream": True}
    if profile.stream_usage:
        body["stream_options"] = {"include_usage": True}
    dropped = (*plan.dropped, *settings.dropped)
    return Rendered(path=profile.path, body=body, headers=settings.headers, dropped=dropped)


class _Settings:
    """The body but for its messages, and what goes beside it."""

    def __init__(self, turn: Turn, profile: ChatProfile) -> None:
        self.body: Json = dict(profile.extra)
        self.headers: dict[str, str] = {}
        self.dropped: list[str] = []
        self.advice: list[str] = []
        """What must be told in words, for want of a parameter."""
        self._profile = profile
        self._request = with_updates(turn)

    def render_limits_and_hints(self) -> None:
        """Settings of a single value each."""
        request, profile = self._request, self._profile
        limit = request.get("max_output_tokens") or profile.max_tokens_default
        if limit is not None:
            self.body[profile.max_tokens_field] = limit
        for name in HINTS:
            if (value := request.get(name)) is None:
                continue
            if name in profile.accepts:
                self.body[name] = value
            elif name == "prompt_cache_key" and profile.cache_key_header:
                self.headers[profile.cache_key_header] = value
            else:
                self.dropped.append(name)
        if tier := request.get("service_tier"):
            if tier in profile.service_tiers:
                self.body["service_tier"] = profile.service_tiers[tier]
            elif tier != "auto":
                self.dropped.append("service_tier")

    def leave_room_for_schema(self) -> None:
        """A bounded schema comes to an end by itself, later than free text may ramble on."""
        default = self._profile.max_tokens_default
        if default and self._profile.bounded_schemas and "response_format" in self.body:
            self.body[self._profile.max_tokens_field] = (
                self._request.get("max_output_tokens") or default * SCHEMA_ROOM
            )

    def render_text(self) -> None:
        """The answer's format and length."""
        text: Json = self._request.get("text") or {}
        profile = self._profile
        match text.get("format"):
            case None | {"type": "text"}:
                pass
            case {"type": "json_object"} if profile.json_object:
                self.body["response_format"] = {"type": "json_object"}
            case {"type": "json_schema"} as wanted if profile.json_schema == "native":
                self.body["response_format"] = _render_schema(wanted, profile)
            case {"type": "json_schema", "schema": schema} if profile.json_schema == "prompt":
                self.body["response_format"] = {"type": "json_object"}
                self.advice.append(f"Answer with a JSON object that fits this schema:\n{json.dumps(schema)}")
            case wanted:
                message = f"This model's provider cannot answer in the format '{wanted.get('type')}'."
                raise UnsupportedError(message, param="text.format")
        if verbosity := text.get("verbosity"):
            if "verbosity" in profile.accepts:
                self.body["verbosity"] = verbosity
            else:
                self.dropped.append("text.verbosity")

    def render_reasoning(self, plan: ToolPlan) -> None:
        """The effort, unless a forced choice rules it out; nothing else of `reasoning` has a place here."""
        reasoning: Json = self._request.get("reasoning") or {}
        for name, value in reasoning.items():
            if value is None:
                continue
            adds = self._profile.efforts.get(value) if name == "effort" else None
            if adds is None or (plan.adds and adds != plan.adds):
                self.dropped.append(f"reasoning.{name}")
            else:
                self.body |= adds
        self.body |= plan.adds

    def render_logprobs(self) -> None:
        """Log probabilities that were asked for are part of the answer, so they are never left out."""
        alternatives: int = self._request.get("top_logprobs") or 0
        if not alternatives and LOGPROBS not in (self._request.get("include") or ()):
            return
        match self._profile.logprobs:
            case "flag":
                self.body["logprobs"] = True
                if alternatives:
                    self.body["top_logprobs"] = alternatives
            case "count":
                self.body["logprobs"] = max(alternatives, 1)
            case "refused":
                param = "top_logprobs" if alternatives else "include"
                raise UnsupportedError("This model's provider gives no log probabilities.", param=param)

    def render_tools(self, plan: ToolPlan) -> None:
        """The tools on offer and the choice; a call forced by schema takes the place of any other format."""
        if plan.forced:
            self.body["response_format"] = render_forced(plan.forced, self._profile)
            self.advice.append(call_advice(plan.forced))
        self.body |= plan.settings
        tools = render_tools(plan, self._profile)
        if not tools:
            return
        self.body["tools"] = tools
        if plan.choice is not None:
            self.body["tool_choice"] = plan.choice
        if plan.offered and self._request.get("parallel_tool_calls") is False:
            if "parallel_tool_calls" in self._profile.accepts:
                self.body["parallel_tool_calls"] = False
            else:
                self.dropped.append("parallel_tool_calls")


def _render_schema(wanted: Json, profile: ChatProfile) -> Json:
    members = ("name", "description", "strict", "schema")
    rendered = {member: wanted[member] for member in members if wanted.get(member) is not None}
    if profile.bounded_schemas:
        rendered["schema"] = bounded(wanted.get("schema"))
    return {"type": "json_schema", "json_schema": rendered}
