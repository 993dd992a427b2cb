"""Content parts of users and tools, as generateContent takes them. https://ai.google.dev/api/caching#Part"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.transformers.gemini_generate_content.media import TYPES, split_data_url, type_of
from lambda_responses.wire.errors import InvalidRequestError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lambda_responses.transformers.gemini_generate_content.profile import GeminiProfile
    from lambda_responses.wire.json import Json


def render_parts(content: str | list[Json] | None, profile: GeminiProfile, *, at: str) -> Iterator[Json]:
    """A message's content; text without any is no part. Raises `InvalidRequestError`, naming the part."""
    if content is None or isinstance(content, str):
        if content:
            yield {"text": content}
        return
    for index, part in enumerate(content):
        rendered = _render_part(part, profile, at=f"{at}[{index}]")
        if rendered.get("text") != "":
            yield rendered


def _render_part(part: Json, profile: GeminiProfile, *, at: str) -> Json:
    match part:
        case {"type": "input_text" | "output_text" | "text" | "summary_text", "text": str(text)}:
            return {"text": text}
        case {"type": "refusal", "refusal": str(text)}:
            return {"text": text}
        case {"type": str(kind)} if kind not in profile.inputs:
            what = kind.removeprefix("input_")
            raise UnsupportedError(f"This model does not take {what} input.", param=at)
        case {"type": "input_image", "image_url": str(url)}:
            return _render_address(url, at=f"{at}.image_url", likely="image/")
        case {"type": "input_audio", "input_audio": {"data": str(data), "format": str(form)}}:
            return {"inlineData": {"mimeType": TYPES.get(form, f"audio/{form}"), "data": data}}
        case {"type": "input_file", "file_data": str(data)}:
            return _render_data(data, str(part.get("filename") or ""), at=f"{at}.file_data")
        case {"type": "input_file", "file_url": str(url)}:
            return _render_address(url, at=f"{at}.file_url")
        case {"type": "input_image" | "input_file", "file_id": str()}:
            raise UnsupportedError(
                "This model's provider takes a file's data or address, not its id.", param=f"{at}.file_id"
            )
        case _:
            raise UnsupportedError("This model's provider does not take this content.", param=at)


def _render_address(url: str, *, at: str, likely: str = "") -> Json:
    """Bytes in the address itself, or an address that Google opens: its storage, YouTube."""
    inline = split_data_url(url)
    if inline is None:
        told = type_of(url)
        data: Json = {"mimeType": told} if told else {}
        return {"fileData": {**data, "fileUri": url}}
    media_type, base64 = inline
    if not media_type.startswith(likely):
        raise InvalidRequestError("This is not the address of an image.", param=at)
    return _inline(media_type, base64, at=at)


def _render_data(data: str, name: str, *, at: str) -> Json:
    media_type, base64 = split_data_url(data) or ("", data)
    if media_type in ("", "application/octet-stream"):
        media_type = type_of(name) or media_type
    return _inline(media_type, base64, at=at)


def _inline(media_type: str, base64: str, *, at: str) -> Json:
    if not media_type:
        raise InvalidRequestError("The media type of this data is not known.", param=at)
    return {"inlineData": {"mimeType": media_type, "data": base64}}
