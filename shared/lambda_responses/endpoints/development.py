"""`make dev`: the whole API on this machine, with uvicorn, SQLite and an embedded model."""

from __future__ import annotations

import logging
import socket
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

import uvicorn

from lambda_responses.endpoints.application import whole_application
from lambda_responses.runtime.processes import Processes
from lambda_responses.runtime.runtime import Runtime
from lambda_responses.runtime.settings import SettingsError, local_environment

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from starlette.applications import Starlette

    from lambda_responses.queue.port import PolledQueue

HOST = "127.0.0.1"
_BANNER = """
lambda-responses is listening.

  base URL   {base_url}
  models     {models}

{callers}Try it:

  curl -s {base_url}/responses {credential}-H 'content-type: application/json' \\
    -d '{{"model": "{model}", "input": "Say hello in five words."}}'

Add "stream": true to see the answer while it is made. Stop with Ctrl-C.
"""
_CREDENTIAL = '-H "authorization: Bearer $OPENAI_API_KEY" '
_KEYS = """\
Callers show an API key. With the same settings, this makes one:

  {python} -m lambda_responses keys create

"""


def serve(environment: Mapping[str, str]) -> None:
    """Serve until interrupted. Raises `SettingsError` for an environment that cannot be used."""
    runtime = Runtime(local_environment(environment), local_model=True)
    if runtime.settings.auth == "iam":
        raise SettingsError("RESPONSES_AUTH is iam, which is for AWS: here nobody checks signatures.")
    runtime.check()
    listener = _listener(environment.get("PORT") or "8080")

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        async with _workers(runtime, environment):
            for complaint in await runtime.start():
                print(complaint, flush=True)
            print(_banner(runtime, f"http://{HOST}:{listener.getsockname()[1]}/v1"), flush=True)
            yield
        await runtime.aclose()

    config = uvicorn.Config(
        whole_application(runtime, lifespan),
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nothing stands in front, so nobody may say who asks in another's name
        timeout_graceful_shutdown=3,
    )
    logging.getLogger("uvicorn.error").addFilter(_without_text)
    uvicorn.Server(config).run(sockets=[listener])


def _workers(runtime: Runtime, environment: Mapping[str, str]) -> Processes:
    """The processes that run background responses. Beside a table there are none: functions do it."""
    local = runtime.settings.database is not None
    command = [sys.executable, "-m", "lambda_responses", "work", "--attached"]
    workers = Processes(command, runtime.settings.workers if local else 0, environment)
    if local:
        cast("PolledQueue", runtime.services.queue).on_send = workers.nudge
    return workers


def _without_text(record: logging.LogRecord) -> bool:
    """A fault that breaks an answer off, without what it says: that may quote somebody. Our line tells it."""
    record.exc_info = None
    return True


def _banner(runtime: Runtime, base_url: str) -> str:
    auth = runtime.settings.auth
    names = [model["id"] for model in runtime.services.router.models()]
    return _BANNER.format(
        base_url=base_url,
        models=_listed(names),
        model=next((name for name in names if name.startswith("local/")), names[0]),
        callers=_KEYS.format(python=sys.executable) if auth == "keys" else "",
        credential=_CREDENTIAL if auth in ("keys", "jwt") else "",
    )


def _listener(port: str) -> socket.socket:
    # With the protocol named, asyncio sets TCP_NODELAY; without, each small write waits 40 ms for its ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, int(port)))
        listener.listen(1024)
    except (OSError, ValueError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not the number of a port"
        raise SettingsError(f"PORT cannot be used: {reason}.") from None
    return listener


def _listed(names: Sequence[str], most: int = 12) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more (GET /v1/models)"
