"""Which of an upstream's call ids tell calls apart, in a conversation and in the hands of a client."""

from __future__ import annotations

import re

_COUNTED = re.compile(r"call_\d{1,4}")
_LONGEST = 64


def lasting(call_id: str) -> str:
    """The id, or nothing where it names a call of one answer alone: some servers count from `call_0` in each.

    Where there is nothing the emitter mints one; the call and its result go back under that.
    """
    return "" if _COUNTED.fullmatch(call_id) or len(call_id) > _LONGEST else call_id
