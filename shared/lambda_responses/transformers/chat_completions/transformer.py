"""The Chat Completions format, in both directions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lambda_responses.transformers.base import Traits, count_in
from lambda_responses.transformers.chat_completions import errors, plain_answer, request, stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lambda_responses.transformers.base import (
        Decoder,
        Fetched,
        Rendered,
        Transformer,
        Turn,
        UpstreamFailure,
    )
    from lambda_responses.transformers.chat_completions.profile import ChatProfile
    from lambda_responses.wire.errors import APIError
    from lambda_responses.wire.json import Json


class ChatCompletions:
    """`transformers.base.Transformer`, for a vendor's dialect of Chat Completions."""

    def render_request(self, turn: Turn, profile: ChatProfile) -> Rendered:
        """See `request.render_request`."""
        return request.render_request(turn, profile)

    def traits(self, model: str, profile: ChatProfile) -> Traits:
        """What that model takes as bytes alone, and whose model it is."""
        profile = profile.for_model(model)
        fetches: set[Fetched] = set()
        if profile.images_as_data and "input_image" in profile.inputs:
            fetches.add("input_image")
        if profile.files_as == "file" and "input_file" in profile.inputs:
            fetches.add("input_file")
        maker, slash, _ = model.partition("/")
        family = maker if profile.models_of_many and slash else ""
        return Traits(inputs=profile.inputs, fetches=frozenset(fetches), family=family)

    def decoder(self, turn: Turn, profile: ChatProfile) -> Decoder:
        """See `stream.ChatDecoder`."""
        return stream.ChatDecoder(turn, profile)

    def as_chunks(self, body: Json) -> Iterator[Json]:
        """See `plain_answer.as_chunks`."""
        return plain_answer.as_chunks(body)

    def map_error(self, failure: UpstreamFailure) -> APIError:
        """See `errors.map_error`."""
        return errors.map_error(failure)

    def render_count(self, turn: Turn, profile: ChatProfile) -> Rendered | None:
        """The request itself, at the place where its tokens are counted."""
        if not profile.count_path:
            return None
        return replace(request.render_request(turn, profile), path=profile.count_path)

    def read_count(self, body: Json) -> int:
        """See `CountsTokens.read_count`."""
        return count_in(body, "input_tokens")


CHAT_COMPLETIONS: Transformer[ChatProfile] = ChatCompletions()
