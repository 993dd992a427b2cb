"""Content parts of users and tools, as chat servers take them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambda_responses.wire.errors import UnsupportedError

if TYPE_CHECKING:
    from lambda_responses.transformers.chat_completions.profile import ChatProfile
    from lambda_responses.wire.json import Json


def render_content(content: str | list[Json] | None, profile: ChatProfile, *, at: str) -> str | list[Json]:
    """A message's content; text alone becomes a string, which every server takes.

    Raises `UnsupportedError`, naming the part, for what this server or model cannot see or hear.
    """
    if content is None or isinstance(content, str):
        return content or ""
    parts = [_render_part(part, profile, at=f"{at}[{index}]") for index, part in enumerate(content)]
    return str(parts[0]["text"]) if len(parts) == 1 and parts[0]["type"] == "text" else parts


def split_output(output: list[Json], profile: ChatProfile, *, at: str) -> tuple[str, list[Json]]:
    """A tool's result as text, and the media that a tool message cannot hold."""
    texts: list[str] = []
    media: list[Json] = []
    for index, part in enumerate(output):
        rendered = _render_part(part, profile, at=f"{at}[{index}]")
        if rendered["type"] == "text":
            texts.append(str(rendered["text"]))
        else:
            media.append(rendered)
    if media and not texts:
        texts.append("The result follows in the next message.")
    return "\n".join(texts), media


def _render_part(part: Json, profile: ChatProfile, *, at: str) -> Json:
    match part:
        case {"type": "input_text" | "output_text" | "text", "text": str(text)}:
            return {"type": "text", "text": text}
        case {"type": "refusal", "refusal": str(text)}:
            return {"type": "text", "text": text}
        case {"type": str(kind)} if kind not in profile.inputs:
            what = kind.removeprefix("input_")
            raise UnsupportedError(f"This model's provider does not take {what} input.", param=at)
        case {"type": "input_image", "image_url": str(url)}:
            image: Json = {"url": url}
            if profile.image_detail and part.get("detail") in ("low", "high"):
                image["detail"] = part["detail"]
            return {"type": "image_url", "image_url": image}
        case {"type": "input_audio", "input_audio": {"data": str(data), "format": format} as audio}:
            match profile.audio_as:
                case "object":
                    return {"type": "input_audio", "input_audio": audio}
                case "data":
                    return {"type": "input_audio", "input_audio": data}
                case "address":
                    address = {"data": f"data:audio/{format};base64,{data}", "format": format}
                    return {"type": "input_audio", "input_audio": address}
        case {"type": "input_file"}:
            return _render_file(part, profile, at=at)
        case _:
            raise UnsupportedError("This model's provider does not take this content.", param=at)


def _render_file(part: Json, profile: ChatProfile, *, at: str) -> Json:
    data, url, name = part.get("file_data"), part.get("file_url"), part.get("filename")
    if profile.files_as == "document_url" and (data or url):
        document: dict[str, Any] = {"type": "document_url", "document_url": url or data}
        return document | ({"document_name": name} if name else {})
    if data:
        return {"type": "file", "file": {"filename": name or "file", "file_data": data}}
    raise UnsupportedError(
        "This model's provider takes a file's data, not its address or id.",
        param=f"{at}.{'file_url' if url else 'file_id'}",
    )
