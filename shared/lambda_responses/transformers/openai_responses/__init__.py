"""The Responses API as an upstream's own format: verbatim where nothing must change.

Our ids outside, theirs inside. What the upstream streams is taken apart into deltas and put together again,
so that one emitter owns ids, indexes and numbers whichever format an answer came in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.transformers.base import Traits, count_in
from lambda_responses.transformers.openai_responses.count import render_count
from lambda_responses.transformers.openai_responses.errors import map_error
from lambda_responses.transformers.openai_responses.plain import as_chunks
from lambda_responses.transformers.openai_responses.request import render_request
from lambda_responses.transformers.openai_responses.stream import ResponsesDecoder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lambda_responses.transformers.base import Rendered, Transformer, Turn, UpstreamFailure
    from lambda_responses.transformers.openai_responses.profile import ResponsesProfile
    from lambda_responses.wire.errors import APIError
    from lambda_responses.wire.json import Json


class _OpenAIResponses:
    """The format as a `Transformer`."""

    def render_request(self, turn: Turn, profile: ResponsesProfile) -> Rendered:
        """The client's own request, without what is ours. Raises nothing: the upstream judges it."""
        return render_request(turn, profile)

    def traits(self, model: str, profile: ResponsesProfile) -> Traits:
        """The upstream is native: it judges requests, and fetches what they name, by itself."""
        return Traits(native=True, compacts=profile.compacts)

    def decoder(self, turn: Turn, profile: ResponsesProfile) -> ResponsesDecoder:
        """A fresh decoder for the answer to that turn."""
        return ResponsesDecoder(turn, profile)

    def as_chunks(self, body: Json) -> Iterator[Json]:
        """A plain answer as the stream it would have been."""
        return as_chunks(body)

    def map_error(self, failure: UpstreamFailure) -> APIError:
        """What the client is told of a failure. Total."""
        return map_error(failure)

    @property
    def compaction(self) -> Transformer[ResponsesProfile]:
        """See `Compacts.compaction`."""
        from lambda_responses.transformers.openai_responses.compact import OPENAI_COMPACTION

        return OPENAI_COMPACTION

    def render_count(self, turn: Turn, profile: ResponsesProfile) -> Rendered | None:
        """See `CountsTokens.render_count`."""
        return render_count(turn, profile)

    def read_count(self, body: Json) -> int:
        """See `CountsTokens.read_count`."""
        return count_in(body, "input_tokens")


OPENAI_RESPONSES: Transformer[ResponsesProfile] = _OpenAIResponses()
"""The format `openai_responses`."""
