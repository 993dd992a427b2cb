"""Which tools of a server are meant: by their names, and by whether they say that they only read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.tools.servers.server import ListedTool
    from lambda_responses.wire.json import Json


@dataclass(frozen=True, slots=True)
class ToolFilter:
    """What a tool must be; it is all of that."""

    names: frozenset[str] | None = None
    """One of these; None for any."""
    read_only: bool | None = None
    """Whether it says that it only reads; None where that does not matter."""

    def passes(self, tool: ListedTool) -> bool:
        """Whether that tool is meant."""
        if self.names is not None and tool.name not in self.names:
            return False
        return self.read_only is None or self.read_only == only_reads(tool)


def only_reads(tool: ListedTool) -> bool:
    """Whether the tool says so, and does not say that it destroys as well: then it is not taken at its word.

    It is its server that says it, and nobody has looked.
    """
    hints = tool.annotations
    return hints.get("readOnlyHint") is True and hints.get("destructiveHint") is not True


def read_filter(value: Sequence[str] | Json, *, server: str | None = None) -> ToolFilter:
    """A filter as `allowed_tools` and `require_approval` have it: names, or `{tool_names, read_only}`.

    With the name of a `server`, tools may be called `server-tool` too, as clients of LiteLLM's proxy do.
    """
    if not isinstance(value, dict):
        return ToolFilter(_names(value, server))
    names: Sequence[str] | None = value.get("tool_names")
    return ToolFilter(None if names is None else _names(names, server), value.get("read_only"))


def _names(names: Sequence[str], server: str | None) -> frozenset[str]:
    own = frozenset(names)
    return own if server is None else own | {name.removeprefix(f"{server}-") for name in names}
