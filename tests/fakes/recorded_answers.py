"""What a client has to be told of each recorded answer, by readers that share no code with the package."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.corpus import (
    anthropic_recordings,
    chat_recordings,
    cohere_recordings,
    converse_recordings,
    gemini_recordings,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Json = dict[str, Any]

COMPLETED, FAILED = "completed", "failed"
CUT, FILTERED = "max_output_tokens", "content_filter"


@dataclass
class Expected:
    """One answer, in the API's words."""

    ending: str = COMPLETED
    """`completed`, `failed`, or why it is incomplete."""
    text: str = ""
    refusal: str = ""
    reasoning: str = ""
    calls: list[tuple[str, Any]] = field(default_factory=list[Any])
    """Name and arguments, parsed; None where they were cut."""
    cited: list[str] = field(default_factory=list[str])
    """Addresses, files or titles, in order."""
    usage: Mapping[str, int] | None = None
    """Those counters that are certain; None where nothing was counted."""
    again: bool = False
    """Whether its maker is asked again, and here says the same again."""


def chat(recording: Any) -> Expected:
    answer = chat_recordings.read_answer(recording)
    arguments = [text if answer.custom else parsed(text or "{}") for _, _, text in answer.calls]
    cut = {"length": CUT, "model_length": CUT, "content_filter": FILTERED}.get(answer.finish or "")
    ending = cut or (CUT if None in arguments else COMPLETED)
    counted = answer.usage or {}
    return Expected(
        ending=FAILED if answer.failed or answer.finish == "error" else ending,
        text=answer.text,
        refusal=answer.refusal,
        reasoning=answer.reasoning,
        calls=[(name, said) for (_, name, _), said in zip(answer.calls, arguments, strict=True)],
        usage={"input_tokens": counted["prompt_tokens"]} if counted else None,
    )


def anthropic(recording: Any) -> Expected:
    answer = anthropic_recordings.read_answer(recording)
    read, written = (answer.usage.get(f"cache_{kind}_input_tokens") or 0 for kind in ("read", "creation"))
    return Expected(
        ending={"max_tokens": CUT, "refusal": FILTERED}.get(answer.finish or "", COMPLETED),
        text=answer.text,
        refusal=answer.refusal,
        reasoning=answer.reasoning,
        calls=[(name, arguments) for _, name, arguments in answer.calls],
        cited=[source for source, _ in answer.citations],
        usage=_counted(answer.usage["input_tokens"] + read + written, answer.usage["output_tokens"], read)
        if answer.usage
        else None,
        again=answer.finish == "pause_turn",
    )


def gemini(recording: Any) -> Expected:
    answer = gemini_recordings.read_answer(recording)
    spoken = any(not kind.startswith("image/") for kind in answer.media)
    ending = {"MAX_TOKENS": CUT, "SAFETY": FILTERED, "MODEL_ARMOR": FILTERED, "UNEXPECTED_TOOL_CALL": FAILED}
    counted = answer.usage or {}
    thought = counted.get("thoughtsTokenCount", 0)
    usage = {
        "output_tokens": counted.get("candidatesTokenCount", 0) + thought,
        "total_tokens": counted.get("totalTokenCount", 0),
    }
    return Expected(
        ending=FAILED if spoken else ending.get(answer.finish or "", COMPLETED),
        text=answer.text,
        reasoning=answer.reasoning,
        calls=[(name, arguments) for _, name, arguments in answer.calls],
        cited=[source for source, _ in answer.citations],
        usage=usage if counted else None,
    )


def converse(recording: Any) -> Expected:
    answer = converse_recordings.read_answer(recording)
    endings = {"max_tokens": CUT, "guardrail_intervened": FILTERED}
    counted = answer.usage or {}
    read, written = (counted.get(f"cache{kind}InputTokens") or 0 for kind in ("Read", "Write"))
    return Expected(
        ending=FAILED if answer.failed else endings.get(answer.finish or "", COMPLETED),
        text=answer.text,
        reasoning=answer.reasoning,
        calls=[(name, arguments) for _, name, arguments in answer.calls],
        cited=answer.sources,
        usage=_counted(counted["inputTokens"] + read + written, counted["outputTokens"], read)
        if counted
        else None,
    )


def cohere(recording: Any) -> Expected:
    answer = cohere_recordings.read_answer(recording)
    counted = answer.usage or {}
    tokens, cached = counted.get("tokens"), counted.get("cached_tokens", 0)
    sources = [source for citation in answer.citations for source in citation["sources"]]
    return Expected(
        ending={"MAX_TOKENS": CUT, "ERROR": FAILED}.get(answer.finish or "", COMPLETED),
        text=answer.text,
        reasoning=answer.plan + answer.reasoning,
        calls=[(name, parsed(text or "{}")) for _, name, text in answer.calls],
        cited=[
            source["id"]
            for source in sources
            if source["type"] == "document" or source["tool_output"].get("url")
        ],
        usage=_counted(tokens["input_tokens"], tokens["output_tokens"], cached) if tokens else None,
    )


EXPECTED: dict[str, Callable[[Any], Expected]] = {
    "chat": chat,
    "messages": anthropic,
    "invoke_anthropic": anthropic,
    "anthropic_raw_predict": anthropic,
    "generate_content": gemini,
    "converse": converse,
    "chat_v2": cohere,
}
"""By recorded API. The Responses API needs no reader: it is what a client is told."""


def _counted(given: int, made: int, cached: int = 0) -> dict[str, int]:
    return {
        "input_tokens": given,
        "output_tokens": made,
        "total_tokens": given + made,
        "cached_tokens": cached,
    }


def parsed(text: str) -> Any:
    """The value that a text says; None where it was cut."""
    try:
        return json.loads(text)
    except ValueError:
        return None
