"""Every recorded stream, cut at its events and taken up: the same comes out, beside what was cut."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.stream.deltas import Failed
from lambda_responses.transformers.anthropic_messages import ANTHROPIC_MESSAGES
from lambda_responses.transformers.base import UnknownUpstream
from lambda_responses.transformers.chat_completions import CHAT_COMPLETIONS
from lambda_responses.transformers.gemini_generate_content import GEMINI_GENERATE_CONTENT
from lambda_responses.transformers.openai_responses import OPENAI_RESPONSES
from tests.corpus import (
    anthropic_recordings,
    chat_recordings,
    gemini_recordings,
    responses_recordings,
)
from tests.cuts import check_cuts, stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from lambda_responses.stream.deltas import Delta

pytestmark = responses_recordings.needs_corpus

CUTS = 24
"""Places at which each stream is cut, spread over it."""


def of_responses() -> Iterator[Iterable[Delta]]:
    for recording in responses_recordings.recordings():
        turn = responses_recordings.turn_of(recording)
        for chunks in recording.streams():
            yield _read(OPENAI_RESPONSES.decoder(turn, recording.profile), chunks, marked=False)


def of_anthropic() -> Iterator[Iterable[Delta]]:
    for recording in anthropic_recordings.recordings():
        if recording.streamed:
            decoder = ANTHROPIC_MESSAGES.decoder(anthropic_recordings.turn_of(recording), recording.profile)
            chunks, marked = recording.chunks()
            yield _read(decoder, chunks, marked=marked)


def of_chat() -> Iterator[Iterable[Delta]]:
    for recording in chat_recordings.recordings():
        if recording.streamed:
            decoder = CHAT_COMPLETIONS.decoder(chat_recordings.turn_of(recording), recording.profile)
            chunks, marked = recording.chunks()
            yield _read(decoder, chunks, marked=marked)


def of_gemini() -> Iterator[Iterable[Delta]]:
    for recording in gemini_recordings.recordings():
        if recording.streamed:
            turn = gemini_recordings.turn_of(recording)
            decoder = GEMINI_GENERATE_CONTENT.decoder(turn, recording.profile)
            yield _read(decoder, recording.chunks(), marked=False)


def _read(decoder: Any, chunks: Iterable[Any], *, marked: bool) -> list[Delta]:
    deltas = [delta for chunk in chunks for delta in decoder.feed(chunk)]
    return [*deltas, *decoder.end(marked=marked)]


@pytest.mark.parametrize("recorded", [of_responses, of_anthropic, of_chat, of_gemini])
def test_a_recorded_stream_that_is_cut_and_taken_up_is_the_same(
    recorded: Callable[[], Iterator[Iterable[Delta]]],
) -> None:
    seen: set[str] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnknownUpstream)
        for deltas in recorded():
            turn = [delta for delta in deltas if not isinstance(delta, Failed)]
            whole = stream(turn)
            shape = str([event["type"] for event in whole.events if not event["type"].endswith(".delta")])
            if shape in seen:  # nothing is cut in it that was not cut in another
                continue
            seen.add(shape)
            last = len(whole.events)
            for cut in sorted({round(n * last / CUTS) for n in range(CUTS)}):
                check_cuts(turn, whole, cut, min(cut + 5, last))
    assert len(seen) > 10
