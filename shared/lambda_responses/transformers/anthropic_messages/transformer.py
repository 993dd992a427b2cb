"""The Messages format, in both directions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.transformers.anthropic_messages import count, errors, plain_answer, request, stream
from lambda_responses.transformers.base import Traits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lambda_responses.transformers.anthropic_messages.profile import MessagesProfile
    from lambda_responses.transformers.base import Decoder, Rendered, Transformer, Turn, UpstreamFailure
    from lambda_responses.wire.errors import APIError
    from lambda_responses.wire.json import Json


class AnthropicMessages:
    """`transformers.base.Transformer`, for a place's dialect of Messages."""

    def traits(self, model: str, profile: MessagesProfile) -> Traits:
        """Some places take images and documents as bytes alone, and the first models take none."""
        dialect = profile.for_model(model)
        return Traits(inputs=dialect.inputs, fetches=dialect.fetches, family=dialect.family)

    def render_request(self, turn: Turn, profile: MessagesProfile) -> Rendered:
        """See `request.render_request`."""
        return request.render_request(turn, profile)

    def decoder(self, turn: Turn, profile: MessagesProfile) -> Decoder:
        """See `stream.MessagesDecoder`."""
        return stream.MessagesDecoder(turn, profile)

    def as_chunks(self, body: Json) -> Iterator[Json]:
        """See `plain_answer.as_chunks`."""
        return plain_answer.as_chunks(body)

    def map_error(self, failure: UpstreamFailure) -> APIError:
        """See `errors.map_error`."""
        return errors.map_error(failure)

    def render_count(self, turn: Turn, profile: MessagesProfile) -> Rendered | None:
        """See `count.render_count`."""
        return count.render_count(turn, profile)

    def read_count(self, body: Json) -> int:
        """See `count.read_count`."""
        return count.read_count(body)


ANTHROPIC_MESSAGES: Transformer[MessagesProfile] = AnthropicMessages()
