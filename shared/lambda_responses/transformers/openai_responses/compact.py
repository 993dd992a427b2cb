"""The compaction endpoint of the Responses API, asked as if it were one more way to answer.

Its answer, users' messages and one compaction item, is restated as the stream of a response with that item.
https://platform.openai.com/docs/api-reference/responses/compact
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.stream.parts import json_objects
from lambda_responses.transformers.base import NotOffered, Rendered, Traits
from lambda_responses.transformers.openai_responses.errors import map_error
from lambda_responses.transformers.openai_responses.plain import as_chunks
from lambda_responses.transformers.openai_responses.request import render_input
from lambda_responses.transformers.openai_responses.stream import ResponsesDecoder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lambda_responses.transformers.base import Transformer, Turn, UpstreamFailure
    from lambda_responses.transformers.openai_responses.profile import ResponsesProfile
    from lambda_responses.wire.errors import APIError
    from lambda_responses.wire.json import Json

TAKEN = (
    "instructions",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "service_tier",
    "image",
)
"""Settings of the endpoint besides model and input; the conversation is kept here."""

_NO_SUCH_ENDPOINT = (404, 405, 501)


class _OpenAICompaction:
    """The endpoint as a `Transformer`."""

    def render_request(self, turn: Turn, profile: ResponsesProfile) -> Rendered:
        """The context, and what the endpoint takes of the settings."""
        settings = {name: turn.request[name] for name in TAKEN if turn.request.get(name) is not None}
        items = render_input(turn, profile)
        body: Json = {"model": turn.model, "input": items, **settings}
        return Rendered(path=f"{profile.path}/compact", body=body)

    def traits(self, model: str, profile: ResponsesProfile) -> Traits:
        """As a native upstream."""
        return Traits(native=True, compacts=profile.compacts)

    def decoder(self, turn: Turn, profile: ResponsesProfile) -> ResponsesDecoder:
        """That of responses."""
        return ResponsesDecoder(turn, profile)

    def as_chunks(self, body: Json) -> Iterator[Json]:
        """The stream of a response whose output is the compaction item alone."""
        compacted = [item for item in json_objects(body.get("output")) if item.get("type") == "compaction"]
        if body.get("object") != "response.compaction" or not compacted:
            raise ValueError("not a compaction")
        return as_chunks({**body, "object": "response", "status": "completed", "output": compacted[-1:]})

    def map_error(self, failure: UpstreamFailure) -> APIError:
        """What the client is told; `NotOffered` where there is no such endpoint."""
        fault = map_error(failure)
        if failure.status in _NO_SUCH_ENDPOINT and fault.code != "model_not_found":
            return NotOffered("The model's provider does not offer compaction.")
        return fault


OPENAI_COMPACTION: Transformer[ResponsesProfile] = _OpenAICompaction()
"""The endpoint, for a target that speaks `openai_responses`."""
