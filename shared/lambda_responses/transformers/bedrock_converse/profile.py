"""What the families of models behind Converse take and how they answer, as data.

The code that reads it knows no family's name. https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from lambda_responses.transformers.model_rules import ModelRule, as_spoken_by

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambda_responses.wire.json import Json

Medium: TypeAlias = Literal["image", "document", "video", "audio"]
ToolChoice: TypeAlias = Literal["any", "tool"]
CachePlace: TypeAlias = Literal["system", "tools", "messages"]

MEDIA: frozenset[Medium] = frozenset({"image", "document", "video", "audio"})
SAMPLING = frozenset({"temperature", "top_p"})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ConverseProfile:
    """What models take. The defaults are for one that nobody knows, such as behind an opaque ARN:

    what it might refuse and can do without is not sent, and what a request insists on it may judge by itself.
    """

    path: str = "model/{model}/converse-stream"
    """Relative to the base URL; the id or ARN is percent-encoded into it."""
    plain_path: str = "model/{model}/converse"
    """The same for a whole answer at once."""
    count_path: str = ""
    """The same where tokens are counted; empty for models whose tokens Bedrock does not count."""
    family: str = ""
    """Who made the model: what one maker sealed means nothing to another."""

    # Messages.

    system: bool = True
    """Whether there is a system prompt; elsewhere its text begins the first user message."""
    starts_with_user: bool = True
    """Whether a conversation that begins with the assistant is refused."""
    ends_with_user: bool = True
    """Whether one that ends with the assistant is refused; elsewhere the model goes on from there."""
    inputs: frozenset[Medium] = MEDIA
    """Media that a user message may hold."""
    s3: bool = False
    """Whether media may be named by their place in S3."""
    beside_results: frozenset[str] = frozenset()
    """Kinds of blocks that a user message may hold besides tool results."""

    # Tools.

    tools: bool = True
    """Whether functions can be offered at all; elsewhere earlier calls are told as text."""
    streams_tools: bool = True
    """Whether a request with tools may be streamed; elsewhere its answer comes at once."""
    tool_choices: frozenset[ToolChoice] = frozenset({"any", "tool"})
    """The choices besides `auto` that are honoured."""
    strict_tools: bool = False
    """Whether a function may ask for `strict` arguments."""
    inlines_references: bool = False
    """Whether `$ref` means nothing in a function's schema, so that definitions are put in its place."""
    hosts: Mapping[str, str] = field(default_factory=dict[str, str])
    """System tools by the kind of hosted tool that they are."""
    call_id: str = r"[A-Za-z0-9_-]{1,64}"
    """What a `toolUseId` may look like; others are replaced, each by the same every time."""
    result_media: frozenset[Medium] = frozenset()
    """Media that a tool result may hold; others follow it."""
    result_status: bool = True
    """Whether a tool result may say if it is an error."""
    json_results: bool = False
    """Whether a result that is a JSON object is sent as one, rather than as its text."""
    serial_calls: Mapping[str, Json] = field(default_factory=dict[str, Any])
    """By tool choice (`auto`, `any`), the model's own fields that allow one call at a time."""

    # Settings.

    samples: frozenset[str] = SAMPLING
    """Settings of sampling that are taken."""
    samples_one: bool = False
    """Whether `temperature` and `top_p` exclude each other."""
    samples_thinking: bool = True
    """Whether sampling may be set while the model thinks."""
    budgets: Mapping[str, int] = field(default_factory=dict[str, int])
    """Tokens of thought by `reasoning.effort`, for models that are given a budget."""
    efforts: Mapping[str, Json] = field(default_factory=dict[str, Any])
    """The model's own fields by `reasoning.effort`; an effort without a row is left out and named."""
    summary_fields: Json = field(default_factory=dict[str, Any])
    """The model's own fields that put its thinking on and make it seen, where it must be asked for that."""
    thinks_when_forced: bool = True
    """Whether a model that must call a tool may think before."""
    json_schema: Literal["native", "tool", "refused"] = "native"
    """How an answer is held to a schema: `tool` makes the answer a forced call's arguments.

    A schema that neither takes, because its root is no object, is told in words.
    """
    service_tiers: frozenset[str] = frozenset()
    """Tiers besides the default one."""
    cache_places: frozenset[CachePlace] = frozenset()
    """Where a cache point may stand."""
    cache_hour: bool = False
    """Whether what is cached can be kept for an hour, rather than five minutes."""
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Members of every body, such as a guardrail's."""

    # Answers.

    reasoning_is_summary: bool = False
    """Whether what arrives as reasoning is a summary of it."""
    leaked_thinking: str = ""
    """The tag in which a model writes its thinking at the beginning of a text."""

    models: tuple[ModelRule, ...] = ()
    """How models differ; every rule that matches is applied, in order."""

    def for_model(self, model: str) -> ConverseProfile:
        """What that model takes."""
        return as_spoken_by(model, self)
