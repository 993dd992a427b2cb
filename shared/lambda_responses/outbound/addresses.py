"""Which IP addresses anybody on the internet may reach: everything else is somebody's own network.

Decided by lists of our own rather than by `ipaddress`, whose answers differ between versions and which takes
addresses that lead elsewhere (NAT64, 6to4, IPv4 in IPv6) at their face value. Sources: the special-purpose
registries of IANA, https://www.iana.org/assignments/iana-ipv4-special-registry and
https://www.iana.org/assignments/iana-ipv6-special-registry.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TypeAlias

IPAddress: TypeAlias = IPv4Address | IPv6Address
IPNetwork: TypeAlias = IPv4Network | IPv6Network

PRIVATE_V4: tuple[IPv4Network, ...] = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this host
            "10.0.0.0/8",
            "100.64.0.0/10",  # behind a carrier's NAT; metadata of some clouds
            "127.0.0.0/8",  # loopback; Lambda's runtime API
            "168.63.129.16/32",  # Azure's host, from within a virtual machine
            "169.254.0.0/16",  # link-local; metadata and credentials of most clouds
            "172.16.0.0/12",
            "192.0.0.0/24",  # protocol assignments; metadata of one cloud
            "192.0.2.0/24",  # for documentation
            "192.31.196.0/24",  # anycast sinks and relays (AS112, AMT, 6to4)
            "192.52.193.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "192.175.48.0/24",
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved; broadcast
        ),
    )
)

GLOBAL_V6 = IPv6Network("2000::/3")
"""All that is given out for use on the internet; what lies outside is local, multicast or not assigned."""

PRIVATE_V6: tuple[IPv6Network, ...] = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
            "2001:db8::/32",  # for documentation
            "2002::/16",  # 6to4, which leads to any IPv4 address
            "2620:4f:8000::/48",  # an anycast sink (AS112)
            "3fff::/20",  # for documentation
        ),
    )
)

NAT64 = IPv6Network("64:ff9b::/96")
"""Where IPv6-only networks put the IPv4 internet: the last four bytes are the address that is reached.

The local-use prefix `64:ff9b:1::/48` is outside of `GLOBAL_V6` and stays closed.
"""


def is_public(address: IPAddress) -> bool:
    """Whether anybody on the internet may reach that address."""
    address = real_address(address)
    if isinstance(address, IPv4Address):
        return not any(address in network for network in PRIVATE_V4)
    if address.scope_id is not None:
        return False
    return address in GLOBAL_V6 and not any(address in network for network in PRIVATE_V6)


def real_address(address: IPAddress) -> IPAddress:
    """The IPv4 address inside an IPv6 one that stands for it; any other address as it is."""
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address
