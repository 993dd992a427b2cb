"""A vendor's dialect of Chat Completions, as data. The code that reads it knows no vendor's name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from lambda_responses.transformers.model_rules import ModelRule, as_spoken_by

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambda_responses.transformers.chat_completions.web_search import WebSearch
    from lambda_responses.wire.json import Json

SAMPLING = frozenset({"temperature", "top_p", "presence_penalty", "frequency_penalty"})
"""Settings that shape how tokens are drawn; reasoning models of several vendors refuse them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChatProfile:
    """What a server of this format takes and how it answers.

    The defaults describe a cautious server that nobody has measured. Sources of the vendors' values: recorded
    traffic and the vendors' own API references.
    """

    path: str = "chat/completions"
    """Relative to the base URL."""
    count_path: str = ""
    """The same, where tokens are counted; empty where nobody counts them."""

    # Messages.

    developer_role: Literal["system", "developer"] = "system"
    """The role of `instructions` and of developer messages."""
    one_system_message: bool = False
    """Whether all system text must stand in a single first message (most local chat templates)."""
    alternating_roles: bool = False
    """Whether two user messages in a row are refused; neighbours are then joined."""
    text_without_content: Literal["absent", "null", "empty"] = "absent"
    """What `content` is where an assistant only called tools."""
    inputs: frozenset[str] = frozenset({"input_image"})
    """Kinds of content besides text that a user message may hold."""
    images_as_data: bool = False
    """Whether an image must come as its bytes, because the server fetches no address."""
    image_detail: bool = False
    """Whether `detail` may stand beside an image's address."""
    files_as: Literal["file", "document_url"] = "file"
    """How a file is carried: OpenAI's `file` (data alone) or Mistral's `document_url` (addresses too)."""
    audio_as: Literal["object", "data", "address"] = "object"
    """How sound is carried: OpenAI's object, its data alone (Mistral), or as an address in it (Alibaba)."""
    refusals: bool = False
    """Whether an assistant message has a `refusal` of its own; elsewhere a refusal is text."""
    reasoning_replay: Literal[
        "none", "reasoning_content", "reasoning", "reasoning_details", "think_tags", "thinking_parts"
    ] = "none"
    """Where earlier reasoning goes in an assistant message."""
    missing_thought: str = ""
    """What stands for the reasoning before calls that came without, for models that demand some there."""
    tool_messages: bool = True
    """Whether the model's template knows calls and their results; elsewhere both are told as text."""
    tool_output_media: bool = False
    """Whether a tool's result may hold images; elsewhere they follow in a user message."""
    call_id_length: int | None = None
    """Exactly so many letters and digits make a call id (Mistral: 9)."""

    # Tools.

    tools: bool = True
    """Whether functions can be offered at all."""
    strict_tools: bool = False
    """Whether a function may ask for `strict` arguments."""
    custom_tools: bool = False
    """Whether custom tools exist; elsewhere each is offered as a function of one string."""
    tool_choices: frozenset[str] = frozenset({"none", "required", "function"})
    """The choices besides `auto` that the server honours."""
    forces_by_schema: bool = False
    """Whether a forced call is had by constraining the answer to `{"name", "arguments"}` instead."""
    picks_tools: bool = True
    """Whether the model can decide by itself to call a tool; otherwise tools on `auto` are left out."""
    forced_choice_adds: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Members of the body without which a forced choice is refused, such as thinking switched off."""

    web_search: WebSearch | None = None
    """How the server is told to search the web by itself; none where it cannot."""

    # Settings.

    accepts: frozenset[str] = SAMPLING | {"parallel_tool_calls"}
    """Settings that are passed on under their own names; the rest is left out and named."""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    max_tokens_default: int | None = None
    """A cap where the request has none, for models that ramble."""
    efforts: Mapping[str, Json] = field(default_factory=dict[str, Any])
    """What each `reasoning.effort` adds to the body; one without a row is left out and named."""
    json_schema: Literal["native", "prompt", "refused"] = "native"
    """`prompt` tells the model the schema and asks for any JSON object: an operator's choice."""
    json_object: bool = True
    bounded_schemas: bool = False
    """Whether schemas are given lengths and limits, so that a tiny model under a grammar comes to an end."""
    logprobs: Literal["refused", "flag", "count"] = "refused"
    """`flag` is OpenAI's `logprobs` and `top_logprobs`; `count` is one number (Together)."""
    service_tiers: Mapping[str, str] = field(default_factory=dict[str, str])
    """The vendor's names of our service tiers."""
    cache_key_header: str | None = None
    """The header that carries `prompt_cache_key` (xAI)."""
    stream_usage: bool = True
    """Whether `stream_options.include_usage` is understood; elsewhere usage comes unasked."""
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Members of every body."""

    # Answers.

    think_tags: bool = True
    """Whether an answer that begins with `<think>` is reasoning up to `</think>`."""
    reasoning_is_summary: bool = False
    """Whether what arrives as reasoning is a summary of it."""

    models_of_many: bool = False
    """Whether a model id begins with its maker's name, as a router's do: `anthropic/…`, `google/…`."""
    models: tuple[ModelRule, ...] = ()
    """How models differ; every rule that matches is applied, in order."""

    def for_model(self, model: str) -> ChatProfile:
        """This dialect as that model speaks it."""
        return as_spoken_by(model, self)
