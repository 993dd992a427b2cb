"""From `_HANDLER` to the ASGI application behind it."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from lambda_responses.runtime.settings import SettingsError
from lambda_responses.runtime.streaming.fault import Fault, fault_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp


class EntryFault(Exception):
    """There is no application; `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def opened_application(environment: Mapping[str, str]) -> ASGIApp:
    """The application of the door that `_HANDLER` (`handler.lambda_handler`) names, with what it needs made.

    Raises `EntryFault`; the kinds are those of AWS's own client, as far as it has one.
    """
    task_root, handler = environment.get("LAMBDA_TASK_ROOT", ""), environment.get("_HANDLER", "")
    if task_root and task_root not in sys.path:
        sys.path.insert(0, task_root)
    module, _, name = handler.rpartition(".")
    if not module:
        raise EntryFault(Fault("MalformedHandlerName", f"Bad handler {handler!r}"))
    try:
        door = getattr(importlib.import_module(module.replace("/", ".")), name, None)
        if door is None:
            raise EntryFault(Fault("HandlerNotFound", f"Handler {name!r} missing on module {module!r}"))
        return door.opened()
    except EntryFault:
        raise
    except Exception as error:
        raise EntryFault(_fault_of(error, module)) from error


def _fault_of(error: Exception, module: str) -> Fault:
    """No client has been heard yet, so that what Python and the settings say of themselves may be told."""
    told = fault_of(error)
    match error:
        case SettingsError():
            return replace(told, message=str(error))
        case ImportError():
            message = f"Unable to import module {module!r}: {error}"
            return replace(told, kind="ImportModuleError", message=message)
        case SyntaxError():
            message = f"Syntax error in module {module!r}: {error}"
            return replace(told, kind="UserCodeSyntaxError", message=message)
        case _:
            return told
