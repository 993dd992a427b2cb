"""From an operation to what Lambda calls.

A door is called in two ways, and a setting of the function says which. Where `AWS_LAMBDA_EXEC_WRAPPER` starts
`runtime.streaming`, that loop takes the door's ASGI application and sends its answer as it is made. Otherwise
Lambda's own runtime calls the door like any handler; Mangum then collects the answer.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

from mangum import Mangum

from lambda_responses.runtime.operations import application
from lambda_responses.runtime.runtime import process_runtime
from lambda_responses.runtime.settings import SettingsError
from lambda_responses.runtime.starting import starting

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from lambda_responses.runtime.operations import Operation
    from lambda_responses.runtime.runtime import Runtime
    from lambda_responses.wire.json import Json


class Door:
    """The Lambda handler of one operation."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self._adapter = functools.cache(self._adapted)

    def __call__(self, event: Json, context: Any, *, using: Runtime | None = None) -> Json:
        """The answer in one piece, for a proxy integration. Tests pass `using=`; Lambda never does."""
        answer = self._adapter(using or _deployed_runtime())
        return answer(event, context)

    def opened(self) -> ASGIApp:
        """Make all that the first request would otherwise wait for. Raises `SettingsError`."""
        runtime = _deployed_runtime()
        if self.operation.stored:
            runtime.open_store()
        if self.operation.asks_models:
            runtime.expect_models()
        return self._adapter(runtime).app

    def _adapted(self, runtime: Runtime) -> Mangum:
        return Mangum(application(self.operation, runtime=runtime), lifespan="off")


def door(operation: Operation) -> Door:
    """A Lambda handler for that operation; on Lambda, everything it needs is made at once."""
    made = Door(operation)
    if "AWS_LAMBDA_RUNTIME_API" in os.environ:
        with starting():
            made.opened()
    return made


@functools.cache
def _deployed_runtime() -> Runtime:
    runtime = process_runtime()
    if runtime.settings.auth == "none" and "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        raise SettingsError("RESPONSES_AUTH is none, which is for loopback alone.")
    return runtime
