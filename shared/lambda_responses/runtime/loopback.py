"""Who may ask a server that asks nobody who they are: programs and pages of its own machine.

A listener on loopback keeps other machines out, but no web page: any page that the operator opens can send
requests there, and one whose name was made to mean 127.0.0.1 could read the answers. Browsers tell of both,
in `Origin` and in `Host`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

HOST = r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?"
"""A pattern of what `Host` may say."""

ORIGIN = f"http://{HOST}"
"""A pattern of what `Origin` may say, where it says anything."""


class LoopbackOnly:
    """Lets requests of this machine through to `app`; all others get `refusal`."""

    def __init__(self, app: ASGIApp, *, refusal: ASGIApp) -> None:
        self._app = app
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        local = scope["type"] == "lifespan" or _is_local(Headers(scope=scope))
        await (self._app if local else self._refusal)(scope, receive, send)


def _is_local(headers: Headers) -> bool:
    hosts, origins = headers.getlist("host"), headers.getlist("origin")
    return (
        len(hosts) == 1
        and re.fullmatch(HOST, hosts[0], re.IGNORECASE) is not None
        and all(re.fullmatch(ORIGIN, origin) is not None for origin in origins)
    )
