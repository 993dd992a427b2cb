"""Which calls wait for somebody: what requests and operators say of it, and tools of themselves."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_responses.tools.approvals import ALWAYS, NEVER, ApprovalPolicy, approval_policies, needs_approval
from lambda_responses.tools.servers.server import ListedTool

READS = ListedTool("look", annotations={"readOnlyHint": True})
WRITES = ListedTool("store", annotations={"readOnlyHint": False})
SAYS_NOTHING = ListedTool("roll")
CONTRADICTS = ListedTool("wipe", annotations={"readOnlyHint": True, "destructiveHint": True})
TOOLS = (READS, WRITES, SAYS_NOTHING, CONTRADICTS)


def waiting(said: Any) -> list[str]:
    return [tool.name for tool in TOOLS if ApprovalPolicy.of(said).needs_approval(tool)]


@pytest.mark.parametrize(
    ("said", "names"),
    [
        (None, "look store roll wipe"),
        ("always", "look store roll wipe"),
        ("never", ""),
        ({}, "look store roll wipe"),
        ({"never": {"tool_names": ["roll", "look"]}}, "store wipe"),
        ({"never": {"tool_names": []}}, "look store roll wipe"),
        ({"never": {}}, "look store roll wipe"),
        ({"never": {"read_only": True}}, "store roll wipe"),
        ({"never": {"read_only": False}}, "look"),
        ({"never": {"read_only": True, "tool_names": ["store", "wipe"]}}, "look store roll wipe"),
        ({"always": {"tool_names": ["store"]}}, "look store roll wipe"),
        (
            {"always": {"tool_names": ["look"]}, "never": {"tool_names": ["look", "roll"]}},
            "look store wipe",
        ),
        (
            {"always": {"read_only": False}, "never": {"tool_names": ["look", "roll", "store"]}},
            "store roll wipe",
        ),
        ({"always": {}, "never": {"tool_names": ["roll"]}}, "look store wipe"),
        ({"always": None, "never": None}, "look store roll wipe"),
    ],
)
def test_a_call_waits_unless_it_was_said_that_it_need_not(said: Any, names: str) -> None:
    assert waiting(said) == names.split()


def test_tools_may_be_named_as_clients_of_a_proxy_name_them() -> None:
    policy = ApprovalPolicy.of({"never": {"tool_names": ["dice-roll"]}}, server="dice")
    assert not policy.needs_approval(SAYS_NOTHING)
    assert ApprovalPolicy.of({"never": {"tool_names": ["dice-roll"]}}).needs_approval(SAYS_NOTHING)


@pytest.mark.parametrize(
    ("asked", "operators", "waits"),
    [
        (None, None, True),
        ("never", None, False),
        ("always", None, True),
        (None, NEVER, False),
        ("never", NEVER, False),
        ("always", NEVER, True),
        (None, ALWAYS, True),
        ("never", ALWAYS, True),
    ],
)
def test_a_request_adds_to_what_the_operator_asks_for_and_takes_nothing_from_it(
    asked: str | None, operators: ApprovalPolicy | None, waits: bool
) -> None:
    assert needs_approval(approval_policies(asked, operators), SAYS_NOTHING) is waits
