"""Bodies that providers of this API answered with success are served here too."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from lambda_responses.wire.context import check_calls_answered
from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.requests import check_create_request, check_input_present

Json = dict[str, Any]

CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "dev"

# What OpenAI or others serve and this server does not: moderation, and one limit of OpenAI's that vLLM does
# not have. Which servers a caller may name is known to the use case alone.
REFUSED = {
    "moderation-block-policy__0": "moderation",
    "moderation-stream__0": "moderation",
    "accepts-null-metadata__0": "max_output_tokens",
}


def recorded() -> list[Any]:
    index = CORPUS / "index.csv"
    if not index.exists():
        return [pytest.param("", marks=pytest.mark.skip(reason="needs ../shared/corpus/dev"), id="absent")]
    with index.open() as rows:
        return [
            pytest.param(row["file"], id=row["file"])
            for row in csv.DictReader(rows)
            if row["api"] == "responses" and row["status"] == "200" and "response_only" not in row["fidelity"]
        ]


def body_of(file: str) -> Json:
    return json.loads((CORPUS / file).read_text())["request"]["json"]


@pytest.mark.parametrize("file", recorded())
def test_a_recorded_request_is_served_by_a_translated_format(file: str):
    body = body_of(file)
    refused = next((param for name, param in REFUSED.items() if file.endswith(f"-{name}.json")), None)
    if refused is not None:
        with pytest.raises(InvalidRequestError) as caught:
            check_create_request(body)
        assert caught.value.param == refused
        return
    request = check_create_request(body)
    check_input_present(request)
    if not request.get("previous_response_id") and not request.get("conversation"):
        check_calls_answered(request["input"])


@pytest.mark.parametrize("file", recorded())
def test_a_recorded_request_is_served_by_a_native_format(file: str):
    body = body_of(file)
    request = check_create_request(body, native=True)
    sent = {name: value for name, value in body.items() if value is not None and name != "input"}
    assert {name: request[name] for name in sent} == sent
