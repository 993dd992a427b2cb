"""The head of an answer: one JSON object and eight NUL bytes, before the body.

A REST API reads `statusCode`, `headers`, `multiValueHeaders` and `cookies`; a function URL knows all but
`multiValueHeaders`, so there a repeated header becomes one, which RFC 9110 (5.3) calls the same:
https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html
"""

from __future__ import annotations

import json
import re
from operator import index
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

DELIMITER = bytes(8)
MAX_PRELUDE = 16 * 1024
"""Bytes within which API Gateway looks for the delimiter."""

OF_THE_CONNECTION = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Headers about the connection (RFC 9110, 7.6.1): to the client, there is another one."""

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class UnusablePrelude(Exception):
    """The application made a status or a header that no HTTP answer can have, or too many."""


def render_prelude(status: int, headers: Iterable[tuple[bytes, bytes]], *, repeats: bool) -> bytes:
    """The prelude with its delimiter; `repeats` where a name may stand twice. Raises `UnusablePrelude`."""
    try:
        named = _named(headers)
        prelude = json.dumps(_prelude(index(status), named, repeats=repeats)).encode() + DELIMITER
        usable = 200 <= status <= 599 and all(
            _NAME.fullmatch(name) and all(map(_VALUE.fullmatch, values)) for name, values in named.items()
        )
    except Exception as error:  # types that HTTP knows nothing of
        raise UnusablePrelude from error
    if not usable or len(prelude) > MAX_PRELUDE:
        raise UnusablePrelude
    return prelude


def _named(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, list[str]]:
    named: dict[str, list[str]] = {}
    for name, value in headers:
        named.setdefault(name.decode("ascii").lower(), []).append(value.decode("latin-1"))
    return {name: values for name, values in named.items() if name not in OF_THE_CONNECTION}


def _prelude(status: int, named: dict[str, list[str]], *, repeats: bool) -> dict[str, Any]:
    single = {name: values for name, values in named.items() if name != "set-cookie"}
    multiple = {name: values for name, values in single.items() if repeats and len(values) > 1}
    prelude: dict[str, Any] = {
        "statusCode": status,
        "headers": {name: ", ".join(values) for name, values in single.items() if name not in multiple},
    }
    if multiple:
        prelude["multiValueHeaders"] = multiple
    if cookies := named.get("set-cookie"):
        prelude["cookies"] = cookies
    return prelude
