"""The Converse format, in both directions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.transformers.base import Traits
from lambda_responses.transformers.bedrock_converse import count, errors, plain_answer, request, stream
from lambda_responses.transformers.bedrock_converse.content import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lambda_responses.transformers.base import Decoder, Rendered, Transformer, Turn, UpstreamFailure
    from lambda_responses.transformers.bedrock_converse.profile import ConverseProfile
    from lambda_responses.wire.errors import APIError
    from lambda_responses.wire.json import Json


class BedrockConverse:
    """`transformers.base.Transformer`, for the families of models that Bedrock serves by Converse."""

    def render_request(self, turn: Turn, profile: ConverseProfile) -> Rendered:
        """See `request.render_request`."""
        return request.render_request(turn, profile)

    def traits(self, model: str, profile: ConverseProfile) -> Traits:
        """Media go as bytes or lie in S3; who made the model is told by its id, where that tells."""
        profile = profile.for_model(model)
        inputs = frozenset(KINDS[medium] for medium in profile.inputs)
        return Traits(inputs=inputs, fetches=frozenset({"input_image", "input_file"}), family=profile.family)

    def decoder(self, turn: Turn, profile: ConverseProfile) -> Decoder:
        """See `stream.ConverseDecoder`."""
        return stream.ConverseDecoder(turn, profile)

    def as_chunks(self, body: Json) -> Iterator[Json]:
        """See `plain_answer.as_chunks`."""
        return plain_answer.as_chunks(body)

    def map_error(self, failure: UpstreamFailure) -> APIError:
        """See `errors.map_error`."""
        return errors.map_error(failure)

    def render_count(self, turn: Turn, profile: ConverseProfile) -> Rendered | None:
        """See `count.render_count`."""
        return count.render_count(turn, profile)

    def read_count(self, body: Json) -> int:
        """See `count.read_count`."""
        return count.read_count(body)


BEDROCK_CONVERSE: Transformer[ConverseProfile] = BedrockConverse()
