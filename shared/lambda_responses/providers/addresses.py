"""Where a request goes: a base URL, the path that a format adds to it, and what both say about the version.

Formats whose vendors leave the API's version out of the base URL bring it in their path (`v1/messages`). An
operator may have it in the address all the same, or name another stage of it there (`…/v1` for `v1beta`).
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote, urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

_VERSION = re.compile(r"v(\d+)[a-z0-9]*")


def is_address(url: str) -> bool:
    """Whether that is an http or https address with a host."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def is_loopback(url: str) -> bool:
    """Whether that address never leaves this machine."""
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def secrets_in(base_url: str) -> Iterator[str]:
    """What an operator has put into an address for nobody else to know.

    That is: a password, or a name that stands alone, and the two as the header `Authorization` has them; and
    the values of a query, but for the version of an API.
    """
    parts = urlsplit(base_url)
    name, password = unquote(parts.username or ""), unquote(parts.password or "")
    if name or password:
        yield password or name
        yield b64encode(f"{name}:{password}".encode()).decode()
    yield from (value for name, value in parse_qsl(parts.query) if name != "api-version")


def join(base_url: str, path: str, query: str = "") -> str:
    """The address of `path`, which may have a query of its own, below a base URL, which may have one too.

    Where both name a version, one stays: the operator's, if it is a stage of the version that the format
    speaks (`v1` and `v1beta`), and the format's if it is another (`v1` and `v2`).
    """
    scheme, host, root, own_query, _ = urlsplit(base_url)
    path, _, asked = path.partition("?")
    above, _, last = root.rstrip("/").rpartition("/")
    first, _, rest = path.partition("/")
    ours, theirs = _VERSION.fullmatch(last), _VERSION.fullmatch(first)
    if ours and theirs:
        version = last if ours[1] == theirs[1] else first
        joined = f"{above}/{version}/{rest}"
    else:
        joined = f"{root.rstrip('/')}/{path}"
    queries = "&".join(each for each in (asked, own_query, query) if each)
    return urlunsplit((scheme, host, joined, queries, ""))


def moved(url: str, root: str) -> str:
    """A documented address, at an operator's root instead: its path comes below the root's, not twice."""
    path, root = urlsplit(url).path.strip("/"), root.rstrip("/")
    return root if not path or root.endswith(f"/{path}") else join(root, path)


def filled(template: str, model: str) -> str:
    """A base URL with the model's id for its `{model}`: each of Azure's deployments has its own address."""
    return template.replace("{model}", quote(model, safe=""))
