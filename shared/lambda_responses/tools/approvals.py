"""Which calls somebody has to approve of before they are made.

A policy is what `require_approval` says, a request's or an operator's:
https://platform.openai.com/docs/guides/tools-connectors-mcp#approvals
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambda_responses.tools.filters import ToolFilter, read_filter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lambda_responses.tools.servers.server import ListedTool
    from lambda_responses.wire.json import Json


@dataclass(frozen=True, slots=True)
class ApprovalPolicy:
    """What one of those who have a say asks for. A tool of which nothing is said needs an approval."""

    always: ToolFilter | None = None
    """Tools whose calls need one, whatever `never` says."""
    never: ToolFilter | None = None
    """Tools whose calls need none."""

    @classmethod
    def of(cls, said: str | Json | None, *, server: str | None = None) -> ApprovalPolicy:
        """The policy that a checked `require_approval` stands for; None is `always`.

        A filter that names neither tools nor a hint means none of them. For `server` see `read_filter`.
        """
        match said:
            case None | "always":
                return ALWAYS
            case dict():
                always, never = said.get("always"), said.get("never")
                return cls(_filter(always, server), _filter(never, server))
            case _:
                return NEVER

    def needs_approval(self, tool: ListedTool) -> bool:
        """Whether calls of that tool wait for somebody."""
        if self.always is not None and self.always.passes(tool):
            return True
        return self.never is None or not self.never.passes(tool)


ALWAYS = ApprovalPolicy()
NEVER = ApprovalPolicy(never=ToolFilter())


def approval_policies(
    asked: str | Json | None, operators: ApprovalPolicy | None = None, *, server: str | None = None
) -> tuple[ApprovalPolicy, ...]:
    """Those that have a say in a server's calls: the request, and the operator where it has said something.

    The operator's policy is the default of its servers, and a request can only add to it.
    """
    if operators is None:
        return (ApprovalPolicy.of(asked, server=server),)
    return (operators,) if asked is None else (operators, ApprovalPolicy.of(asked, server=server))


def needs_approval(policies: Iterable[ApprovalPolicy], tool: ListedTool) -> bool:
    """Whether any of them asks for an approval of that tool's calls; of no policies, none does."""
    return any(policy.needs_approval(tool) for policy in policies)


def _filter(said: Json | None, server: str | None) -> ToolFilter | None:
    named = read_filter(said, server=server) if said else None
    return None if named == ToolFilter() else named
