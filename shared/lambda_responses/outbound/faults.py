"""Why nothing came of an outbound request. None of these says what a name resolved to."""

from __future__ import annotations


class OutboundFault(Exception):
    """An outbound request that failed."""


class Refused(OutboundFault):
    """The guard does not call there: nothing was sent."""


class Unreachable(OutboundFault):
    """No such name, no connection, no certificate of that name, or no proper HTTP."""


class Interrupted(Unreachable):
    """A connection that was there broke off: what was sent may have been read."""


class TooSlow(OutboundFault):
    """The answer was not complete in time."""


class TooLarge(OutboundFault):
    """The answer has more bytes than were asked for, as sent or once unfolded."""


class Unsuccessful(OutboundFault):
    """The server answered with a status that is no success; redirects elsewhere included."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the server answered with status {status}")
        self.status = status
