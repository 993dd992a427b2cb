"""From a name to the addresses that may be connected to, looked up once and then held to."""

from __future__ import annotations

import asyncio
import functools
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import TYPE_CHECKING, TypeAlias

from lambda_responses.outbound.faults import Refused, Unreachable

if TYPE_CHECKING:
    from lambda_responses.outbound.policy import OutboundPolicy

Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host, for a port; raises OSError where it has none."""


LOOKUPS_AT_ONCE = 4
"""Threads of their own: names that never resolve must not hold up the look-ups of providers."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """What the operating system says, in the order in which it would try. Raises OSError."""
    ask = functools.partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_lookups(), ask)
    return list(dict.fromkeys(str(place[0]) for *_, place in found))


@functools.cache
def _lookups() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(LOOKUPS_AT_ONCE, thread_name_prefix="lookup")


async def vetted(host: str, port: int, policy: OutboundPolicy, resolver: Resolver) -> Sequence[str]:
    """The addresses to connect to for that host, none of which needs to be looked up again.

    One closed address among several closes the host: names that mix them are made to slip through. Raises
    `Refused`, `Unreachable`.
    """
    try:
        addresses = [ip_address(found) for found in await _addresses(host, port, resolver)]
    except ValueError:
        raise Refused from None
    if not all(policy.permits(host, address, port) for address in addresses):
        raise Refused
    return [str(address) for address in addresses]


async def _addresses(host: str, port: int, resolver: Resolver) -> Sequence[str]:
    try:
        ip_address(host)
    except ValueError:
        pass
    else:
        return [host]
    try:
        found = await resolver(host, port)
    except (OSError, UnicodeError):
        raise Unreachable from None
    if not found:
        raise Unreachable
    return found
