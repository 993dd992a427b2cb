"""The start of a process that lives for many requests."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator


@contextmanager
def starting() -> Generator[None]:
    """Keep the garbage collector away from what is made within: modules, classes, tables.

    None of it is ever thrown away. To look through it time and again while it grows takes a tenth of a start,
    and something of the requests that follow.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collects:
            gc.enable()
