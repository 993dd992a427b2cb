"""From an operation to a Lambda handler.

Mangum turns API Gateway's events into ASGI and back. It collects an answer before it returns one, so a stream
reaches the client in one piece here; `make dev` sends each event as it is made.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

from mangum import Mangum

from lambda_responses.runtime.operations import application
from lambda_responses.runtime.services import process_runtime
from lambda_responses.runtime.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambda_responses.runtime.operations import Operation
    from lambda_responses.runtime.services import Runtime
    from lambda_responses.wire.json import Json

    Handler = Callable[..., Json]


def door(operation: Operation) -> Handler:
    """A Lambda handler for that operation. Tests pass `using=`; Lambda never does."""

    @functools.cache
    def adapter(runtime: Runtime) -> Mangum:
        return Mangum(application(operation, runtime=runtime), lifespan="off")

    @functools.wraps(operation.endpoint, assigned=("__module__", "__name__", "__doc__"))
    def lambda_handler(event: Json, context: Any, *, using: Runtime | None = None) -> Json:
        answer = adapter(using or _deployed_runtime())
        return answer(event, context)  # pyright: ignore[reportArgumentType, reportReturnType]

    return lambda_handler


@functools.cache
def _deployed_runtime() -> Runtime:
    runtime = process_runtime()
    if runtime.settings.auth == "none" and "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        raise SettingsError("RESPONSES_AUTH is none, which is for loopback alone.")
    return runtime
