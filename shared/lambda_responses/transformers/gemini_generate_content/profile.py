"""A dialect of generateContent, as data: what an endpoint and its models take."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lambda_responses.transformers.model_rules import ModelRule, as_spoken_by

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambda_responses.transformers.base import Fetched
    from lambda_responses.wire.json import Json


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GeminiProfile:
    """What an endpoint of this format takes. The defaults describe the newest models of the Gemini API.

    Sources: recorded traffic, https://ai.google.dev/api/generate-content and the guides beside it.
    """

    path: str = "v1beta/models/{model}:streamGenerateContent?alt=sse"
    """Relative to the base URL; `{model}` is the model's own name."""
    count_path: str = "v1beta/models/{model}:countTokens"
    """The same, where tokens are counted."""
    counts_whole_requests: bool = True
    """Whether a whole request is counted; elsewhere what is in it stands by itself."""

    # Contents.

    inputs: frozenset[str] = frozenset({"input_image", "input_file", "input_audio"})
    """Kinds of content besides text."""
    fetches: frozenset[Fetched] = frozenset({"input_image", "input_file"})
    """Kinds that go as bytes: an address tells no media type, and Google opens few."""
    opens: tuple[str, ...] = ("https://www.youtube.com/watch", "https://youtu.be/")
    """How addresses of videos begin, which Google opens for anybody. It would open files that were uploaded
    to it as well, but those of all tenants lie under the one key that this server has."""
    signature_placeholder: str | None = "skip_thought_signature_validator"
    """Stands for the signature of a call that these models did not make; None where none is asked for.
    https://ai.google.dev/gemini-api/docs/thought-signatures"""
    response_media: frozenset[str] = frozenset(
        {"image/png", "image/jpeg", "image/webp", "application/pdf", "text/plain"}
    )
    """Media types that a function's response may hold; other media follow in a message of the user."""

    # Tools.

    hosted: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """By kind of hosted tool, the members of `tools` that do the same."""
    combines: bool = True
    """Whether hosted tools go together with functions, and with a JSON format."""
    formats_with_functions: bool = True
    """Whether a JSON format goes together with functions."""
    validates: bool = True
    """Whether the calling mode `VALIDATED` holds calls to their schema without forcing one."""
    json_schemas: bool = True
    """Whether schemas go as JSON Schema; elsewhere as Google's subset of OpenAPI's."""
    draws: bool = False
    """Whether the model answers with images, so that `image_generation` is a modality of its answer."""

    # Settings.

    accepts: frozenset[str] = frozenset({"temperature", "top_p"})
    """Settings that shape how tokens are drawn, those that are passed on; the rest is left out and named."""
    efforts: Mapping[str, Json] = field(default_factory=dict[str, Any])
    """What each `reasoning.effort` puts into `thinkingConfig`; one without a row is left out and named."""
    least_budget: int = 1
    """The fewest tokens of a `thinkingBudget`, if the model thinks at all."""
    thoughts: bool = True
    """Whether the model can be asked for summaries of its thoughts."""
    logprobs: bool = False
    """Whether a stream may have log probabilities."""
    service_tiers: Mapping[str, str] = field(default_factory=dict[str, str])
    """The vendor's names of our service tiers."""

    models: tuple[ModelRule, ...] = ()
    """How models differ; every rule that matches is applied, in order."""

    def for_model(self, model: str) -> GeminiProfile:
        """This dialect as that model speaks it."""
        return as_spoken_by(model, self)
