"""How long a key still opens something that was taken back: until API Gateway and the doors look again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.emulated.conftest import Revoked
    from tests.fakes.fronts import Front

pytestmark = pytest.mark.slow

GATEWAY_SECONDS = PROCESS_SECONDS = 30
"""How long API Gateway believes the authorizer; and the authorizer, or a door, what it found itself."""


def test_a_revoked_key_opens_nothing_within_a_minute(way_in: Front, revoked_in_use: Revoked):
    text, until = revoked_in_use.text, revoked_in_use.since + GATEWAY_SECONDS + PROCESS_SECONDS
    while (answer := way_in.ask("GET", "/v1/responses/resp_0", key=text)).status != 401:
        assert time.monotonic() < until
        time.sleep(0.5)  # between two looks
    assert answer.error["code"] == "invalid_api_key"
