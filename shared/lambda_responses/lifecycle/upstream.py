"""One upstream step: ask a target, and read what its model says as deltas."""

from __future__ import annotations

from contextlib import aclosing
from itertools import islice
from typing import TYPE_CHECKING

from lambda_responses.providers.base import (
    Marker,
    UpstreamCutShort,
    UpstreamError,
    UpstreamRefused,
    UpstreamSilent,
    UpstreamUnreachable,
    UpstreamUnreadable,
)
from lambda_responses.stream.deltas import Failed, Stopped
from lambda_responses.wire.errors import (
    APIError,
    InvalidRequestError,
    OverloadedError,
    RateLimitError,
    ServerError,
    UpstreamFaultError,
)
from lambda_responses.wire.redaction import REDACTED, redacted
from lambda_responses.wire.tool_secrets import secrets_in

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from lambda_responses.providers.base import Answer, Target
    from lambda_responses.stream.deltas import Delta
    from lambda_responses.transformers.base import Decoder, Rendered, Turn
    from lambda_responses.wire.json import Json


async def deltas_of(
    target: Target, turn: Turn, rendered: Rendered, report: Callable[[BaseException], None]
) -> AsyncGenerator[Sequence[Delta], None]:
    """What the model says, as many deltas at a time as arrived together.

    The first batch, which may be empty, says that the upstream has begun to answer. Raises `APIError` for
    whatever goes wrong, reported by the upstream in its stream or noticed on the way: an answer that does
    not say that it is over was cut. What happens after it has said so does not count.
    """
    stopped = False
    decoder = target.transformer.decoder(turn, target.profile)
    try:
        async with (
            target.provider.open(rendered) as answer,
            aclosing(_read(target, decoder, answer, report)) as said,
        ):
            async for deltas in said:
                for at, delta in enumerate(deltas):
                    if isinstance(delta, Failed):
                        if at:
                            yield deltas[:at]
                        raise without_secrets(delta.error, turn, answer.redacted)
                    stopped = stopped or isinstance(delta, Stopped)
                yield deltas
            if not stopped:
                raise UpstreamCutShort("no end")
    except UpstreamError as error:
        if not stopped:
            raise without_secrets(as_api_error(target, error), turn) from error


async def _read(
    target: Target, decoder: Decoder, answer: Answer, report: Callable[[BaseException], None]
) -> AsyncGenerator[Sequence[Delta], None]:
    marked, broken = answer.plain, None
    try:
        async for chunks in answer:
            marked = marked or any(isinstance(chunk, Marker) for chunk in chunks)
            try:
                yield _decoded(target, decoder, chunks, plain=answer.plain)
            except (GeneratorExit, UpstreamError):
                raise
            except Exception as error:  # a decoder that does not cope with what it was given
                report(error)
                raise UpstreamUnreadable("not in the format") from None
            if decoder.over:
                return
    except UpstreamCutShort as error:
        broken = error
    if rest := list(decoder.end(marked=marked)):
        yield rest
    if broken is not None:  # unless the model had said by then that it is done
        raise broken


def _decoded(
    target: Target, decoder: Decoder, chunks: Sequence[Json | Marker], *, plain: bool
) -> Sequence[Delta]:
    deltas: list[Delta] = []
    for chunk in chunks:
        if isinstance(chunk, Marker):
            continue
        for piece in _restated(target, chunk) if plain else (chunk,):
            deltas.extend(decoder.feed(piece))
    return deltas


def _restated(target: Target, body: Json) -> Sequence[Json]:
    try:
        return list(target.transformer.as_chunks(body))
    except ValueError:
        raise UpstreamUnreadable("a success that is no answer") from None


_MANY_SECRETS = 200
"""Of a request with more of them, nobody compares each with what an upstream says: nothing of it is told."""


def without_secrets(error: APIError, turn: Turn, without_keys: Callable[[str], str] = str) -> APIError:
    """The same, without what the request's tools have to prove themselves with, nor keys of this server."""
    secrets = [*islice(secrets_in(turn.request), _MANY_SECRETS + 1)]

    def said(text: str) -> str:
        return redacted(without_keys(text), secrets) if len(secrets) <= _MANY_SECRETS else REDACTED

    error.message = said(error.message)
    error.code, error.param = error.code and said(error.code), error.param and said(error.param)
    return error


def as_api_error(target: Target, error: UpstreamError) -> APIError:
    """What the client is told when a provider fails."""
    match error:
        case UpstreamRefused(failure=failure):
            return target.transformer.map_error(failure)
        case UpstreamUnreachable():
            return UpstreamFaultError(f"The provider of {target.name} could not be reached.")
        case UpstreamSilent():  # its time was up, or it broke the connection
            return UpstreamFaultError(f"The provider of {target.name} gave no answer.")
        case UpstreamCutShort():
            return ServerError("The model's answer was cut off before its end.")
        case _:
            return UpstreamFaultError(f"The provider of {target.name} gave an answer that cannot be read.")


def is_outage(error: APIError) -> bool:
    """Whether a fault speaks of the target rather than of what it was asked."""
    return isinstance(error.__cause__, UpstreamError) or isinstance(error, (OverloadedError, RateLimitError))


def may_fail_over(error: APIError) -> bool:
    """Whether another target might do better: not where the request itself is at fault."""
    return not isinstance(error, InvalidRequestError) or error.code == "model_not_found"
