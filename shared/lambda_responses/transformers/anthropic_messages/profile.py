"""A dialect of Messages, as data: what a place and a model take. The code that reads it knows no model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from lambda_responses.transformers.model_rules import ModelRule, as_spoken_by

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambda_responses.transformers.base import Fetched
    from lambda_responses.wire.json import Json


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MessagesProfile:
    """What a server of this format takes and how it answers.

    The defaults describe a server that speaks Anthropic's format with a model of its own, and of which
    nothing else is known. Sources of other values: recorded traffic, Anthropic's reference, its SDK's types.
    """

    path: str = "v1/messages"
    """Relative to the base URL; `{model}` stands for the model id, escaped."""
    count_path: str = ""
    """Where tokens are counted; empty where nobody counts them."""
    counts: Literal["messages", "named", "invoke"] = "messages"
    """What is sent there: what was said, or that with the model's name, or a whole request of Bedrock's."""
    headers: Mapping[str, str] = field(default_factory=lambda: {"anthropic-version": "2023-06-01"})
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Members of every body."""
    betas: tuple[str, ...] = ()
    """Values of the header `anthropic-beta`."""
    body_names_model: bool = True
    """Whether `model` is a member of the body; elsewhere it stands in the path alone."""
    body_says_stream: bool = True
    """Whether `stream` is a member of the body; elsewhere the path says it."""
    family: str = ""
    """Whose models they are, where a place has those of several makers."""

    # Messages.

    inputs: frozenset[str] = frozenset({"input_image", "input_file"})
    """Kinds of content besides text."""
    fetches: frozenset[Fetched] = frozenset({"input_image", "input_file"})
    """Those of them that go as bytes alone, never as an address."""
    system_messages: bool = False
    """Whether system text may come after the first message; elsewhere it joins the system prompt."""
    ends_with_user: bool = True
    """Whether a conversation that ends with the assistant is refused; elsewhere the model goes on from there,
    unless it is to think or to keep to a schema."""
    thinks: bool = True
    """Whether earlier thinking may come back; a model that never thinks refuses it."""
    unsigned_thinking: bool = True
    """Whether thinking without a signature is worth keeping: Anthropic's own refuses it."""
    thinking_is_summary: bool = False
    """Whether what arrives as thinking is a summary of it."""

    # Tools.

    hosted: Mapping[str, Json] = field(default_factory=dict[str, Any])
    """By the API's kind of a hosted tool, the tool that stands for it."""
    strict_tools: int = 0
    """How many tools of a request may be `strict`."""
    forced_choice: Literal["always", "unthinking", "never"] = "always"
    """When a call may be forced: not while thinking with many models, and not at all with some."""

    # Settings.

    max_tokens: int = 8_192
    """The cap where the request has none: the format demands one."""
    sampling: frozenset[str] = frozenset({"temperature", "top_p"})
    one_sampler: bool = False
    """Whether `temperature` and `top_p` exclude each other."""
    efforts: Mapping[str, Json] = field(default_factory=dict[str, Any])
    """What each `reasoning.effort` adds to the body; one without a row is left out and named."""
    display: bool = False
    """Whether `thinking.display` asks for a summary; elsewhere thinking is shown whenever it is on."""
    json_schema: Literal["native", "tool", "told"] = "told"
    """How an answer under a schema is had: by the format's own means, by a forced call, or by words."""
    service_tiers: Mapping[str, str] = field(default_factory=dict[str, str])
    """The vendor's names of our service tiers."""
    caches: bool = False
    """Whether `cache_control` at the top marks the end of the request for caching."""
    user_id: bool = False
    """Whether `metadata.user_id` is taken."""

    models: tuple[ModelRule, ...] = ()
    """How models differ; every rule that matches is applied, in order."""

    def for_model(self, model: str) -> MessagesProfile:
        """This dialect as that model speaks it."""
        return as_spoken_by(model, self)
