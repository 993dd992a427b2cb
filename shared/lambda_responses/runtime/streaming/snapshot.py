"""SnapStart: what is done before the snapshot is taken, and in each environment that is restored from it.

The hooks are those that functions register with AWS's `snapshot_restore_py`, and run in the same order:
https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-python.html
"""

from __future__ import annotations

import importlib
import random
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from lambda_responses.runtime.streaming import console
from lambda_responses.runtime.streaming.connection import ConnectionFault
from lambda_responses.runtime.streaming.fault import fault_of
from lambda_responses.runtime.streaming.runtime_api import RuntimeApiRefused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lambda_responses.runtime.streaming.fault import Fault
    from lambda_responses.runtime.streaming.runtime_api import RuntimeApi

    Hook = tuple[Callable[..., object], tuple[Any, ...], dict[str, Any]]

BEFORE_SNAPSHOT_FAILED, AFTER_RESTORE_FAILED = 64, 65


async def pass_snapshot(api: RuntimeApi) -> None:
    """Let the snapshot be taken; returns in the environment that was restored from it.

    Raises `SystemExit` where a hook or the Runtime API fails.
    """
    try:
        for function, arguments, named in reversed(_hooks("get_before_snapshot")):
            function(*arguments, **named)
        await api.restored()
    except BaseException as error:
        fault = replace(fault_of(error), kind="BeforeSnapshotError")
        await _leave(BEFORE_SNAPSHOT_FAILED, fault, api.fail_to_start)
    # The connection belongs to the environment of the snapshot, and random numbers would be the same in all
    # that come of it.
    api.drop()
    random.seed()
    try:
        for function, arguments, named in _hooks("get_after_restore"):
            function(*arguments, **named)
    except BaseException as error:
        fault = replace(fault_of(error), kind="AfterRestoreError")
        await _leave(AFTER_RESTORE_FAILED, fault, api.fail_to_restore)


async def _leave(status: int, fault: Fault, tell: Callable[[Fault], Awaitable[None]]) -> NoReturn:
    console.report("snapshot failed", fault)
    with suppress(ConnectionFault, RuntimeApiRefused):  # the exit status tells it, too
        await tell(fault)
    raise SystemExit(status)


def _hooks(which: str) -> list[Hook]:
    """Those registered; none where the library, which Lambda's Python brings, is missing."""
    try:
        library = importlib.import_module("snapshot_restore_py")
    except ImportError:
        return []
    return list(getattr(library, which)())
