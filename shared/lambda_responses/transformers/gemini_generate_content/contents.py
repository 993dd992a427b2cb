"""The context as contents of users and the model, which take turns. https://ai.google.dev/api/caching#Content

What the model said goes back as the parts it came in, signatures on the very parts that had them. All results
of a turn's calls stand in one content of their own, one part for each call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from lambda_responses.transformers.gemini_generate_content.origins import (
    kept_of,
    parts_kept,
    split_signed,
    text_of,
)
from lambda_responses.transformers.gemini_generate_content.parts import render_parts
from lambda_responses.transformers.passages import CALLS, passages
from lambda_responses.wire.errors import UnsupportedError
from lambda_responses.wire.json import from_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lambda_responses.transformers.base import Turn
    from lambda_responses.transformers.gemini_generate_content.profile import GeminiProfile
    from lambda_responses.transformers.passages import Passage
    from lambda_responses.transformers.tool_names import ToolNames
    from lambda_responses.wire.json import Json

BEGUN_BEFORE = "[The conversation begins with the model.]"
"""What stands before a turn of the model that nothing precedes: a call must follow one of the user's."""
_FOLLOWS = "The result follows in the next message."


def render_contents(turn: Turn, profile: GeminiProfile, names: ToolNames) -> tuple[list[Json], list[Json]]:
    """What the system says, as parts, and the contents.

    Raises `InvalidRequestError`, naming the item, for what the format cannot carry, for a result without its
    call and for a call without its result.
    """
    conversation = _Conversation(turn, profile, names)
    system = list(render_parts(turn.request.get("instructions"), profile, at="instructions"))
    for passage in passages(turn.items, turn.origins, keep=conversation.made):
        match passage.role:
            case "system" | "developer":
                system += conversation.told_by_system(passage)
            case "user":
                for index, item in passage.items:
                    at = f"input[{index}].content"
                    conversation.add("user", render_parts(item.get("content"), profile, at=at))
            case "assistant":
                conversation.add_answer(passage)
    if conversation.contents:
        return system, conversation.contents
    return [], [{"role": "user", "parts": system or [{"text": " "}]}]  # somebody has to ask something


class _Conversation:
    def __init__(self, turn: Turn, profile: GeminiProfile, names: ToolNames) -> None:
        self.contents: list[Json] = []
        self._profile = profile
        self._names = names
        self._kept = kept_of(turn.items, turn.origins)
        self._whole = {id(item) for i, item in enumerate(turn.items) if self._remakes(item, i)}
        self._ids: dict[str, str] = {}
        """By call id, the id of the call upstream."""
        self._closed = False
        """Whether the last content holds results, and nothing else may."""

    def made(self, item: Json) -> bool:
        """Whether this hosted item is known by what this model said, rather than by what it shows."""
        return id(item) in self._whole

    def _remakes(self, item: Json, index: int) -> bool:
        kept = self._kept.get(index)
        return item.get("type") != "reasoning" and (
            parts_kept(kept) is not None or "mime_type" in (kept or ())
        )

    def add(self, role: str, parts: Iterable[Json], *, apart: bool = False) -> None:
        """Go on with the content of that role, or begin one; `apart` keeps it to itself."""
        told = list(parts)
        if not told:
            return
        last = self.contents[-1] if self.contents else None
        if last is None or last["role"] != role or apart or self._closed:
            self.contents.append({"role": role, "parts": told})
        else:
            last["parts"] += told
        self._closed = apart

    def told_by_system(self, passage: Passage) -> Iterator[Json]:
        """Its words; it has no others. Raises `UnsupportedError` for anything else."""
        for index, item in passage.items:
            at = f"input[{index}].content"
            for place, part in enumerate(render_parts(item.get("content"), self._profile, at=at)):
                if "text" not in part:
                    raise UnsupportedError("The system speaks in text alone here.", param=f"{at}[{place}]")
                yield part

    def add_answer(self, passage: Passage) -> None:
        """One turn of the model, and the results of what it called."""
        parts = [part for index, item in passage.items for part in self._render_said(index, item)]
        self._sign_first_call(parts)
        if parts and not self.contents:
            self.add("user", [{"text": BEGUN_BEFORE}])
        self.add("model", parts)
        calls = [item for _, item in passage.items if item.get("type") in CALLS]
        responses: list[Json] = []
        media: list[Json] = []
        for call, (index, result) in zip(calls, passage.results, strict=True):
            response, rest = self._render_result(call, index, result)
            responses.append(response)
            media += rest
        if responses:
            self.add("user", responses, apart=True)
            self.add("user", media)

    def _sign_first_call(self, parts: list[Json]) -> None:
        """A model that signs its calls asks for a signature on the first of each turn, be it another's."""
        first = next((part for part in parts if "functionCall" in part), None)
        if first is not None and self._profile.signature_placeholder:
            first.setdefault("thoughtSignature", self._profile.signature_placeholder)

    def _render_said(self, index: int, item: Json) -> Iterator[Json]:
        kept = self._kept.get(index)
        if id(item) in self._whole:
            yield from self._remade(item, kept or {})
            return
        match item.get("type"):
            case "reasoning" if kept is not None:
                text = text_of(item, "summary") or text_of(item)
                for part in split_signed(text, kept):
                    yield {**part, "thought": True}
                yield from parts_kept(kept) or ()
            case "reasoning":
                pass  # another's thoughts
            case "function_call" | "custom_tool_call":
                yield self._render_call(item, kept or {})
            case _:
                yield from split_signed(text_of(item), kept or {})

    @staticmethod
    def _remade(item: Json, kept: Json) -> Iterator[Json]:
        if "mime_type" in kept:
            image: Json = {"inlineData": {"mimeType": kept["mime_type"], "data": item.get("result") or ""}}
            yield {**image, **_signature(kept)}
        yield from parts_kept(kept) or ()

    def _render_call(self, item: Json, kept: Json) -> Json:
        kind, name = item["type"], str(item["name"])
        flat = self._names.flat(name, item.get("namespace"), kind)
        args: Any = {"input": item.get("input") or ""}
        if kind == "function_call":
            args = _read_arguments(str(item.get("arguments") or "{}"))
        call = {"id": kept.get("id") or item["call_id"], "name": flat, "args": args}
        self._ids[str(item["call_id"])] = call["id"]
        return {"functionCall": call, **_signature(kept)}

    def _render_result(self, call: Json, index: int, result: Json) -> tuple[Json, list[Json]]:
        """The response, and media that it cannot hold."""
        output: str | list[Json] = result.get("output") or ""
        held: list[Json] = []
        media: list[Json] = []
        if not isinstance(output, str):
            parts = list(render_parts(output, self._profile, at=f"input[{index}].output"))
            output = "\n".join(str(part["text"]) for part in parts if "text" in part)
            for part in parts:
                if "text" not in part:
                    (held if self._holds(part) else media).append(part)
        name = self._names.flat(str(call["name"]), call.get("namespace"), call["type"])
        response: Json = {"id": self._ids[str(call["call_id"])], "name": name}
        response["response"] = {"output": output or (_FOLLOWS if media and not held else "")}
        if held:
            response["parts"] = held
        return {"functionResponse": response}, media

    def _holds(self, part: Json) -> bool:
        media: Json = part.get("inlineData") or part.get("fileData") or {}
        return media.get("mimeType") in self._profile.response_media


def _signature(kept: Json) -> Json:
    return {"thoughtSignature": kept["signature"]} if kept.get("signature") else {}


def _read_arguments(arguments: str) -> Json:
    """A call's arguments as an object; those of a call that was cut off stand in one member."""
    try:
        read = from_text(arguments)
    except ValueError:
        read = arguments
    return cast("Json", read) if isinstance(read, dict) else {"arguments": read}
