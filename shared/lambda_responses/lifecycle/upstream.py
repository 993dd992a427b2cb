"""One upstream step: ask a target, and read what its model says as deltas."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from lambda_responses.providers.base import (
    Marker,
    UpstreamCutShort,
    UpstreamError,
    UpstreamRefused,
    UpstreamUnreachable,
)
from lambda_responses.stream.deltas import Failed, Stopped
from lambda_responses.wire.errors import APIError, InvalidRequestError, ServerError, UpstreamFaultError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Sequence

    from lambda_responses.providers.base import Answer, Target
    from lambda_responses.stream.deltas import Delta
    from lambda_responses.transformers.base import Decoder, Rendered, Turn


async def deltas_of(target: Target, turn: Turn, rendered: Rendered) -> AsyncGenerator[Sequence[Delta], None]:
    """What the model says, as many deltas at a time as arrived together.

    The first batch, which may be empty, says that the upstream has begun to answer. Raises `APIError` for
    whatever goes wrong, reported by the upstream in its stream or noticed on the way: an answer that does
    not say that it is over was cut.
    """
    stopped = False
    decoder = target.transformer.decoder(turn, target.profile)
    try:
        async with target.provider.open(rendered) as answer, aclosing(_read(target, decoder, answer)) as said:
            async for deltas in said:
                for at, delta in enumerate(deltas):
                    if isinstance(delta, Failed):
                        if at:
                            yield deltas[:at]
                        raise delta.error
                    stopped = stopped or isinstance(delta, Stopped)
                yield deltas
            if not stopped:
                raise UpstreamCutShort("no end")
    except UpstreamError as error:
        raise as_api_error(target, error) from error


async def _read(target: Target, decoder: Decoder, answer: Answer) -> AsyncGenerator[Sequence[Delta], None]:
    marked = False
    try:
        async for chunks in answer:
            deltas: list[Delta] = []
            for chunk in chunks:
                if isinstance(chunk, Marker):
                    marked = True
                    continue
                for piece in target.transformer.as_chunks(chunk) if answer.plain else (chunk,):
                    deltas.extend(decoder.feed(piece))
            yield deltas
    except UpstreamCutShort:
        # A connection may break after the model has said that it is done.
        rest = list(decoder.end(marked=marked))
        if not _stops(rest):
            raise
        yield rest
        return
    if rest := list(decoder.end(marked=marked or answer.plain)):
        yield rest


def _stops(deltas: Iterable[Delta]) -> bool:
    return any(isinstance(delta, Stopped) for delta in deltas)


def as_api_error(target: Target, error: UpstreamError) -> APIError:
    """What the client is told when a provider fails."""
    match error:
        case UpstreamRefused(failure=failure):
            return target.transformer.map_error(failure)
        case UpstreamUnreachable():
            return UpstreamFaultError(f"The provider of {target.name} could not be reached.")
        case UpstreamCutShort():
            return ServerError("The model's answer was cut off before its end.")
        case _:
            return UpstreamFaultError(f"The provider of {target.name} gave an answer that cannot be read.")


def may_fail_over(error: APIError) -> bool:
    """Whether another target might do better: not where the request itself is at fault."""
    return not isinstance(error, InvalidRequestError) or error.code == "model_not_found"
