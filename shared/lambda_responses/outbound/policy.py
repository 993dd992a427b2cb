"""Who may be called: the internet on its two usual ports, and what an operator allows besides."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_network
from typing import TYPE_CHECKING

from lambda_responses.outbound.addresses import is_public, real_address
from lambda_responses.outbound.faults import Refused
from lambda_responses.outbound.stores import is_stored, is_within, read_place
from lambda_responses.outbound.urls import PORTS, read_host, read_url

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lambda_responses.outbound.addresses import IPAddress, IPNetwork
    from lambda_responses.outbound.urls import Destination

USUAL_PORTS = frozenset(PORTS.values())
LOCAL_ENDINGS = frozenset(
    ("arpa", "corp", "home", "internal", "intranet", "lan", "local", "localdomain", "localhost", "private")
)
"""Last labels of names that no public server has."""

_ENTRY = re.compile(r"(?:\[(?P<bracketed>[^\[\]]+)\]|(?P<bare>[^:\[\]]+))(?::(?P<port>[1-9][0-9]{0,4}))?")


@dataclass(frozen=True, slots=True)
class _Exception:
    """What one entry opens: a name whatever it resolves to, or addresses by whatever name."""

    subject: str | IPNetwork
    ports: frozenset[int]

    def opens(self, host: str, address: IPAddress | None, port: int) -> bool:
        if port not in self.ports:
            return False
        if isinstance(self.subject, str):
            return host == self.subject
        return address is not None and real_address(address) in self.subject


class OutboundPolicy:
    """Public addresses on ports 80 and 443, and the exceptions in `allow`.

    An exception is a name, an address or a network (`files.corp`, `10.0.0.0/8`, `fd00::/8`), on the two ports
    or on one of its own (`files.corp:8080`, `10.0.0.0/8:9000`, `[fd00::/8]:9000`); or a bucket or a prefix in
    one (`s3://bucket`, `gs://bucket/prefix/`), which a vendor reads as this server's operator. Raises
    ValueError, in a sentence that quotes nothing, for anything else.
    """

    def __init__(self, allow: Iterable[str] = ()) -> None:
        entries = list(enumerate(allow, 1))
        self._stores = tuple(_store(place, entry) for place, entry in entries if is_stored(entry))
        self._exceptions: tuple[_Exception, ...] = tuple(
            _exception(place, entry) for place, entry in entries if not is_stored(entry)
        )

    def opening(self, place: Destination) -> OutboundPolicy:
        """The same policy, with one place besides that the operator has named: that host, on that port."""
        opened = OutboundPolicy()
        network = place.address and ip_network(real_address(place.address))
        exception = _Exception(network or place.host, frozenset((place.port,)))
        opened._stores, opened._exceptions = self._stores, (*self._exceptions, exception)
        return opened

    def permits(self, host: str, address: IPAddress, port: int) -> bool:
        """Whether a connection that was asked for by that host may go to that address."""
        return _is_on_the_web(address, port) or self._excepts(host, address, port)

    def check(self, destination: Destination) -> None:
        """Raises `Refused` for what needs no look-up to be known as closed."""
        host, address, port = destination.host, destination.address, destination.port
        if address is not None:
            if not self.permits(host, address, port):
                raise Refused
        elif not (self._may_lead_to_a_network(port) or self._opens_name(host, port)):
            raise Refused

    def check_stored(self, address: str) -> None:
        """Raises `Refused` for a place in a store that the operator did not open."""
        place = read_place(address)
        if not any(is_within(place, prefix) for prefix in self._stores):
            raise Refused

    def opens_for_us_alone(self, destination: Destination) -> bool:
        """Whether an address that is open is so by an exception: nobody on the internet may reach it.

        Of a name in an opened network that looks like any other, nothing is known before it is looked up.
        """
        host, address, port = destination.host, destination.address, destination.port
        if address is not None:
            return not _is_on_the_web(address, port)
        return self._excepts(host, None, port) or not _may_be_on_the_web(host, port)

    def _opens_name(self, host: str, port: int) -> bool:
        return self._excepts(host, None, port) or _may_be_on_the_web(host, port)

    def _excepts(self, host: str, address: IPAddress | None, port: int) -> bool:
        return any(exception.opens(host, address, port) for exception in self._exceptions)

    def _may_lead_to_a_network(self, port: int) -> bool:
        return any(port in each.ports and not isinstance(each.subject, str) for each in self._exceptions)


def check_url(url: str, policy: OutboundPolicy) -> Destination:
    """Where a URL leads. Raises `Refused` for what can be seen to be closed without looking its name up.

    That is all there is to know of an address that somebody else will fetch.
    """
    destination = read_url(url)
    policy.check(destination)
    return destination


def read_policy(text: str) -> OutboundPolicy:
    """The policy of a setting: exceptions with commas between them. Raises ValueError, quoting nothing."""
    return OutboundPolicy(entry.strip() for entry in text.split(",") if entry.strip())


def _is_on_the_web(address: IPAddress, port: int) -> bool:
    return port in USUAL_PORTS and is_public(address)


def _may_be_on_the_web(host: str, port: int) -> bool:
    _, dot, ending = host.rpartition(".")
    return port in USUAL_PORTS and bool(dot) and ending not in LOCAL_ENDINGS


def _store(place: int, entry: str) -> str:
    try:
        return read_place(entry)
    except Refused:
        raise _unreadable(place) from None


def _exception(place: int, entry: str) -> _Exception:
    network = _network(entry)
    if network is not None:
        return _Exception(network, USUAL_PORTS)
    parts = _ENTRY.fullmatch(entry)
    if parts is None or int(parts["port"] or 0) > 0xFFFF:
        raise _unreadable(place)
    subject = parts["bracketed"] or parts["bare"]
    ports = frozenset((int(parts["port"]),)) if parts["port"] else USUAL_PORTS
    try:
        return _Exception(_network(subject) or read_host(subject)[0], ports)
    except Refused:
        raise _unreadable(place) from None


def _network(text: str) -> IPNetwork | None:
    try:
        return ip_network(text)
    except ValueError:
        return None


def _unreadable(place: int) -> ValueError:
    return ValueError(f"entry {place} is no host, address or network, with or without a port, and no bucket")
