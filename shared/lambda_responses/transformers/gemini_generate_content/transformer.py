"""The generateContent format, in both directions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.transformers.base import Traits
from lambda_responses.transformers.gemini_generate_content import count, errors, plain_answer, request, stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lambda_responses.transformers.base import Decoder, Rendered, Transformer, Turn, UpstreamFailure
    from lambda_responses.transformers.gemini_generate_content.profile import GeminiProfile
    from lambda_responses.wire.errors import APIError
    from lambda_responses.wire.json import Json


class GeminiGenerateContent:
    """`transformers.base.Transformer`, for the Gemini API and Vertex AI."""

    def render_request(self, turn: Turn, profile: GeminiProfile) -> Rendered:
        """See `request.render_request`."""
        return request.render_request(turn, profile)

    def traits(self, model: str, profile: GeminiProfile) -> Traits:
        """What a model sees and hears, and what of it goes as bytes, is the dialect's affair."""
        dialect = profile.for_model(model)
        return Traits(inputs=dialect.inputs, fetches=dialect.fetches, opens=dialect.opens)

    def decoder(self, turn: Turn, profile: GeminiProfile) -> Decoder:
        """See `stream.GeminiDecoder`."""
        return stream.GeminiDecoder(turn, profile)

    def as_chunks(self, body: Json) -> Iterator[Json]:
        """See `plain_answer.as_chunks`."""
        return plain_answer.as_chunks(body)

    def map_error(self, failure: UpstreamFailure) -> APIError:
        """See `errors.map_error`."""
        return errors.map_error(failure)

    def render_count(self, turn: Turn, profile: GeminiProfile) -> Rendered:
        """See `count.render_count`."""
        return count.render_count(turn, profile)

    def read_count(self, body: Json) -> int:
        """See `count.read_count`."""
        return count.read_count(body)


GEMINI_GENERATE_CONTENT: Transformer[GeminiProfile] = GeminiGenerateContent()
