"""A stream of generated content as deltas. https://ai.google.dev/api/generate-content

The format has no end marker: a reason to finish is the end, although parts and counts may follow it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from lambda_responses.stream.deltas import (
    BlockEnded,
    Delta,
    Envelope,
    Failed,
    Stopped,
    StopReason,
    ToolArguments,
    ToolCall,
    Usage,
)
from lambda_responses.transformers.base import unknown
from lambda_responses.transformers.gemini_generate_content.answer_format import plan_answer
from lambda_responses.transformers.gemini_generate_content.errors import map_error_in_stream
from lambda_responses.transformers.gemini_generate_content.finish import FAULTS, REASONS, fault
from lambda_responses.transformers.gemini_generate_content.grounding import Grounding
from lambda_responses.transformers.gemini_generate_content.hosted import HostedItems
from lambda_responses.transformers.gemini_generate_content.known_members import CALL, CANDIDATE, CHUNK, PART
from lambda_responses.transformers.gemini_generate_content.logprobs import map_logprobs
from lambda_responses.transformers.gemini_generate_content.origins import signature_of
from lambda_responses.transformers.gemini_generate_content.speech import Speech
from lambda_responses.transformers.gemini_generate_content.tools import offer_of
from lambda_responses.transformers.gemini_generate_content.usage import map_usage
from lambda_responses.transformers.readings import members, read_objects, read_text
from lambda_responses.wire.errors import UpstreamFaultError
from lambda_responses.wire.json import to_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.transformers.base import Turn
    from lambda_responses.transformers.gemini_generate_content.profile import GeminiProfile
    from lambda_responses.wire.errors import APIError
    from lambda_responses.wire.json import Json

_NAME = "gemini_generate_content"
_SOURCES = "web_search_call.action.sources"


class GeminiDecoder:
    """Reads the first candidate of one streamed answer; the Responses API has no second.

    Where a call is to be the answer, what is said in text is told only if there is no such call: nothing may
    stand beside an answer that has a form.
    """

    def __init__(self, turn: Turn, profile: GeminiProfile) -> None:
        profile = profile.for_model(turn.model)
        offer = offer_of(turn, profile)
        answer = plan_answer(turn, offer, profile).function
        self._names = offer.names
        self._answer = answer.flat if answer is not None else None
        """The function of which a call is the answer."""
        self._answered = False
        self._kept_back: list[tuple[str, str]] = []
        """Texts and their signatures."""
        self._tiers = {theirs: ours for ours, theirs in profile.service_tiers.items()}
        self._seals = turn.shows_seals
        self._grounding = Grounding(shows_sources=_SOURCES in (turn.request.get("include") or ()))
        self._speech = Speech(seals=turn.shows_seals, cite=self._grounding.annotations)
        self._hosted = HostedItems(self._speech.keep)
        self._calls = 0
        self._usage: Json = {}
        self._finish: StopReason | None = None
        self._failed = False

    @property
    def over(self) -> bool:
        """Only after a fault: parts and token counts may follow the reason to finish."""
        return self._failed

    def feed(self, chunk: Json) -> list[Delta]:
        """What this chunk says."""
        out: list[Delta] = []
        if self._failed:
            return out
        if not chunk.keys() <= CHUNK:
            unknown(_NAME, f"chunk keys {sorted(chunk.keys() - CHUNK)}")
        if counted := members(chunk.get("usageMetadata")):
            if not self._usage:
                out.append(Usage(map_usage(counted)))
            self._usage = counted
        if chunk.get("error"):
            self._fail(map_error_in_stream(chunk), out)
            return out
        candidates = chunk.get("candidates")
        for candidate in cast("list[Any]", candidates) if type(candidates) is list else _objects(candidates):
            if type(candidate) is dict:
                self._feed_candidate(cast("Json", candidate), out)
            else:
                unknown(_NAME, f"candidate that is {type(candidate).__name__}")
        if members(chunk.get("promptFeedback")).get("blockReason"):
            self._finish = "content_filter"
        return out

    def end(self, *, marked: bool) -> list[Delta]:
        """What was held back, and why the model stopped; nothing of the kind if the stream was cut."""
        out: list[Delta] = []
        if self._failed:
            return out
        self._let_go(out)
        self._tell_usage(out)
        if self._finish is not None:
            self._hosted.close(out)
            self._speech.leave(out)
            self._tell_searches(out)
            self._speech.end(out)
            called = self._calls and self._finish == "end"
            out.append(Stopped("tool_calls" if called else self._finish))
        return out

    def _feed_candidate(self, candidate: Json, out: list[Delta]) -> None:
        if candidate.get("index") or self._failed:
            return
        if not candidate.keys() <= CANDIDATE:
            unknown(_NAME, f"candidate keys {sorted(candidate.keys() - CANDIDATE)}")
        logprobs: Sequence[Json] = ()
        if len(candidate) > 2:  # more than content and index
            self._grounding.read(candidate)
            if not self._speech.wrote:
                self._tell_searches(out)
            if weighed := candidate.get("logprobsResult"):
                logprobs = map_logprobs(weighed)
        parts = members(candidate.get("content")).get("parts")
        for part in cast("list[Any]", parts) if type(parts) is list else _objects(parts):
            if type(part) is dict:
                self._feed_part(cast("Json", part), logprobs, out)
                logprobs = ()
            else:
                unknown(_NAME, f"part that is {type(part).__name__}")
        if (reason := candidate.get("finishReason")) and not self._failed:
            self._feed_finish(reason, candidate.get("finishMessage"), out)

    def _feed_part(self, part: Json, logprobs: Sequence[Json], out: list[Delta]) -> None:
        text = part.get("text")
        if len(part) == 1 and type(text) is str:
            if text:
                self._say(text, "", logprobs, out)
            return
        if not part.keys() <= PART:
            unknown(_NAME, f"part keys {sorted(part.keys() - PART)}")
        if called := members(part.get("functionCall")):
            self._call(called, signature_of(part), out)
        elif media := members(part.get("inlineData")):
            self._show(media, part, out)
        elif text is not None:
            self._feed_text(part, logprobs, out)
        elif part.keys() & {"executableCode", "codeExecutionResult", "toolCall", "toolResponse"}:
            self._speech.leave(out)
            if not self._hosted.feed(part, out):
                self._hosted.close(out)
                self._speech.keep_part(part, out)
        elif signature_of(part):
            self._hosted.close(out)
            self._speech.keep_part(part, out)

    def _feed_text(self, part: Json, logprobs: Sequence[Json], out: list[Delta]) -> None:
        text, signature = read_text(part["text"], _NAME, "text"), signature_of(part)
        if part.get("thought"):
            self._hosted.close(out)
            if text:
                self._speech.think(text, signature, out)
            elif signature:
                self._speech.keep_part(part, out)
        elif text or signature:
            self._say(text, signature, logprobs, out)

    def _say(self, text: str, signature: str, logprobs: Sequence[Json], out: list[Delta]) -> None:
        if self._answer is not None:
            self._kept_back.append((text, signature))
        else:
            self._tell(text, signature, logprobs, out)

    def _tell(self, text: str, signature: str, logprobs: Sequence[Json], out: list[Delta]) -> None:
        if signature:
            self._hosted.close(out)
            self._speech.say_signed(text, signature, logprobs, out)
            return
        if self._speech.at != "text":
            self._hosted.close(out)
        self._speech.say(text, logprobs, out)

    def _let_go(self, out: list[Delta]) -> None:
        """Tell what was kept back, unless the answer came as a call."""
        kept_back, self._kept_back = self._kept_back, []
        for text, signature in () if self._answered else kept_back:
            self._tell(text, signature, (), out)

    def _tell_answer(self, args: Json, out: list[Delta]) -> None:
        """The answering call's arguments as the message that they are; there is one answer.

        Its signature is left out: it belongs to a call, which nobody will see, and these models ask for none.
        """
        if self._answered:
            return
        self._answered = True
        self._hosted.close(out)
        self._speech.leave(out)
        self._speech.say(to_bytes(args).decode(), (), out)
        self._speech.leave(out)

    def _call(self, called: Json, signature: str, out: list[Delta]) -> None:
        if not called.keys() <= CALL:
            unknown(_NAME, f"call keys {sorted(called.keys() - CALL)}")
        flat = read_text(called.get("name"), _NAME, "name")
        if self._answer is not None and flat == self._answer:
            self._tell_answer(members(called.get("args")), out)
            return
        self._let_go(out)
        name = self._names.restore(flat)
        id = read_text(called.get("id"), _NAME, "id")
        kept: Json = ({"id": id} if id else {}) | ({"signature": signature} if signature else {})
        self._hosted.close(out)
        if self._seals and signature:
            self._speech.seal(out, following=[name.kind, kept])
        else:
            self._speech.leave(out)
        self._calls += 1
        block = ("call", self._calls)
        args = members(called.get("args"))
        told = args.get("input") if name.kind == "custom_tool_call" and args.keys() == {"input"} else None
        out.append(ToolCall(block, id, name.name, name.kind, name.namespace))
        out.append(ToolArguments(block, told if isinstance(told, str) else to_bytes(args).decode()))
        if not (self._seals and signature):
            self._speech.keep(block, name.kind, {} if self._seals else kept, out)
        out.append(BlockEnded(block))

    def _show(self, media: Json, part: Json, out: list[Delta]) -> None:
        """A picture that the model made; sketches among its thoughts are not shown."""
        media_type, data = (read_text(media.get(key), _NAME, key) for key in ("mimeType", "data"))
        if part.get("thought"):
            return
        if not media_type.startswith("image/"):
            kind = media_type.partition("/")[0] if media_type.isascii() else ""
            message = (
                f"The model answered in a form that the Responses API cannot carry ({kind or 'untold'})."
            )
            self._fail(UpstreamFaultError(message), out)
            return
        self._hosted.close(out)
        self._speech.leave(out)
        signature = signature_of(part)
        kept: Json = {"mime_type": media_type} | ({"signature": signature} if signature else {})
        made: Json = {"status": "completed", "result": data, "output_format": media_type[6:]}
        self._hosted.tell({"type": "image_generation_call", **made}, kept, out)

    def _tell_searches(self, out: list[Delta]) -> None:
        for item in self._grounding.searches(searched=self._hosted.searched):
            self._speech.leave(out)
            self._hosted.tell(item, {"parts": []}, out)

    def _feed_finish(self, reason: Any, message: Any, out: list[Delta]) -> None:
        if isinstance(reason, str) and reason in FAULTS:
            self._fail(fault(reason, message if isinstance(message, str) else ""), out)
            return
        mapped = REASONS.get(reason) if isinstance(reason, str) else None
        if mapped is None:
            said = repr(reason) if isinstance(reason, str) else f"that is {type(reason).__name__}"
            unknown(_NAME, f"finish reason {said}")
            mapped = "end"
        if self._finish in (None, "end"):  # repeated where code ran in between; a cut is never taken back
            self._finish = mapped

    def _tell_usage(self, out: list[Delta]) -> None:
        if self._usage:
            out.append(Usage(map_usage(self._usage)))
            tier = self._usage.get("serviceTier")
            if isinstance(tier, str) and (ours := self._tiers.get(tier.lower())):
                out.append(Envelope({"service_tier": ours}))

    def _fail(self, error: APIError, out: list[Delta]) -> None:
        self._failed = True
        self._let_go(out)
        self._tell_usage(out)
        out.append(Failed(error))


def _objects(value: Any) -> list[Json]:
    return read_objects(value, _NAME, "candidates or parts")
