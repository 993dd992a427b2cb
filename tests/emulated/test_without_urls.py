"""The form of the template that has no function URLs: `make deploy URLS=none`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infra.emulator.stack import Stack
from tests.emulated.ways_in import RestApi

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.emulator.emulator import Emulator

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def closed(emulator: Emulator) -> Iterator[Stack]:
    deployed = Stack(emulator, "rest", name="closed")
    deployed.deploy()
    yield deployed
    deployed.delete()


def test_the_rest_api_serves_without_function_urls_and_without_their_doors_seeing_keys(closed: Stack):
    assert {"BaseUrl", "CreateResponseUrl", "GetResponseUrl"} & closed.outputs.keys() == {"BaseUrl"}
    front, key = RestApi(closed), closed.make_key()
    made = front.ask("POST", "/v1/responses", {"model": "scripted/echo", "input": "Hi"}, key=key)
    assert made.status == 200
    assert front.ask("GET", f"/v1/responses/{made.json['id']}", key=key).json == made.json
    assert front.ask("GET", f"/v1/responses/{made.json['id']}", key="sk-lr-wrong").status == 401
    front.close()
    functions = closed.client("lambda")
    for door in ("create-response", "get-response"):
        for qualifier in ({}, {"Qualifier": "live"}):
            with pytest.raises(functions.exceptions.ResourceNotFoundException):
                functions.get_function_url_config(FunctionName=f"{closed.name}-{door}", **qualifier)
