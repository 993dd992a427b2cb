"""The promise that every upstream wire format keeps: two directions and an error map, nothing else."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

from lambda_responses.wire.errors import UpstreamFaultError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lambda_responses.stream.deltas import Delta
    from lambda_responses.wire.errors import APIError
    from lambda_responses.wire.json import Json


SEAL = "reasoning.encrypted_content"
"""What a client includes to see what makers of reasoning sealed."""

Fetched: TypeAlias = Literal["input_image", "input_file"]


def shows_seals(request: Json) -> bool:
    """Whether the client keeps what makers of reasoning seal: it asked for it, or nobody else keeps it."""
    return SEAL in (request.get("include") or ()) or request.get("store") is False


@dataclass(frozen=True, slots=True)
class Turn:
    """What a model is asked in one upstream step."""

    model: str
    """The upstream's own model id."""
    request: Json
    """The create request as validated: settings, tools, instructions. Its `input` is not read."""
    items: Sequence[Json]
    """The whole context, oldest first, as input items with our ids (the first turn's input included)."""
    origins: Mapping[str, Json] = field(default_factory=dict[str, Any])
    """By our item id, what `Opaque` deltas said when this very maker made the item. Items hold no seals."""

    @property
    def shows_seals(self) -> bool:
        """Whether the client keeps what makers seal.

        It brings back reasoning items alone: what belongs to another kind of item must ride on one of these.
        """
        return shows_seals(self.request)


@dataclass(frozen=True, slots=True)
class Traits:
    """What whoever asks a model must know of the way in which it is asked."""

    native: bool = False
    """Whether the upstream speaks the Responses API itself and judges requests by itself."""
    inputs: frozenset[str] | None = None
    """Kinds of content besides text that the model takes (`input_image`, …); None where all are."""
    fetches: frozenset[Fetched] = frozenset()
    """Kinds of content that go as bytes alone: where a request gives an address, it is fetched before."""
    opens: tuple[str, ...] = ()
    """How addresses begin that the provider opens by itself: its own files above all."""
    family: str = ""
    """Whose model it is, where a provider has several makers': a seal of one means nothing to others."""
    compacts: bool = False
    """Whether the upstream compacts by itself: on request, at a threshold, and at an endpoint of its own."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A request in an upstream's format."""

    path: str
    """Relative to the provider's base URL, such as `chat/completions`."""
    body: Json
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    dropped: tuple[str, ...] = ()
    """Settings and tools left out, by their path in the request (`text.verbosity`, `tools[2]`)."""


class NotOffered(UpstreamFaultError):
    """502: the upstream does not have what it was asked for. It is not at fault, and another way may do."""


@dataclass(frozen=True, slots=True)
class UpstreamFailure:
    """An upstream's answer that is not a success: any status, any body."""

    status: int
    headers: Mapping[str, str]
    body: str


class Decoder(Protocol):
    """Reads one upstream stream, chunk by chunk."""

    @property
    def over(self) -> bool:
        """True once the format's own end has been read: nothing that follows counts."""
        ...

    def feed(self, chunk: Json) -> Iterable[Delta]:
        """What this chunk says."""
        ...

    def end(self, *, marked: bool) -> Iterable[Delta]:
        """What was held back until the stream's end; `marked` when the format's end marker was seen.

        Yields `Stopped` where the end was proper, and none where the stream was cut.
        """
        ...


ProfileT = TypeVar("ProfileT", contravariant=True)


class Transformer(Protocol, Generic[ProfileT]):
    """One upstream wire format, in both directions. `profile` is a vendor's dialect of it, as data."""

    def render_request(self, turn: Turn, profile: ProfileT) -> Rendered:
        """Raises `InvalidRequestError`, naming `param`, for content that the format cannot carry."""
        ...

    def traits(self, model: str, profile: ProfileT) -> Traits:
        """How that model is asked."""
        ...

    def decoder(self, turn: Turn, profile: ProfileT) -> Decoder:
        """A fresh decoder for the answer to that turn."""
        ...

    def as_chunks(self, body: Json) -> Iterator[Json]:
        """A plain answer, restated as the chunks it would have been. Raises ValueError for what is none."""
        ...

    def map_error(self, failure: UpstreamFailure) -> APIError:
        """What the client is told of that failure. Total: any body maps to something."""
        ...


@runtime_checkable
class Compacts(Protocol[ProfileT]):
    """What a format offers besides, whose upstreams compact a context on request."""

    @property
    def compaction(self) -> Transformer[ProfileT]:
        """That, as a way to answer: with one compaction item. Fails with `NotOffered` where it is not."""
        ...


@runtime_checkable
class CountsTokens(Protocol):
    """What a format offers besides, whose upstreams count the tokens of a request without answering it."""

    def render_count(self, turn: Turn, profile: Any) -> Rendered | None:
        """The question how long that turn's request is; None where nobody is there to be asked.

        Raises `InvalidRequestError`, as `render_request` does.
        """
        ...

    def read_count(self, body: Json) -> int:
        """The tokens in the plain answer to it. Raises ValueError for what is none."""
        ...


def count_in(body: Json, member: str) -> int:
    """A number of tokens in a plain answer. Raises ValueError where it holds none."""
    count = body.get(member)
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise ValueError(f"no {member}")
    return count


LONGEST_NOTE = 200
"""Characters of what is said about one thing that was skipped."""
MOST_NOTES = 256
"""Different things skipped of which one process speaks."""

_NOTED: dict[str | tuple[str, type[Warning], int], int] = {}
"""What `warnings` remembers, so as to say the same thing once."""


class UnknownUpstream(UserWarning):
    """An upstream said what its decoder does not know. Tolerated in production, an error in tests."""


def unknown(format_name: str, what: str) -> None:
    """Note something that a decoder skipped; `what` names kinds and keys, never contents.

    The words may be an upstream's own: they are clipped and made printable. A process notes only so many
    different ones, so that no upstream can fill its memory or its log.
    """
    if len(_NOTED) >= MOST_NOTES:
        return
    said = "".join(c if c.isprintable() else repr(c)[1:-1] for c in what[:LONGEST_NOTE])
    place = f"lambda_responses.transformers.{format_name}"
    warnings.warn_explicit(
        f"{format_name}: skipped {said}", UnknownUpstream, place, 0, module=place, registry=_NOTED
    )
