"""A Chat Completions stream as deltas. https://platform.openai.com/docs/api-reference/chat/streaming"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from lambda_responses.stream.deltas import (
    Annotation,
    BlockEnded,
    Delta,
    Envelope,
    Failed,
    Opaque,
    Reasoning,
    Refusal,
    Stopped,
    StopReason,
    Text,
    Usage,
)
from lambda_responses.transformers.base import unknown
from lambda_responses.transformers.chat_completions.call_pieces import CallPieces
from lambda_responses.transformers.chat_completions.citations import Citations, map_annotation
from lambda_responses.transformers.chat_completions.errors import map_error_in_stream
from lambda_responses.transformers.chat_completions.forced_call import ForcedCallReader
from lambda_responses.transformers.chat_completions.known_members import CHOICE, CHUNK, DELTA
from lambda_responses.transformers.chat_completions.logprobs import map_logprobs
from lambda_responses.transformers.chat_completions.reasoning_details import ReasoningDetails
from lambda_responses.transformers.chat_completions.searches import SOURCES, Searches
from lambda_responses.transformers.chat_completions.tools import plan_tools
from lambda_responses.transformers.chat_completions.usage import map_usage
from lambda_responses.transformers.readings import members, read_objects, read_text
from lambda_responses.transformers.think_tags import ThinkTags
from lambda_responses.wire.errors import ServerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.transformers.base import Turn
    from lambda_responses.transformers.chat_completions.profile import ChatProfile
    from lambda_responses.wire.json import Json

FINISH_REASONS: dict[str, StopReason] = {
    "stop": "end",
    "eos": "end",
    "eos_token": "end",
    "stop_sequence": "end",
    "end_turn": "end",
    "tool_calls": "end",
    "tool_use": "end",
    "function_call": "end",
    "length": "max_output_tokens",
    "max_tokens": "max_output_tokens",
    "model_length": "max_output_tokens",
    "content_filter": "content_filter",
}
"""Why a model stopped. Whether it called tools is seen from the calls, never from this."""


class ChatDecoder:
    """Reads the first choice of one streamed answer; the Responses API has no second."""

    def __init__(self, turn: Turn, profile: ChatProfile) -> None:
        self._profile = profile = profile.for_model(turn.model)
        plan = plan_tools(turn, profile)
        taken = (str(item["call_id"]) for item in turn.items if item.get("call_id"))
        self._calls = CallPieces(plan.names, taken)
        self._forced = ForcedCallReader(plan.names) if plan.forced else None
        self._tags = ThinkTags() if profile.think_tags else None
        self._tiers = {theirs: ours for ours, theirs in profile.service_tiers.items()}
        self._details = ReasoningDetails()
        self._shows_seals = turn.shows_seals
        self._citations = Citations()
        self._searches = Searches(shows_sources=SOURCES in (turn.request.get("include") or ()))
        self._speaking: str | None = None
        """What the model is at: `reasoning`, `text`, `call` or `search`."""
        self._blocks = 0
        self._block: tuple[str, int] = ("", 0)
        self._thought: tuple[str, int] | None = None
        """The latest reasoning block."""
        self._held = ""
        """White space that is text only if more text follows."""
        self._held_logprobs: list[Json] = []
        self._usage: Json | None = None
        self._finish: StopReason | None = None
        self._failed = False

    @property
    def over(self) -> bool:
        """Only after a fault: token counts may follow the finish reason, and the end marker is no chunk."""
        return self._failed

    def feed(self, chunk: Json) -> list[Delta]:
        """What this chunk says."""
        out: list[Delta] = []
        if self._failed:
            return out
        if not chunk.keys() <= CHUNK:
            unknown("chat_completions", f"chunk keys {sorted(chunk.keys() - CHUNK)}")
        if counted := chunk.get("usage"):
            self._count(counted, out)
        elif groq := chunk.get("x_groq"):
            self._count(members(groq).get("usage"), out)
        if chunk.get("error"):
            self._fail(Failed(map_error_in_stream(chunk)), out)
            return out
        sources = chunk.get("search_results") or chunk.get("citations") or chunk.get("web_search")
        if sources and isinstance(sources, list):
            self._feed_sources(cast("list[Any]", sources), out)
        choices = chunk.get("choices")
        for choice in cast("list[Any]", choices) if type(choices) is list else _objects(choices, "choices"):
            if type(choice) is dict:
                self._feed_choice(cast("Json", choice), out)
            else:
                unknown("chat_completions", f"choice that is {type(choice).__name__}")
        if self._finish is not None:
            tier = chunk.get("service_tier")
            if isinstance(tier, str) and tier in self._tiers:
                out.append(Envelope({"service_tier": self._tiers[tier]}))
        return out

    def end(self, *, marked: bool) -> list[Delta]:
        """What was held back, and why the model stopped; nothing of the kind if the stream was cut."""
        out: list[Delta] = []
        if self._failed:
            return out
        proper = marked or self._finish is not None
        self._release(out, proper=proper)
        if proper:
            for annotation in self._citations.annotations() if self._speaking == "text" else ():
                out.append(Annotation(self._block, annotation))
            self._calls.end(out)
            self._seal(out)
            if self._searches.made and not self._searches.told:
                self._tell_search(self._searches.found(list(self._citations.sources)), out)
            called = self._calls.called or (self._forced is not None and not self._forced.said_otherwise)
            finish = self._finish or "end"
            out.append(Stopped("tool_calls" if called and finish == "end" else finish))
        return out

    def _feed_choice(self, choice: Json, out: list[Delta]) -> None:
        if choice.get("index"):
            return
        if not choice.keys() <= CHOICE:
            unknown("chat_completions", f"choice keys {sorted(choice.keys() - CHOICE)}")
        if delta := choice.get("delta"):
            if type(delta) is dict:
                self._feed_delta(cast("Json", delta), choice.get("logprobs"), out)
            else:
                unknown("chat_completions", f"delta that is {type(delta).__name__}")
        if counted := choice.get("usage"):  # Moonshot
            self._count(counted, out)
        if reason := choice.get("finish_reason"):
            self._feed_finish(reason, out)

    def _feed_delta(self, delta: Json, logprobs: Any, out: list[Delta]) -> None:
        if not delta.keys() <= DELTA:
            unknown("chat_completions", f"delta keys {sorted(delta.keys() - DELTA)}")
        thought = delta.get("reasoning_content") or delta.get("reasoning")
        details = delta.get("reasoning_details")
        if thought or details:
            told = _text(thought, "reasoning") if thought else ""
            self._think(told, _objects(details, "reasoning_details") if details else (), out)
        if executed := delta.get("executed_tools"):
            self._tell_search(self._searches.executed(executed), out)
        content = delta.get("content")
        if content or (content is not None and (logprobs or content == 0)):
            self._feed_content(content, map_logprobs(logprobs) if logprobs else (), out)
        if (refused := delta.get("refusal")) and (refusal := _text(refused, "refusal")):
            self._begin_text(out)
            out.append(Refusal(self._block, refusal))
        if audio := delta.get("audio"):
            self._feed_content(members(audio).get("transcript"), (), out)
        if cited := delta.get("annotations"):
            self._feed_annotations(_objects(cited, "annotations"), out)
        if calls := delta.get("tool_calls"):
            for piece in _objects(calls, "tool_calls"):
                self._begin("call", out)
                self._calls.feed(piece, out)
        elif (called := members(delta.get("function_call"))) and called.get("name", called.get("arguments")):
            self._begin("call", out)
            self._calls.feed({"index": 0, "function": called}, out)

    def _feed_content(self, content: Any, logprobs: Sequence[Json], out: list[Delta]) -> None:
        if isinstance(content, str):
            if self._tags is None:
                self._say(content, logprobs, out)
            else:
                thought, text = self._tags.feed(content)
                if thought:
                    self._think(thought, (), out)
                if text or logprobs:
                    self._say(text, logprobs, out)
        elif isinstance(content, list):
            self._feed_parts(cast("list[Any]", content), out)
        elif text := _text(content, "content"):
            self._feed_content(text, logprobs, out)

    def _feed_annotations(self, annotations: list[Json], out: list[Delta]) -> None:
        for annotation in annotations:
            mapped = map_annotation(annotation)
            if mapped is not None:
                self._searches.made = True
            if mapped is not None and self._speaking == "text":
                out.append(Annotation(self._block, mapped))

    def _feed_sources(self, sources: list[Any], out: list[Delta]) -> None:
        """Sources that stand beside the answer: those of a search, made before a word was said."""
        self._citations.sources = sources
        self._searches.made = True
        if self._speaking is None and not self._searches.told:
            self._tell_search(self._searches.found(sources), out)

    def _tell_search(self, told: Sequence[Delta], out: list[Delta]) -> None:
        if told:
            self._begin("search", out)
            out += told

    def _feed_parts(self, parts: list[Any], out: list[Delta]) -> None:
        """Content as Mistral's reasoning models give it."""
        for part in parts:
            match part:
                case {"type": "text", "text": str(text)}:
                    self._say(text, (), out)
                case {"type": "thinking", "thinking": [*thoughts]}:
                    for thought in thoughts:
                        self._think(_text(members(thought).get("text"), "thinking"), (), out)
                case {"type": "reference"}:  # Mistral's own document numbers; nothing to point at
                    pass
                case _:
                    kind = members(part).get("type")
                    unknown("chat_completions", f"content part {kind if isinstance(kind, str) else ''!r}")

    def _feed_finish(self, reason: Any, out: list[Delta]) -> None:
        if reason == "error":
            self._fail(Failed(ServerError("The model failed to answer.")), out)
            return
        mapped = FINISH_REASONS.get(reason) if isinstance(reason, str) else None
        if mapped is None:
            said = repr(reason) if isinstance(reason, str) else f"that is {type(reason).__name__}"
            unknown("chat_completions", f"finish reason {said}")
            mapped = "end"
        if self._finish in (None, "end"):  # repeated by some; a cut is never taken back
            self._finish = mapped

    # What the model is at.

    def _say(self, text: str, logprobs: Sequence[Json], out: list[Delta]) -> None:
        if self._forced is not None:
            out += self._forced.feed(text)
            return
        if self._speaking != "text":
            if not text.strip():
                self._held += text
                self._held_logprobs += logprobs
                return
            text, logprobs = self._held + text, [*self._held_logprobs, *logprobs]
            self._begin_text(out)
        if self._citations.sources:
            self._citations.said.append(text)
        out.append(Text(self._block, text, logprobs))

    def _think(self, thought: str, details: Sequence[Json], out: list[Delta]) -> None:
        summary = self._profile.reasoning_is_summary
        if details:
            self._details.add(details)
            told, summarised = self._details.told(details)
            thought, summary = thought or told, summary or summarised
        if not thought:
            return
        if self._speaking != "reasoning":
            if self._speaking == "text":
                out.append(BlockEnded(self._block))
            self._speaking = "reasoning"
            self._thought = self._block = self._next_block("reasoning")
        out.append(Reasoning(self._block, thought, summary))

    def _begin_text(self, out: list[Delta]) -> None:
        if self._speaking != "text":
            self._leave(out)
            self._speaking = "text"
            self._block = self._next_block("text")
            self._held, self._held_logprobs = "", []

    def _begin(self, what: str, out: list[Delta]) -> None:
        """A call or a search, neither of which goes on with what came before."""
        if self._speaking != what:
            self._leave(out)
            self._speaking = what
        self._held, self._held_logprobs = "", []

    def _leave(self, out: list[Delta]) -> None:
        """Reasoning and text end where something else begins; calls end by themselves."""
        if self._speaking is None or self._speaking == "reasoning":
            self._seal(out)
        if self._speaking in ("reasoning", "text"):
            out.append(BlockEnded(self._block))

    def _next_block(self, kind: str) -> tuple[str, int]:
        self._blocks += 1
        return kind, self._blocks

    def _seal(self, out: list[Delta]) -> None:
        """Keep what the maker wants back verbatim: beside its reasoning, or beside what followed it.

        A client that keeps it brings back reasoning alone, as that was when it was finished: for such a one,
        what comes later makes an item of its own, which holds all there is in place of what came before.
        """
        details = self._details.unsaved()
        if not details:
            return
        if self._shows_seals:
            block = self._thought if self._speaking == "reasoning" else None
        else:
            block = self._thought or (self._block if self._speaking == "text" else self._calls.last_block)
        kept: Json = {"reasoning_details": details}
        if block is None:
            block = self._next_block("reasoning")
            if self._thought is not None:
                kept["supersedes"] = True
            self._thought = self._thought or block
        out.append(Opaque(block, kept))

    def _release(self, out: list[Delta], *, proper: bool) -> None:
        """What waited for more that did not come; the beginning of a forced call that was cut is no text."""
        if self._tags is not None:
            thought, text = self._tags.end()
            if thought:
                self._think(thought, (), out)
            if text:
                self._say(text, (), out)
        if self._forced is not None:
            out += self._forced.end()
            held = self._forced.said_otherwise if proper else ""
        else:
            held = "" if self._calls.called else self._held
        if held:
            self._begin_text(out)
            out.append(Text(self._block, held))

    def _count(self, counted: Any, out: list[Delta]) -> None:
        if (told := members(counted)) and told != self._usage:
            self._usage = told
            self._searches.count(told)
            out.append(Usage(map_usage(told)))

    def _fail(self, failed: Failed, out: list[Delta]) -> None:
        self._failed = True
        out.append(failed)


def _text(value: Any, what: str) -> str:
    return value if isinstance(value, str) else read_text(value, "chat_completions", what)


def _objects(value: Any, what: str) -> list[Json]:
    return read_objects(value, "chat_completions", what)
