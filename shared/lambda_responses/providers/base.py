"""The promise that every provider keeps, and the faults that it may report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from lambda_responses.providers.prices import Price
    from lambda_responses.transformers.base import Rendered, Traits, Transformer, UpstreamFailure
    from lambda_responses.wire.errors import APIError
    from lambda_responses.wire.json import Json


class ProviderSettingsError(ValueError):
    """What the operator said about providers cannot be used; one sentence, which quotes no value."""


class UpstreamError(Exception):
    """The provider, or the way to it, failed. Raised when opening an answer or while reading it."""


class UpstreamRefused(UpstreamError):
    """The provider answered with something that is not a success."""

    def __init__(self, failure: UpstreamFailure) -> None:
        super().__init__(f"upstream status {failure.status}")
        self.failure = failure


class UpstreamUnreachable(UpstreamError):
    """No connection, or none in time."""


class UpstreamSilent(UpstreamError):
    """The request was on its way, and no answer began: silence for too long, or a connection that broke."""


class UpstreamCutShort(UpstreamError):
    """The connection broke, or went silent, in mid-answer."""


class UpstreamUnreadable(UpstreamError):
    """A success status with a body that is not in the format (HTML, broken JSON, broken UTF-8)."""


@dataclass(frozen=True, slots=True)
class Marker:
    """The upstream's own end marker (`[DONE]`)."""


class Answer(Protocol):
    """One open upstream answer: the status was a success, chunks follow. Iterating again goes on."""

    @property
    def plain(self) -> bool:
        """Whether the upstream answered plainly: the one chunk is then the whole body, for `as_chunks`."""
        ...

    def redacted(self, text: str) -> str:
        """What the upstream said, without this server's own keys, which some quote."""
        ...

    def __aiter__(self) -> AsyncIterator[Sequence[Json | Marker]]:
        """Chunks in the upstream's format, as many at a time as one network read held."""
        ...


class Provider(Protocol):
    """A place that speaks a format."""

    name: str

    def open(self, rendered: Rendered) -> AbstractAsyncContextManager[Answer]:
        """Send a request and hold its answer open.

        Entering raises `UpstreamError`; leaving closes the connection at once, whatever was read. Retries
        (connection faults, 408, 409, 429 and 5xx, with back-off and `retry-after`) happen before entering
        returns, never after a chunk was handed out.
        """
        ...


@dataclass(frozen=True, slots=True)
class Target:
    """A provider, the format it speaks for this model, that format's dialect, and the model's own id."""

    provider: Provider
    transformer: Transformer[Any]
    profile: Any
    model: str
    price: Price | None = None
    """Of its tokens; None where the operator has not said."""

    @property
    def name(self) -> str:
        """`provider/model`, as `x-responses-target` shows it."""
        return f"{self.provider.name}/{self.model}"

    @property
    def traits(self) -> Traits:
        """How this model is asked."""
        return self.transformer.traits(self.model, self.profile)

    @property
    def native(self) -> bool:
        """Whether the upstream speaks the Responses API itself and judges requests by itself."""
        return self.traits.native

    @property
    def maker(self) -> str:
        """Whose seals it can open: the provider's, or of the family of its models that this one is of."""
        family = self.traits.family
        return f"{self.provider.name}/{family}" if family else self.provider.name


class Credential(Protocol):
    """What pays for requests, where a header that is always the same does not."""

    async def headers_for(self, url: str, body: bytes) -> Mapping[str, str]:
        """The headers for this request; `url` is percent-encoded as it is sent.

        Raises `UpstreamRefused` (status 401) where there is nothing to pay with, or nobody takes it.
        """
        ...


class Router(Protocol):
    """Knows which targets a model name stands for."""

    def resolve(self, model: str, *, provider: str | None = None) -> Sequence[Target]:
        """Targets in the order to try: those that keep failing last. Raises `InvalidRequestError`."""
        ...

    def note(self, target: Target, fault: APIError | None) -> None:
        """How a request to that target ended; None where it answered.

        To be called for faults that another target might not have.
        """
        ...

    def models(self) -> Sequence[Json]:
        """The models that can be called now, as `GET /v1/models` lists them."""
        ...
