"""URLs, read in one strict way: where programs read one differently, it is refused rather than guessed at.

The forms that resolvers take for an IPv4 address (decimal, hexadecimal, octal, short) are those of
https://url.spec.whatwg.org/#concept-ipv4-parser; only the plain dotted one passes here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from lambda_responses.outbound.faults import Refused

if TYPE_CHECKING:
    from lambda_responses.outbound.addresses import IPAddress

PORTS = {"http": 80, "https": 443}
LONGEST_URL = 8_192
LONGEST_NAME = 253

_BEGINNING = re.compile(r"https?://[^/]", re.IGNORECASE)
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\\\ud800-\udfff]")
_AUTHORITY = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[^:\[\]@%]+))(?::(?P<port>[1-9][0-9]{0,4}))?"
)
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?!.{{{LONGEST_NAME + 1}}}){_LABEL}(?:\.{_LABEL})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_KEPT = "%!$&'()*+,/:;=?@[]"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a URL leads."""

    scheme: str
    """`http` or `https`."""
    host: str
    """A name in lower-case ASCII without a dot at its end, or an IP address without brackets."""
    port: int
    target: str
    """Path and query in ASCII, as the request line has them."""
    address: IPAddress | None = None
    """The host, where it is an address."""

    @property
    def authority(self) -> str:
        """The `Host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> tuple[str, str, int]:
        """What redirects stay within."""
        return self.scheme, self.host, self.port

    @property
    def url(self) -> str:
        """The URL again, plainly written."""
        return f"{self.scheme}://{self.authority}{self.target}"


def read_url(url: str) -> Destination:
    """Where an `http` or `https` URL leads. Raises `Refused` for any that is not plainly written.

    That is: credentials in it, a port of 0, white space and the like, an IPv4 address that is not four plain
    numbers, a zone, a name that is none.
    """
    if len(url) > LONGEST_URL or _UNSAFE.search(url) or not _BEGINNING.match(url):
        raise Refused
    try:
        parts = urlsplit(url)
    except ValueError:
        raise Refused from None
    authority = _AUTHORITY.fullmatch(parts.netloc)
    if authority is None:
        raise Refused
    port = int(authority["port"] or PORTS[parts.scheme])
    if port > 0xFFFF:
        raise Refused
    host, address = _address(authority["v6"]) if authority["v6"] else _name(authority["name"])
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return Destination(parts.scheme, host, port, quote(target, safe=_KEPT), address)


def read_host(host: str) -> tuple[str, IPAddress | None]:
    """A host without brackets, as `Destination` has it. Raises `Refused`."""
    return _address(host) if ":" in host else _name(host)


def _address(text: str) -> tuple[str, IPAddress]:
    try:
        address = IPv6Address(text)
    except AddressValueError:
        raise Refused from None
    return str(address), address


def _name(text: str) -> tuple[str, IPAddress | None]:
    name = text.lower() if text.isascii() else _in_ascii(text)
    if _NAME.fullmatch(name) is None:
        raise Refused
    if _NUMBER.fullmatch(name.rpartition(".")[2]) is None:
        return name, None
    # Whoever writes an address in other digits than ASCII's means to get it past somebody.
    if not text.isascii():
        raise Refused
    try:
        return name, IPv4Address(name)
    except AddressValueError:
        raise Refused from None


def _in_ascii(name: str) -> str:
    import idna  # its tables take milliseconds, and few names need them

    if len(name) > LONGEST_NAME:
        raise Refused
    try:
        return idna.encode(name.lower()).decode()
    except UnicodeError:
        raise Refused from None
