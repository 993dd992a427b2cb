"""A turn as a request of Cohere's chat API. https://docs.cohere.com/v2/reference/chat-stream"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lambda_responses.transformers.base import Rendered
from lambda_responses.transformers.cohere_chat.messages import render_messages
from lambda_responses.transformers.cohere_chat.tools import render_tools
from lambda_responses.transformers.tool_choice import read_offer
from lambda_responses.transformers.updates import with_updates
from lambda_responses.wire.errors import UnsupportedError

if TYPE_CHECKING:
    from lambda_responses.transformers.base import Turn
    from lambda_responses.transformers.cohere_chat.profile import CohereProfile
    from lambda_responses.wire.json import Json

LOGPROBS = "message.output_text.logprobs"

_SCHEMA_ADVICE = "Answer with JSON that fits this schema, and nothing before or after it:\n"

SAMPLING: dict[str, str] = {
    "temperature": "temperature",
    "top_p": "p",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
}
"""Settings of how tokens are drawn, and what they are called here."""

HINTS = (
    "prompt_cache_key",
    "prompt_cache_retention",
    "prompt_cache_options",
    "safety_identifier",
    "user",
)
"""Settings that have no place here, and without which an answer is still an answer."""


def render_request(turn: Turn, profile: CohereProfile) -> Rendered:
    """The request, streamed.

    Raises `InvalidRequestError`, naming `param`, for content, tools and formats that it cannot carry.
    """
    profile = profile.for_model(turn.model)
    offer = read_offer(turn)
    settings = _Settings(turn, profile)
    settings.render_sampling()
    settings.render_text()
    settings.render_reasoning()
    settings.render_logprobs()
    settings.name_hints()
    tools = render_tools(offer)
    if tools and settings.request.get("parallel_tool_calls") is False:
        settings.dropped.append("parallel_tool_calls")
    body: Json = {
        "model": turn.model,
        **render_messages(turn, profile, offer.names, settings.advice),
        **settings.body,
        **tools,
        "stream": True,
    }
    return Rendered(path=profile.path, body=body, dropped=(*offer.dropped, *settings.dropped))


class _Settings:
    """The body but for its messages and tools."""

    def __init__(self, turn: Turn, profile: CohereProfile) -> None:
        self.body: Json = {}
        self.dropped: list[str] = []
        self.advice: list[str] = []
        """What must be told in words, for want of a parameter."""
        self.request = with_updates(turn)
        self._profile = profile

    def render_sampling(self) -> None:
        """The limit, and how tokens are drawn."""
        if (limit := self.request.get("max_output_tokens")) is not None:
            self.body["max_tokens"] = limit
        for name, theirs in SAMPLING.items():
            if (value := self.request.get(name)) is None:
                continue
            least, greatest = self._profile.ranges.get(name, (value, value))
            if least <= value <= greatest:
                self.body[theirs] = value
            else:
                self.dropped.append(name)

    def render_text(self) -> None:
        """The answer's format."""
        text: Json = self.request.get("text") or {}
        match text.get("format"):
            case None | {"type": "text"}:
                pass
            case {"type": "json_object"}:
                self.body["response_format"] = {"type": "json_object"}
            case {"type": "json_schema", "schema": {"type": "object"} as schema}:
                self.body["response_format"] = {"type": "json_object", "json_schema": schema}
            case {"type": "json_schema", "schema": schema}:  # the root of one that is kept is an object
                self.advice.append(_SCHEMA_ADVICE + json.dumps(schema, ensure_ascii=False))
            case wanted:
                message = f"This model's provider cannot answer in the format '{wanted.get('type')}'."
                raise UnsupportedError(message, param="text.format")
        if text.get("verbosity"):
            self.dropped.append("text.verbosity")

    def render_reasoning(self) -> None:
        """The effort, as a budget of tokens; nothing else of `reasoning` has a place here."""
        reasoning: Json = self.request.get("reasoning") or {}
        for name, value in reasoning.items():
            adds = self._profile.efforts.get(value) if name == "effort" else None
            if adds is not None:
                self.body |= adds
            elif value is not None:
                self.dropped.append(f"reasoning.{name}")

    def render_logprobs(self) -> None:
        """Those of the tokens that were drawn; there are none of others."""
        if self.request.get("top_logprobs"):
            raise UnsupportedError(
                "This model's provider gives log probabilities of its own tokens alone.", param="top_logprobs"
            )
        if LOGPROBS in (self.request.get("include") or ()):
            self.body["logprobs"] = True

    def name_hints(self) -> None:
        """What is left out."""
        self.dropped += [name for name in HINTS if self.request.get(name) is not None]
        if self.request.get("service_tier") not in (None, "auto"):
            self.dropped.append("service_tier")
