"""What came of a call of an MCP tool, as `mcp_call` items tell it.

The three kinds of errors are the API's own:
https://platform.openai.com/docs/api-reference/responses/object#responses/object-output-mcp-tool-call-error
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json


@dataclass(frozen=True, slots=True)
class Outcome:
    """An output, or the error in whose place there is none."""

    output: str | None = None
    error: Json | None = None
    """One of the API's typed objects; the functions below make them."""

    @property
    def failed(self) -> bool:
        """Whether there is an error."""
        return self.error is not None


def tool_failed(text: str) -> Outcome:
    """The tool says that it has failed, or we say so in its stead."""
    return Outcome(error={"type": "mcp_tool_execution_error", "content": [{"type": "text", "text": text}]})


def protocol_failed(code: int, message: str) -> Outcome:
    """The server answered with an error of the protocol; `code` is JSON-RPC's."""
    return Outcome(error={"type": "mcp_protocol_error", "code": code, "message": message})


def http_failed(code: int, message: str) -> Outcome:
    """The server could not be asked; `code` is an HTTP status."""
    return Outcome(error={"type": "http_error", "code": code, "message": message})
