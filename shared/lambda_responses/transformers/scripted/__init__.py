"""A model that does what it is told, for tests, demonstrations and a first run without a key.

Its format is the waist itself: a chunk is `{"deltas": […]}`. Everything it will say follows from the request
alone, in `answer`; the provider only plays it. How to tell it what to do: `keywords`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.stream.deltas import Usage
from lambda_responses.transformers.base import Rendered, Traits
from lambda_responses.transformers.failures import map_failure
from lambda_responses.transformers.scripted.answer import write_count, write_script
from lambda_responses.transformers.scripted.scene import look_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lambda_responses.stream.deltas import Delta
    from lambda_responses.transformers.base import Transformer, Turn, UpstreamFailure
    from lambda_responses.wire.errors import APIError
    from lambda_responses.wire.json import Json


class _Scripted:
    """The format as a `Transformer`."""

    def render_request(self, turn: Turn, profile: None) -> Rendered:
        """The script. Raises `InvalidRequestError` for a forced tool that no script can call."""
        scene = look_at(turn)
        dropped = tuple(offered.path for offered in scene.others)
        return Rendered(path="scripted", body={"script": write_script(scene)}, dropped=dropped)

    def traits(self, model: str, profile: None) -> Traits:
        """Nothing is special about it."""
        return Traits()

    def decoder(self, turn: Turn, profile: None) -> _Decoder:
        """Nothing to decode."""
        return _Decoder()

    def as_chunks(self, body: Json) -> Iterator[Json]:
        """A plain answer, one delta at a time."""
        return ({"deltas": [delta]} for delta in body["deltas"])

    def map_error(self, failure: UpstreamFailure) -> APIError:
        """As every vendor's failure is mapped."""
        return map_failure(failure)

    def render_count(self, turn: Turn, profile: None) -> Rendered:
        """A script of the count alone. A status that the prompt asks for is played here as well."""
        return Rendered(path="scripted", body={"script": write_count(look_at(turn))})

    def read_count(self, body: Json) -> int:
        """See `CountsTokens.read_count`."""
        return sum(delta.usage["input_tokens"] for delta in body["deltas"] if isinstance(delta, Usage))


class _Decoder:
    over = False
    """The end of the script is the end of the stream."""

    def feed(self, chunk: Json) -> Iterable[Delta]:
        """The chunk's deltas."""
        return chunk.get("deltas", ())

    def end(self, *, marked: bool) -> Iterable[Delta]:
        """Nothing was held back."""
        return ()


SCRIPTED: Transformer[None] = _Scripted()
"""The format `scripted`."""
