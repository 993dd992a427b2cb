"""A model that says what the call itself gives it, for programs that are tried out without one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambda_responses.library.objects import Response
from lambda_responses.providers.base import Target
from lambda_responses.providers.scripted import ScriptedProvider
from lambda_responses.stream.deltas import Stopped, Text, Usage
from lambda_responses.transformers.base import Rendered, Traits
from lambda_responses.transformers.scripted import SCRIPTED
from lambda_responses.transformers.scripted.script import Script
from lambda_responses.wire.responses import new_response
from lambda_responses.wire.usage import usage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lambda_responses.transformers.base import Decoder, Turn, UpstreamFailure
    from lambda_responses.wire.errors import APIError
    from lambda_responses.wire.json import Json


def mock_responses_api_response(mock_response: str = "This is a mocked answer.") -> Response:
    """A completed response with that text, made of nothing: for tests of what is done with one."""
    message: Json = {
        "id": "msg_mocked",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": mock_response, "annotations": [], "logprobs": []}],
    }
    response = new_response({}, response_id="resp_mocked", created_at=0, model="mocked")
    words = len(mock_response.split())
    made: Json = {"status": "completed", "completed_at": 0, "output": [message], "usage": usage(0, words)}
    return Response({**response, **made})


def mocked_target(model: str, answer: str) -> Target:
    """A target that answers with that text, a word at a time, and asks nobody."""
    return Target(ScriptedProvider(), _Mocked(answer), None, model)


@dataclass(frozen=True, slots=True)
class _Mocked:
    """The format `scripted`, with a script of its own."""

    answer: str

    def render_request(self, turn: Turn, profile: None) -> Rendered:
        """The script, whatever was asked."""
        words = self.answer.split(" ")
        pieces = [Text(0, word if place == 0 else f" {word}") for place, word in enumerate(words)]
        counted = Usage(usage(0, len(words)))
        return Rendered("mocked", {"script": Script((*pieces, counted, Stopped("end")))})

    def traits(self, model: str, profile: None) -> Traits:
        """See `Transformer`."""
        return SCRIPTED.traits(model, profile)

    def decoder(self, turn: Turn, profile: None) -> Decoder:
        """See `Transformer`."""
        return SCRIPTED.decoder(turn, profile)

    def as_chunks(self, body: Json) -> Iterator[Json]:
        """See `Transformer`."""
        return SCRIPTED.as_chunks(body)

    def map_error(self, failure: UpstreamFailure) -> APIError:
        """See `Transformer`."""
        return SCRIPTED.map_error(failure)
