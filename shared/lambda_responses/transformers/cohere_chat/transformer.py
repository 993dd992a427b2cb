"""Cohere's chat format, in both directions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.transformers.base import Traits
from lambda_responses.transformers.cohere_chat import errors, plain_answer, request, stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lambda_responses.transformers.base import Decoder, Rendered, Transformer, Turn, UpstreamFailure
    from lambda_responses.transformers.cohere_chat.profile import CohereProfile
    from lambda_responses.wire.errors import APIError
    from lambda_responses.wire.json import Json


class CohereChat:
    """`transformers.base.Transformer`, for Cohere and whoever serves its API."""

    def render_request(self, turn: Turn, profile: CohereProfile) -> Rendered:
        """See `request.render_request`."""
        return request.render_request(turn, profile)

    def traits(self, model: str, profile: CohereProfile) -> Traits:
        """Documents are text in the request itself; images may stay where they are."""
        return Traits(inputs=profile.for_model(model).inputs, fetches=frozenset({"input_file"}))

    def decoder(self, turn: Turn, profile: CohereProfile) -> Decoder:
        """See `stream.CohereDecoder`."""
        return stream.CohereDecoder(turn)

    def as_chunks(self, body: Json) -> Iterator[Json]:
        """See `plain_answer.as_chunks`."""
        return plain_answer.as_chunks(body)

    def map_error(self, failure: UpstreamFailure) -> APIError:
        """See `errors.map_error`."""
        return errors.map_error(failure)


COHERE_CHAT: Transformer[CohereProfile] = CohereChat()
"""The format `cohere_chat`."""
