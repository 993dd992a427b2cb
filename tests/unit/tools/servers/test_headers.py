"""Header fields that may be sent to a server of tools."""

from __future__ import annotations

import pytest

from lambda_responses.tools.servers.headers import is_field


@pytest.mark.parametrize(
    ("name", "value"),
    [("Authorization", "Bearer x"), ("x-key", "!"), ("X_Key.2", "a b\tc"), ("cookie", "a=b"), ("x", "\xe9")],
)
def test_a_plain_field_is_sent(name: str, value: str):
    assert is_field(name, value)


@pytest.mark.parametrize(
    "name",
    [
        *("", "x y", "x:y", "x\n", "\xe9", "x" * 257),
        *("Host", "content-length", "Transfer-Encoding", "CONNECTION", "accept", "Content-Type"),
        *("mcp-session-id", "MCP-Protocol-Version", "proxy-authorization", "last-event-id", "sec-fetch-mode"),
    ],
)
def test_what_is_no_name_or_this_servers_to_say_is_not_sent(name: str):
    assert not is_field(name, "x")


@pytest.mark.parametrize(
    "value", ["", " ", " x", "x ", "x\r\ny: z", "x\ny", "x\0", "\x7f", "☃", "x" * 16_385]
)
def test_what_is_no_value_is_not_sent(value: str):
    assert not is_field("x-key", value)
