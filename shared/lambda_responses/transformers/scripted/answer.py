"""From a turn to the script of its answer. The same turn always gets the same answer."""

from __future__ import annotations

import json
import re
from hashlib import blake2b
from typing import TYPE_CHECKING

from lambda_responses.stream.deltas import (
    BlockEnded,
    Delta,
    Failed,
    ItemOpened,
    Opaque,
    Reasoning,
    Refusal,
    Stopped,
    StopReason,
    Text,
    ToolArguments,
    ToolCall,
    Usage,
)
from lambda_responses.transformers.base import UpstreamFailure
from lambda_responses.transformers.scripted.calls import calls_of
from lambda_responses.transformers.scripted.example import example
from lambda_responses.transformers.scripted.script import Cut, Script, Step, Wait
from lambda_responses.wire.errors import (
    APIError,
    InsufficientQuotaError,
    InvalidRequestError,
    OverloadedError,
    RateLimitError,
    ServerError,
)
from lambda_responses.wire.usage import usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lambda_responses.transformers.scripted.keywords import Keywords
    from lambda_responses.transformers.scripted.scene import Scene
    from lambda_responses.transformers.tool_names import OfferedTool
    from lambda_responses.wire.json import Json

FAULTS: dict[str, Callable[[], APIError]] = {
    "rate_limit_exceeded": lambda: RateLimitError("Too many requests, by request."),
    "server_error": lambda: ServerError("The model failed, by request."),
    "context_length_exceeded": lambda: InvalidRequestError(
        "The input is too long, by request.", code="context_length_exceeded", param="input"
    ),
    "insufficient_quota": lambda: InsufficientQuotaError("The quota is used up, by request."),
    "server_is_overloaded": lambda: OverloadedError("The model is overloaded, by request."),
}
"""Faults in mid-stream, by their code."""

_CUT_SHORT: dict[str, StopReason] = {
    "max_output_tokens": "max_output_tokens",
    "content_filter": "content_filter",
}
_PIECE = re.compile(r"\s*\S+|\s+\Z")
_STATUS = re.compile(r"[45]\d\d")
_LOREM = ("lorem", "ipsum", "dolor", "sit", "amet", "consectetur", "adipiscing", "elit")
_SPOKEN = (Text, Refusal, Reasoning, ToolArguments)


def write_script(scene: Scene) -> Script:
    """The script. Raises `InvalidRequestError` for a forced tool that no script can call."""
    wishes = scene.wishes
    if wishes.fault and _STATUS.fullmatch(wishes.fault):
        return Script(failure=_failure(int(wishes.fault), wishes))
    calls = calls_of(scene)
    said = [*_reasoning(scene), *(_calls(calls) if calls else (*_step(scene), *_answer(scene)))]
    stop: StopReason = "tool_calls" if calls else "pause" if scene.step < scene.wishes.steps else "end"
    limit = scene.request.get("max_output_tokens")
    if limit is not None and _words(said) > limit:
        said, stop = _first_words(said, limit), "max_output_tokens"
    counted = Usage(
        usage(
            scene.input_words, _words(said), reasoning_tokens=_words(d for d in said if type(d) is Reasoning)
        )
    )
    steps = _with_fault(said, [counted, Stopped(stop)], wishes.fault)
    return Script(steps=tuple(_with_waits(steps, wishes)), plain=wishes.plain)


def write_count(scene: Scene) -> Script:
    """The script of an answer that says nothing but how long the question is."""
    fault = scene.wishes.fault
    if fault and _STATUS.fullmatch(fault):
        return Script(failure=_failure(int(fault), scene.wishes))
    return Script(steps=(Usage(usage(scene.input_words, 0)),), plain=True)


def _step(scene: Scene) -> Iterator[Delta]:
    """The words by which the answers of several steps are told apart."""
    if scene.wishes.steps > 1:
        yield from (Text("answer", piece) for piece in _pieces(f"Step {scene.step}: "))


def _answer(scene: Scene) -> Iterator[Delta]:
    """What is said where no tool is called."""
    if scene.wishes.refuse:
        return (Refusal("answer", piece) for piece in _pieces("I'm sorry, I cannot help with that."))
    if scene.wishes.words is not None:
        return (Text("answer", f"{_LOREM[n % len(_LOREM)]} ") for n in range(scene.wishes.words))
    return (Text("answer", piece) for piece in _pieces(_text(scene)))


def _text(scene: Scene) -> str:
    settings: Json = scene.request.get("text") or {}
    match settings.get("format"):
        case {"type": "json_schema", "schema": schema}:
            return json.dumps(example(schema))
        case {"type": "json_object"}:
            return json.dumps({"ok": True})
        case _ if scene.outputs:
            return "The tool says: " + "; ".join(scene.outputs)
        case _:
            return scene.question or "You said nothing."


def _calls(calls: Sequence[tuple[OfferedTool, str]]) -> Iterator[Delta]:
    """All calls begin before any goes on, as a model that calls in parallel may well do it."""
    for block, (offered, _) in enumerate(calls):
        kind = "custom_tool_call" if offered.tool["type"] == "custom" else "function_call"
        yield ToolCall(block, "", offered.tool["name"], kind, offered.namespace)
    for block, (_, text) in enumerate(calls):
        yield from (ToolArguments(block, piece) for piece in _pieces(text))
        yield BlockEnded(block)


def _reasoning(scene: Scene) -> Iterator[Delta]:
    """A reasoning item, where the request or the prompt asks for one; its seal is for who includes it."""
    settings: Json = scene.request.get("reasoning") or {}
    sealed = "reasoning.encrypted_content" in (scene.request.get("include") or ())
    summary = bool(settings.get("summary"))
    asked = summary or settings.get("effort") not in (None, "none")
    if not (asked or sealed or scene.wishes.reason):
        return
    told = asked or scene.wishes.reason  # a seal alone is what models give who reason in secret
    text = f"The question has {len(scene.question.split())} words." if told else ""
    member, kind = ("summary", "summary_text") if summary else ("content", "reasoning_text")
    seal = f"scripted.{blake2b(scene.question.encode(errors='replace')).hexdigest()}"
    empty: Json = {"type": "reasoning", "summary": []}
    if told:
        empty[member] = []
    yield ItemOpened("reasoning", empty)
    yield from (Reasoning("reasoning", piece, summary=summary) for piece in _pieces(text))
    yield Opaque("reasoning", {"encrypted_content": seal})
    whole = {**empty, member: [{"type": kind, "text": text}]} if told else empty
    yield BlockEnded("reasoning", whole)


def _with_fault(said: Sequence[Delta], ending: Sequence[Delta], fault: str | None) -> Iterator[Step]:
    """What is said, and how it ends; with a fault, half of it and that."""
    if fault is None:
        yield from said
        yield from ending
        return
    yield from said[: (len(said) + 1) // 2]
    if fault == "cut":
        yield Cut()
    elif make := FAULTS.get(fault):
        yield Failed(make())
    elif fault in _CUT_SHORT:
        yield ending[0]
        yield Stopped(_CUT_SHORT[fault])
    elif fault != "no_stop":
        raise InvalidRequestError(f"The scripted model knows no fault {fault!r}.", param="input")


def _with_waits(steps: Iterator[Step], wishes: Keywords) -> Iterator[Step]:
    if wishes.slow_ms:
        yield Wait(wishes.slow_ms)
    for n, step in enumerate(steps):
        if n and wishes.pause_ms and isinstance(step, _SPOKEN):
            yield Wait(wishes.pause_ms)
        yield step


def _failure(status: int, wishes: Keywords) -> UpstreamFailure:
    headers = {"content-type": "application/json"}
    if wishes.retry_after:
        headers["retry-after"] = wishes.retry_after
    body = {"error": {"message": f"Status {status}, by request.", "type": None, "param": None, "code": None}}
    return UpstreamFailure(status, headers, json.dumps(body))


def _pieces(text: str) -> list[str]:
    """The text word by word, nothing lost."""
    return _PIECE.findall(text)


def _words(said: Sequence[Delta] | Iterator[Delta]) -> int:
    return sum(isinstance(delta, _SPOKEN) for delta in said)


def _first_words(said: Sequence[Delta], limit: int) -> list[Delta]:
    """Everything up to that many words."""
    kept: list[Delta] = []
    for delta in said:
        limit -= isinstance(delta, _SPOKEN)
        if limit < 0:
            break
        kept.append(delta)
    return kept
