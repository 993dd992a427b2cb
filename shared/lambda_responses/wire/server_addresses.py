"""Addresses of MCP servers, and what in one proves who is calling.

Some services hand out addresses that have a key in their query (`https://mcp.example.com/mcp?api_key=...`).
So a query counts as a secret as headers do, whatever it says, and with it a fragment and a user's name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECRET = re.compile(r"[?#].*", re.DOTALL)
_USER = re.compile(r"^([^/]*//)([^/]*)@")


def public_address(url: str) -> str:
    """The address without what is secret in it; the same where nothing is."""
    return _USER.sub(r"\1", _SECRET.sub("", url))


def members_of(url: str) -> Iterator[tuple[str, str]]:
    """What is secret in an address, by the name that it has there, which may be none.

    Each is told as it is written, and without escapes where it has some.
    """
    place, _, fragment = url.partition("#")
    place, _, query = place.partition("?")
    user = _USER.match(place)
    for part in (*re.split("[&;]", query), *(user[2].split(":") if user else ()), fragment):
        name, named, value = part.partition("=")
        if not named:
            name, value = "", part
        for each in dict.fromkeys((value, unquote_plus(value))) if part else ():
            yield unquote_plus(name), each
