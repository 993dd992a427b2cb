"""Content parts of users and tools, as content blocks. https://platform.claude.com/docs/en/api/messages"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

from lambda_responses.wire.errors import InvalidRequestError, UnsupportedError

if TYPE_CHECKING:
    from lambda_responses.transformers.anthropic_messages.profile import MessagesProfile
    from lambda_responses.wire.json import Json

IMAGES = {f"image/{name}": f"image/{name}" for name in ("jpeg", "png", "gif", "webp")} | {
    "image/jpg": "image/jpeg"
}
"""The types of images that are taken, under their proper names."""
PDF = "application/pdf"
_PDF_BEGINS = "JVBERi0"
"""`%PDF-`, in base64."""

_DATA_ADDRESS = re.compile(r"data:([\w.+/-]*)(?:;[\w=.+-]+)*?(;base64)?,", re.IGNORECASE)
_TEXTUAL = re.compile(r"text/|application/(?:[\w.-]+\+)?(?:json|xml|yaml|x-yaml|javascript|toml|sql|x-sh)\b")
_TEXT_ENDINGS = re.compile(
    r"\.(?:txt|md|markdown|csv|tsv|json|jsonl|xml|html?|ya?ml|toml|ini|log|rst|tex|css|sql|sh|py|[jt]sx?"
    r"|java|kt|c|h|cc|cpp|hpp|cs|go|rs|rb|php|swift|scala|lua|r|pl)\Z",
    re.IGNORECASE,
)


def render_text(text: str) -> list[Json]:
    """A text block; none for blank text, which the API refuses."""
    return [{"type": "text", "text": text}] if text.strip() else []


def render_content(content: str | list[Json] | None, profile: MessagesProfile, *, at: str) -> list[Json]:
    """The blocks of a message or of a tool's result.

    Raises `UnsupportedError`, naming the part, for what this server or model cannot see or read.
    """
    if content is None or isinstance(content, str):
        return render_text(content or "")
    return [
        block for index, part in enumerate(content) for block in _render_part(part, profile, f"{at}[{index}]")
    ]


def unkept_details(content: str | list[Json] | None, *, at: str) -> list[str]:
    """Where a wish for more or less detail stands, which this format has no place for."""
    parts = content if isinstance(content, list) else ()
    return [
        f"{at}[{index}].detail"
        for index, part in enumerate(parts)
        if part.get("detail") not in (None, "auto")
    ]


def texts_of(content: str | list[Json] | None, *, at: str) -> list[str]:
    """A system message's texts. Raises `UnsupportedError`, naming the part, for what is no text."""
    if content is None or isinstance(content, str):
        return [content] if content else []
    texts: list[str] = []
    for index, part in enumerate(content):
        text = part.get("text")
        if not isinstance(text, str):
            raise UnsupportedError("Here this model's provider takes text alone.", param=f"{at}[{index}]")
        texts.append(text)
    return texts


def _render_part(part: Json, profile: MessagesProfile, at: str) -> list[Json]:
    match part:
        case {"type": "input_text" | "output_text" | "text", "text": str(text)}:
            return render_text(text)
        case {"type": "refusal", "refusal": str(text)}:
            return render_text(text)
        case {"type": str(kind)} if kind not in profile.inputs:
            what = kind.removeprefix("input_")
            raise UnsupportedError(f"This model's provider does not take {what} input.", param=at)
        case {"type": "input_image", "image_url": str(address)}:
            return [{"type": "image", "source": _image_source(address, profile, at)}]
        case {"type": "input_file"}:
            return [_render_file(part, profile, at)]
        case _:
            raise UnsupportedError("This model's provider does not take this content.", param=at)


def _image_source(address: str, profile: MessagesProfile, at: str) -> Json:
    if _DATA_ADDRESS.match(address):
        type, data = _read_data(address, f"{at}.image_url")
        return _image_bytes(type, data, f"{at}.image_url")
    if "input_image" in profile.fetches:
        raise UnsupportedError("This model's provider takes an image's data alone.", param=f"{at}.image_url")
    return {"type": "url", "url": address}


def _image_bytes(type: str, data: str, at: str) -> Json:
    if type not in IMAGES:
        raise UnsupportedError(f"This model's provider does not take images of type '{type}'.", param=at)
    return {"type": "base64", "media_type": IMAGES[type], "data": data}


def _render_file(part: Json, profile: MessagesProfile, at: str) -> Json:
    name = part.get("filename")
    title = {"title": name} if name else {}
    match part:
        case {"file_data": str(address)}:
            return _render_data(address, name or "", title, f"{at}.file_data")
        case {"file_url": str(address)} if "input_file" not in profile.fetches:
            return {"type": "document", "source": {"type": "url", "url": address}, **title}
        case _:
            member = "file_url" if part.get("file_url") else "file_id"
            raise UnsupportedError(
                "This model's provider takes a file's data, not its address or id.", param=f"{at}.{member}"
            )


def _render_data(address: str, name: str, title: Json, at: str) -> Json:
    type, data = _read_data(address, at) if _DATA_ADDRESS.match(address) else ("", address)
    if type == PDF or (not _TEXTUAL.match(type) and data.startswith(_PDF_BEGINS)):
        source: Json = {"type": "base64", "media_type": PDF, "data": data}
    elif type in IMAGES:
        return {"type": "image", "source": _image_bytes(type, data, at)}
    elif _TEXTUAL.match(type) or _TEXT_ENDINGS.search(name):
        source = {"type": "text", "media_type": "text/plain", "data": _decode(data, at)}
    else:
        raise UnsupportedError("This model's provider takes PDF and text files alone.", param=at)
    return {"type": "document", "source": source, **title}


def _read_data(address: str, at: str) -> tuple[str, str]:
    """The type and the base64 text of a `data:` address."""
    head = _DATA_ADDRESS.match(address)
    if head is None or head[2] is None:
        raise InvalidRequestError("This is no base64-encoded data URL.", param=at)
    return head[1].lower(), address[head.end() :]


def _decode(data: str, at: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidRequestError("This is no base64-encoded text in UTF-8.", param=at) from None
