"""The estimate of tokens against what providers said that recorded requests were."""

from __future__ import annotations

from functools import cache
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from lambda_responses.wire.input_items import input_list
from lambda_responses.wire.token_estimates import estimated_tokens
from tests.corpus import (
    anthropic_recordings,
    chat_recordings,
    gemini_recordings,
    lift_anthropic,
    lift_chat,
    lift_gemini,
    responses_recordings,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lambda_responses.transformers.base import Turn

Json = dict[str, Any]

pytestmark = pytest.mark.skipif(not chat_recordings.CORPUS.is_dir(), reason="../shared/corpus/dev is absent")


class Counted(NamedTuple):
    """A recorded request and its input tokens as the provider counted them."""

    file: str
    request: Json
    items: list[Json]
    tokens: int

    @property
    def error(self) -> float:
        """How far off the estimate is, as a share of the count."""
        return abs(estimated_tokens(self.request, self.items) / self.tokens - 1)

    @property
    def plain(self) -> bool:
        """Whether all that was counted is in the request: text, and tools that the client runs itself."""
        tools = {tool["type"] for tool in self.request.get("tools") or ()}
        return tools <= {"function", "custom"} and not any(
            part.get("type") in ("input_image", "input_file", "input_audio")
            for item in self.items
            for member in ("content", "output")
            for part in (item.get(member) if isinstance(item.get(member), list) else ())
        )


def lifted(module: Any, *args: Any) -> Turn | None:
    try:
        return module.lift(*args)
    except module.CannotLift:
        return None


def chat() -> Iterator[tuple[str, Turn | None, int]]:
    for each in chat_recordings.recordings():
        if each.request and each.status < 400:
            said = chat_recordings.read_answer(each).usage or {}
            yield each.file, lifted(lift_chat, each.request), said.get("prompt_tokens") or 0


def anthropic() -> Iterator[tuple[str, Turn | None, int]]:
    members = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    for each in anthropic_recordings.recordings():
        if each.request and each.status < 400:
            said = anthropic_recordings.read_answer(each).usage
            yield (
                each.file,
                lifted(lift_anthropic, each.request, each.model),
                sum(said.get(member) or 0 for member in members),
            )


def gemini() -> Iterator[tuple[str, Turn | None, int]]:
    for each in gemini_recordings.recordings():
        if each.request and each.status < 400 and "contents" in each.request:
            said = gemini_recordings.read_answer(each).usage or {}
            yield (
                each.file,
                lifted(lift_gemini, each.request, each.model),
                said.get("promptTokenCount") or 0,
            )


def responses() -> Iterator[Counted]:
    for each in responses_recordings.recordings():
        request = {name: value for name, value in (each.request or {}).items() if value is not None}
        told = {"previous_response_id", "conversation", "prompt"} & request.keys()
        if told or not request or not responses_recordings.answered(each):
            continue
        last = each.streams()[-1][-1]
        usage = last.get("response", {}).get("usage")
        if usage:
            items = input_list(request.get("input") or [])
            yield Counted(each.file, request, items, usage["input_tokens"])


@cache
def counted() -> tuple[Counted, ...]:
    lifts = (
        Counted(file, {**turn.request, "model": turn.model}, list(turn.items), tokens)
        for said in (chat(), anthropic(), gemini())
        for file, turn, tokens in said
        if turn is not None and tokens
    )
    return (*lifts, *responses())


def test_half_of_all_estimates_are_within_a_quarter() -> None:
    assert len(counted()) > 1_000
    assert median(each.error for each in counted()) < 0.26


def test_half_of_the_estimates_of_what_is_all_in_the_request_are_within_a_fifth() -> None:
    plain = [each.error for each in counted() if each.plain]

    assert len(plain) > 800
    assert median(plain) < 0.20


def test_long_requests_are_estimated_closely() -> None:
    long = [
        each.error for each in counted() if each.plain and estimated_tokens(each.request, each.items) > 1_500
    ]

    assert len(long) > 20
    assert median(long) < 0.10
    assert quantiles(long, n=4)[-1] < 0.15  # some were compacted by their provider, and counted after that


def test_the_estimate_is_better_than_four_characters_a_token() -> None:
    plain = [each for each in counted() if each.plain]
    rough = median(abs(len(str(each.items)) / 4 / each.tokens - 1) for each in plain)

    assert median(each.error for each in plain) < rough / 2
