"""Background responses where functions run as on Lambda: beside SQLite, and beside a table."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from openai import OpenAI

from lambda_responses.storage.keyed.dynamodb import table_definition
from tests.contracts.stores.emulator import emulator
from tests.hosted.hosting import Hosted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TABLE = "responses"
ACCOUNT = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
ASKED: Any = {"model": "scripted/echo", "input": "one two three", "background": True}
WITHIN = 60.0
"""Seconds in which a response has ended; a function has to start for it."""


@pytest.fixture(params=["SQLite", "DynamoDB"])
def api(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenAI]:
    """A client of the real functions; queues are a file, or those that the host keeps in memory."""
    if request.param == "SQLite":
        yield from _served(Hosted(tmp_path))
        return
    with emulator(tmp_path) as address:
        client: Any = boto3.client(
            "dynamodb", endpoint_url=address, region_name="us-east-1", **_credentials()
        )
        client.create_table(**table_definition(TABLE))
        client.close()
        store = {"RESPONSES_STORE": f"dynamodb://{TABLE}", "AWS_ENDPOINT_URL": address}
        yield from _served(Hosted(tmp_path, **store, **ACCOUNT))


def _credentials() -> dict[str, str]:
    return {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


def _served(hosted: Hosted) -> Iterator[OpenAI]:
    try:
        started = hosted.started()
        with OpenAI(base_url=started.base_url, api_key=started.key, max_retries=0) as made:
            yield made
    finally:
        hosted.stop()
    assert "Traceback" not in hosted.log


def test_what_is_queued_is_made_by_another_function(api: OpenAI):
    queued = api.responses.create(**ASKED)
    assert queued.status == "queued"
    deadline = time.monotonic() + WITHIN
    while (found := api.responses.retrieve(queued.id)).status in ("queued", "in_progress"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert (found.status, found.output_text) == ("completed", "one two three")


def test_what_streams_in_the_background_is_read_again_from_the_log(api: OpenAI):
    told = [event.to_dict() for event in api.responses.create(**ASKED, stream=True)]
    assert told[-1]["type"] == "response.completed"
    again: Any = api.responses.retrieve(told[0]["response"]["id"], stream=True, starting_after=2)
    assert [event.to_dict() for event in again] == told[3:]
