"""What a file is: by its first bytes, then by what its server says, then by its name.

Servers mislabel images, and models refuse images whose label is wrong.
"""

from __future__ import annotations

BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
)

SAYS_NOTHING = frozenset(
    (
        "",
        "application/octet-stream",
        "binary/octet-stream",
        "application/force-download",
        "application/x-download",
    )
)
"""What servers say of a file when they do not know it, or want it saved."""

ENDINGS: dict[str, str] = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "html": "text/html",
    "htm": "text/html",
    "xml": "text/xml",
    "json": "application/json",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}
"""By what stands after a name's last dot. Of several endings of one type, the usual one comes first."""

UNKNOWN = "application/octet-stream"
ANONYMOUS = "file"
LONGEST_NAME = 200


def media_type_of(data: bytes, declared: str, name: str) -> str:
    """`type/subtype` in lower case; `declared` is the server's `Content-Type`."""
    seen = _seen(data)
    if seen is not None:
        return seen
    said = declared.partition(";")[0].strip().lower()
    if said not in SAYS_NOTHING and said.count("/") == 1:
        return said
    return ENDINGS.get(_ending(name), UNKNOWN)


def file_name(name: str, media_type: str) -> str:
    """A name to give the file: printable, bounded, and with an ending that fits where one is known."""
    plain = "".join(character for character in name if character.isprintable() and character not in '/\\"')
    plain = plain[-LONGEST_NAME:].strip(". ") or ANONYMOUS
    usual = next((ending for ending, kind in ENDINGS.items() if kind == media_type), None)
    if usual is None or ENDINGS.get(_ending(plain)) == media_type:
        return plain
    return f"{plain}.{usual}"


def _seen(data: bytes) -> str | None:
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for beginning, kind in BEGINNINGS if data.startswith(beginning)), None)


def _ending(name: str) -> str:
    _, dot, ending = name.rpartition(".")
    return ending.lower() if dot else ""
