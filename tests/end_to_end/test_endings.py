"""How an upstream ends decides how a response ends, in each format's own words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.events import stream, text_of
from tests.fakes.formats.base import Words, answer, begin, served
from tests.fakes.formats.chat import USAGE, chunk
from tests.fakes.formats.every import ANTHROPIC, FORMATS

if TYPE_CHECKING:
    import httpx

    from tests.fakes.upstream import Exchange, Upstream

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

COMPLETED = ("completed", None)
CUT = ("incomplete", "max_output_tokens")
FILTERED = ("incomplete", "content_filter")
FAILED = ("failed", None)

WORDS: dict[str, dict[str, tuple[str, str | None]]] = {
    "chat": {
        "stop": COMPLETED,
        "tool_calls": COMPLETED,
        "length": CUT,
        "content_filter": FILTERED,
        "bored": COMPLETED,
    },
    "anthropic": {
        "end_turn": COMPLETED,
        "stop_sequence": COMPLETED,
        "tool_use": COMPLETED,
        "max_tokens": CUT,
        "model_context_window_exceeded": CUT,
        "refusal": FILTERED,
        "bored": COMPLETED,
    },
    "gemini": {
        "STOP": COMPLETED,
        "MAX_TOKENS": CUT,
        **dict.fromkeys(("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII"), FILTERED),
        **dict.fromkeys(("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "OTHER"), FAILED),
        "BORED": COMPLETED,
    },
    "converse": {
        "end_turn": COMPLETED,
        "stop_sequence": COMPLETED,
        "tool_use": COMPLETED,
        "max_tokens": CUT,
        "model_context_window_exceeded": CUT,
        "guardrail_intervened": FILTERED,
        "content_filtered": FILTERED,
        **dict.fromkeys(("malformed_model_output", "malformed_tool_use"), FAILED),
        "bored": COMPLETED,
    },
    "cohere": {
        "COMPLETE": COMPLETED,
        "STOP_SEQUENCE": COMPLETED,
        "TOOL_CALL": COMPLETED,
        "MAX_TOKENS": CUT,
        "ERROR_TOXIC": FILTERED,
        **dict.fromkeys(("ERROR", "TIMEOUT"), FAILED),
        "BORED": COMPLETED,
    },
}
"""By format and by what an upstream calls its reason to stop: status, and why the answer is incomplete."""

SAID = [
    pytest.param(format, word, *ending, id=f"{format}-{word}")
    for format, words in WORDS.items()
    for word, ending in words.items()
]


@pytest.mark.parametrize(("name", "word", "status", "reason"), SAID)
async def test_the_reason_to_stop_decides_the_status(
    http: httpx.AsyncClient, upstream: Upstream, name: str, word: str, status: str, reason: str | None
):
    format = FORMATS[name]

    async def behave(exchange: Exchange) -> None:
        speaking = await begin(format, exchange)
        await speaking.say("Hello")
        await speaking.stop(word)

    model = f"{format.provider}/{upstream.serve(behave)}"
    response = (await stream(http, model=model, input="x"))[-1]["response"]
    assert (response["status"], (response["incomplete_details"] or {}).get("reason")) == (status, reason)
    assert text_of(response) == "Hello"
    assert response["output"][0]["status"] == ("completed" if status == "completed" else "incomplete")
    plain = await http.post("/responses", json={"model": model, "input": "x"})
    if status == "failed":
        assert plain.status_code >= 500
    else:
        assert plain.json()["status"] == status


@pytest.mark.parametrize("name", FORMATS)
async def test_tokens_are_counted_however_the_answer_ends(
    http: httpx.AsyncClient, upstream: Upstream, name: str
):
    format = FORMATS[name]

    async def behave(exchange: Exchange) -> None:
        speaking = await begin(format, exchange)
        await speaking.say("Hello")
        await speaking.stop("length")

    response = (await stream(http, model=f"{format.provider}/{upstream.serve(behave)}", input="x"))[-1][
        "response"
    ]
    usage = response["usage"]
    assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (7, 5, 12)


async def test_a_pause_is_followed_by_a_further_step(http: httpx.AsyncClient, upstream: Upstream):
    heard: list[Exchange] = []

    async def behave(exchange: Exchange) -> None:
        heard.append(exchange)
        speaking = await begin(ANTHROPIC, exchange)
        await speaking.think("Hm", "c2VhbA==")
        await speaking.say(f"Part {len(heard)}.")
        await speaking.stop("pause_turn" if len(heard) < 3 else "end")

    model = served(upstream, ANTHROPIC, behave)
    response = (await stream(http, model=model, input="Count"))[-1]["response"]
    assert (response["status"], text_of(response)) == ("completed", "Part 1.Part 2.Part 3.")
    assert (response["usage"]["input_tokens"], response["usage"]["output_tokens"]) == (21, 15)
    told = [(each.kind, each.text, each.secret) for each in ANTHROPIC.asked(heard[2].body).context]
    thought = ("thought", "Hm", "c2VhbA==")
    parts = [("assistant", "Part 1.", ""), thought, ("assistant", "Part 2.", "")]
    assert told == [("user", "Count", ""), thought, *parts]


async def test_pauses_without_end_have_one(http: httpx.AsyncClient, upstream: Upstream):
    heard: list[Exchange] = []

    async def behave(exchange: Exchange) -> None:
        heard.append(exchange)
        await answer(ANTHROPIC, exchange, [Words("And so on. ")], "pause_turn")

    model = served(upstream, ANTHROPIC, behave)
    response = (await stream(http, model=model, input="x"))[-1]["response"]
    assert response["status"] == "incomplete"
    assert 1 < len(heard) <= 20


# Chat Completions, whose ends come in many pieces.

DONE, STOP, LENGTH = "[DONE]", chunk({}, "stop"), chunk({}, "length")
FILTERED, BORED, MORE = chunk({}, "content_filter"), chunk({}, "bored"), chunk({"content": "?"})
COUNTED = {"choices": [], "usage": USAGE}

FINISHES: dict[str, tuple[list[Json | str], str, str | None]] = {
    "two finish reasons": ([STOP, LENGTH, DONE], "incomplete", "max_output_tokens"),
    "the same finish reason twice": ([STOP, STOP, DONE], "completed", None),
    "no finish reason, an end marker": ([DONE], "completed", None),
    "a finish reason, no end marker": ([STOP], "completed", None),
    "an unheard-of finish reason": ([BORED, DONE], "completed", None),
    "length": ([LENGTH, DONE], "incomplete", "max_output_tokens"),
    "content_filter": ([FILTERED, DONE], "incomplete", "content_filter"),
    "more text after the end marker": ([STOP, DONE, MORE], "completed", None),
    "usage without choices": ([STOP, COUNTED, DONE], "completed", None),
}


@pytest.mark.parametrize(("ending", "status", "reason"), FINISHES.values(), ids=FINISHES)
async def test_how_a_chat_stream_ends_decides_the_status(
    http: httpx.AsyncClient, upstream: Upstream, ending: list[Json | str], status: str, reason: str | None
):
    async def behave(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.event(chunk({"content": "Hello"}))
        for event in ending:
            await exchange.event(event)
        await exchange.end()

    model = f"groq/{upstream.serve(behave)}"
    events = await stream(http, model=model, input="x")
    plain = (await http.post("/responses", json={"model": model, "input": "x"})).json()
    for response in (events[-1]["response"], plain):
        assert response["status"] == status
        assert (response["incomplete_details"] or {}).get("reason") == reason
        assert text_of(response) == "Hello"
