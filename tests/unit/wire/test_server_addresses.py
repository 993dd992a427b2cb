"""What in an address of a server is secret is told from what may be shown."""

from __future__ import annotations

import pytest

from lambda_responses.wire.server_addresses import members_of, public_address

ADDRESSES: dict[str, tuple[str, str, list[tuple[str, str]]]] = {
    "plain": ("https://mcp.example/mcp", "https://mcp.example/mcp", []),
    "with a key": ("https://mcp.example/mcp?api_key=k-1", "https://mcp.example/mcp", [("api_key", "k-1")]),
    "that is a key": ("https://mcp.example?k-1", "https://mcp.example", [("", "k-1")]),
    "with several": (
        "https://mcp.example/?a=1&b=x%2Fy;c=d+e",
        "https://mcp.example/",
        [("a", "1"), ("b", "x%2Fy"), ("b", "x/y"), ("c", "d+e"), ("c", "d e")],
    ),
    "with a value that has a sign": ("https://m.example/?t=a=b==", "https://m.example/", [("t", "a=b==")]),
    "with a fragment": ("https://m.example/mcp#k-1", "https://m.example/mcp", [("", "k-1")]),
    "with both": ("https://m.example/?a=1#t=2?3", "https://m.example/", [("a", "1"), ("t", "2?3")]),
    "with a fragment that looks like a query": (
        "https://m.example/#?a=1",
        "https://m.example/",
        [("?a", "1")],
    ),
    "with a user": ("https://me:pass@m.example/@x", "https://m.example/@x", [("", "me"), ("", "pass")]),
    "with lines": ("https://m.example/?a=1\nb", "https://m.example/", [("a", "1\nb")]),
    "with nothing behind it": ("https://m.example/?", "https://m.example/", []),
    "by name": ("mcp://dice", "mcp://dice", []),
    "behind a proxy": ("litellm_proxy/mcp/a,b", "litellm_proxy/mcp/a,b", []),
    "no address": ("?", "", []),
}


@pytest.mark.parametrize(("url", "shown", "members"), ADDRESSES.values(), ids=ADDRESSES)
def test_an_address_is_shown_without_what_is_secret_in_it(
    url: str, shown: str, members: list[tuple[str, str]]
):
    assert public_address(url) == shown
    assert list(members_of(url)) == members
    assert public_address(shown) == shown
