"""Content that a request brings by itself: `data:` URLs and bare base64. https://www.rfc-editor.org/rfc/rfc2397

Contents may have tens of megabytes: heads are matched within bounds, and contents passed over once at most.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from urllib.parse import unquote_to_bytes

from lambda_responses.outbound.media_types import media_type_of

SCHEME = "data:"

_HEAD = re.compile(
    r"data:(?P<type>[^;,]{0,100})(?P<more>(?:;[^;,=]{1,50}=[^;,]{0,100}){0,8})(?P<base64>;base64)?,",
    re.IGNORECASE,
)
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_SEEN = 32
"""Characters of base64 that hold the bytes by which a kind of file is known."""


def is_data_url(address: str) -> bool:
    """Whether the address means content itself, well written or not."""
    return address[: len(SCHEME)].lower() == SCHEME


def is_image(address: str) -> bool:
    """Whether a `data:` URL says that it is an image, and has content in base64."""
    head = _HEAD.match(address)
    if head is None or head["base64"] is None or head.end() == len(address):
        return False
    return head["type"].lower().startswith("image/")


def as_data_url(content: str, name: str) -> str | None:
    """`data:<type>;base64,…` of a `data:` URL of any form or of bare base64; None of anything else.

    What tells no type has that of its first bytes, or else of the file's name. The same object comes back
    where nothing had to change.
    """
    if not is_data_url(content):
        base64 = _base64(content)
        return base64 and f"data:{_type_of(base64, name)};base64,{base64}"
    head = _HEAD.match(content)
    if head is None or head.end() == len(content):
        return None
    if head["type"] and head["base64"]:
        return content
    base64 = content[head.end() :]
    if not head["base64"]:
        base64 = b64encode(unquote_to_bytes(base64)).decode()
    return f"data:{head['type'] or _type_of(base64, name)}{head['more']};base64,{base64}"


def _base64(text: str) -> str | None:
    """That base64 in one line and padded, as the strictest readers want it."""
    if _BASE64.fullmatch(text) is None:
        text = text.replace("\n", "").replace("\r", "")  # as command-line tools fold it
        if _BASE64.fullmatch(text) is None:
            return None
    bare = text.rstrip("=")
    return None if len(bare) % 4 == 1 else bare + "=" * (-len(bare) % 4)


def _type_of(base64: str, name: str) -> str:
    try:
        beginning = b64decode(base64[:_SEEN])
    except ValueError:
        beginning = b""
    return media_type_of(beginning, "", name)
