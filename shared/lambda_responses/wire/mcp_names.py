"""What models call the tools of MCP servers by: one flat name for the server's label and the tool's own name.

Providers take names of letters, digits, `_` and `-`, 64 of them at most. The label in front keeps servers
from shadowing each other. Where a name had to be cut or changed, a hash of what it was tells it apart from
others that come to the same.
"""

from __future__ import annotations

import re
from hashlib import sha256

LONGEST_NAME = 64
"""Characters; the least that any provider takes."""

_NOT_TAKEN = re.compile(r"[^A-Za-z0-9_-]")
_BETWEEN = "__"
_HASH_DIGITS = 8


def function_name(label: str, tool: str) -> str:
    """The name under which models are offered that tool of that server."""
    name = f"{label}{_BETWEEN}{tool}"
    taken = _NOT_TAKEN.sub("_", name)
    return name if taken == name and len(name) <= LONGEST_NAME else function_name_apart(label, tool)


def made_up_tool(function: str, label: str) -> str:
    """The tool's name in one that a model has made up in that way; empty without the label in front."""
    prefix = f"{label}{_BETWEEN}"
    return function.removeprefix(prefix) if function.startswith(prefix) else ""


def function_name_apart(label: str, tool: str) -> str:
    """A name for it that no other tool has: for one whose `function_name` is another's already."""
    told_apart = sha256(f"{label}\0{tool}".encode(errors="surrogatepass")).hexdigest()[:_HASH_DIGITS]
    taken = _NOT_TAKEN.sub("_", f"{label}{_BETWEEN}{tool}")
    return f"{taken[: LONGEST_NAME - _HASH_DIGITS - 1]}_{told_apart}"
