"""Why there is no answer, or no whole one, in the words of the Runtime API.

A fault names the kind of an exception and its place. The text of an exception may quote what a client sent or
what a provider said, so it goes nowhere.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

ERROR_TYPE = "Lambda-Runtime-Function-Error-Type"
ERROR_BODY = "Lambda-Runtime-Function-Error-Body"

MAX_TRAILERS = 4_096
"""Bytes of trailers, with the empty line that ends them, which the Runtime API still reads."""

FRAMES, LENGTH = 8, 100
"""How much is told. Printable ASCII, escaped in JSON and then in base64, stays below that bound."""

_KIND = re.compile("[A-Z][A-Za-z0-9]*")


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong, and where."""

    kind: str
    """Such as `ConnectionResetError`."""
    message: str
    """One sentence, which everybody may read."""
    trace: tuple[str, ...] = ()
    """Places, the innermost last."""

    @property
    def type(self) -> str:
        """The kind as the Runtime API takes it: `Runtime.` and a name that begins in upper case."""
        return f"Runtime.{self.kind}" if _KIND.fullmatch(self.kind) else "Runtime.Unknown"

    def body(self) -> bytes:
        """The fault as JSON."""
        told = {"errorType": self.type, "errorMessage": self.message, "stackTrace": self.trace}
        return json.dumps(told).encode()

    def trailers(self) -> bytes:
        """The fault as lines that follow the last chunk."""
        body = base64.b64encode(self.body()).decode()
        return f"{ERROR_TYPE}: {self.type}\r\n{ERROR_BODY}: {body}\r\n".encode()


def fault_of(error: BaseException) -> Fault:
    """The kind and place of an exception; of several in a group, those of the first."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    kind = _plain(type(error).__name__)
    trace = tuple(_places(error))[-FRAMES:]
    return Fault(kind, f"{kind} in {trace[-1]}" if trace else kind, trace)


def _places(error: BaseException) -> Iterator[str]:
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        file = "/".join(code.co_filename.rsplit("/", 2)[-2:])
        yield _plain(f"{file}:{trace.tb_lineno} {code.co_qualname}")
        trace = trace.tb_next


def _plain(text: str) -> str:
    return re.sub("[^ -~]", "?", text[-LENGTH:])
