"""Content parts of users and tools as Converse's blocks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lambda_responses.transformers.bedrock_converse.media import read_data, read_source
from lambda_responses.wire.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lambda_responses.transformers.bedrock_converse.media import Source
    from lambda_responses.transformers.bedrock_converse.profile import ConverseProfile, Medium
    from lambda_responses.wire.json import Json

KINDS: dict[Medium, str] = {
    "image": "input_image",
    "document": "input_file",
    "video": "input_file",
    "audio": "input_audio",
}
"""The kinds of content that media come as."""
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9()\[\]-]+")
_LONGEST_NAME = 190


class DocumentNames:
    """Names of a request's documents: of few letters, and no two alike."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def name(self, filename: str) -> str:
        """A name like the file's, without its folder and ending."""
        stem = filename.rpartition("/")[2]
        stem = stem.rpartition(".")[0] or stem
        plain = _NOT_IN_A_NAME.sub(" ", stem).strip()[:_LONGEST_NAME].strip() or "document"
        name, number = plain, 1
        while name in self._taken:
            number += 1
            name = f"{plain} {number}"
        self._taken.add(name)
        return name


def render_parts(
    content: str | list[Json] | None, profile: ConverseProfile, names: DocumentNames, *, at: str
) -> Iterator[Json]:
    """Blocks for a message's content or a tool's output, without blank text, which Bedrock refuses.

    A part after which the client wants its prompt cached is followed by a cache point. Raises
    `InvalidRequestError`, naming the part, for what cannot be read, seen or heard.
    """
    if isinstance(content, str):
        content = [{"type": "input_text", "text": content}]
    for index, part in enumerate(content or ()):
        block = _render_part(part, profile, names, at=f"{at}[{index}]")
        if block is not None:
            yield block
        if (asked := part.get("prompt_cache_breakpoint")) and "messages" in profile.cache_places:
            yield cache_point(profile, long=bool(asked.get("ttl")))


def cache_point(profile: ConverseProfile, *, long: bool) -> Json:
    """Up to here the prompt is cached: for minutes, or (`long`) an hour where that can be."""
    return {"cachePoint": {"type": "default", **({"ttl": "1h"} if long and profile.cache_hour else {})}}


def kind_of(block: Json) -> str:
    """`text`, `image`, `toolResult`, … A block has one member but for marks of its type."""
    return next((kind for kind in block if kind != "type"), "")


def _render_part(part: Json, profile: ConverseProfile, names: DocumentNames, *, at: str) -> Json | None:
    filename: Any = part.get("filename") or ""
    match part:
        case {"type": "input_text" | "output_text" | "text", "text": str(text)}:
            return {"text": text} if text.strip() else None
        case {"type": "refusal", "refusal": str(text)}:
            return {"text": text} if text.strip() else None
        case {"type": "input_image", "image_url": str(url)}:
            found = read_source(url, "", profile, at=f"{at}.image_url")
        case {"type": "input_file", "file_data": str(data)}:
            found = read_data(data, filename or "file.pdf", at=f"{at}.file_data")
        case {"type": "input_file", "file_url": str(url)}:
            found = read_source(url, filename, profile, at=f"{at}.file_url")
            filename = filename or url
        case {"type": "input_audio", "input_audio": {"data": str(data), "format": format_name}}:
            found = read_data(data, f"audio.{format_name}", at=at)
        case {"type": "input_image" | "input_file"}:
            message = "This model's provider takes a file's data, not its id."
            raise UnsupportedError(message, param=f"{at}.file_id")
        case _:
            raise UnsupportedError("This model's provider does not take this content.", param=at)
    return _render_medium(found, filename, profile, names, at=at)


def _render_medium(
    found: Source, filename: str, profile: ConverseProfile, names: DocumentNames, *, at: str
) -> Json:
    if found.medium not in profile.inputs:
        raise UnsupportedError(f"This model does not take {found.medium} input.", param=at)
    block: Json = {"format": found.format}
    if found.medium == "document":
        block["name"] = names.name(filename)
    block["source"] = found.source
    return {found.medium: block}
