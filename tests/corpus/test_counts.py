"""Recorded questions how long a request is: lifted and asked again, and their answers read."""

from __future__ import annotations

import csv
import json
from typing import Any

import pytest

from lambda_responses.transformers.anthropic_messages import ANTHROPIC_MESSAGES, profiles
from lambda_responses.transformers.base import CountsTokens, Turn, UpstreamFailure
from lambda_responses.transformers.gemini_generate_content import GEMINI_GENERATE_CONTENT
from lambda_responses.transformers.gemini_generate_content import profiles as gemini
from lambda_responses.transformers.openai_responses import OPENAI_RESPONSES, profile
from lambda_responses.wire.input_items import input_list
from tests.corpus import lift_anthropic, lift_gemini
from tests.corpus.chat_recordings import CORPUS

Json = dict[str, Any]

APIS = {"messages.count_tokens", "responses.input_tokens", "count_tokens"}
HINTS = {"cache_control"}
"""Members on which no count depends."""


def exchanges(*, failed: bool) -> list[Any]:
    absent = pytest.mark.skip(reason="../shared/corpus/dev is absent")
    if not CORPUS.is_dir():
        return [pytest.param({}, marks=absent, id="absent")]
    with (CORPUS / "index.csv").open() as lines:
        files = [row["file"] for row in csv.DictReader(lines) if row["api"] in APIS]
    loaded = {file: json.loads((CORPUS / file).read_text()) for file in files}
    return [
        pytest.param(each, id=file)
        for file, each in loaded.items()
        if (each["response"]["status"] >= 400) == failed and can_lift(each)
    ]


def can_lift(exchange: Json) -> bool:
    try:
        asked_again(exchange)
    except (lift_anthropic.CannotLift, lift_gemini.CannotLift):
        return False
    return True


def asked_again(exchange: Json) -> tuple[Any, Turn, Any]:
    """The format, the turn that makes it ask so, and the dialect."""
    body, model = exchange["request"]["json"], exchange["model"]
    match exchange["provider"]:
        case "anthropic":
            return (
                ANTHROPIC_MESSAGES,
                lift_anthropic.lift({"max_tokens": 1, **body}, model),
                profiles.ANTHROPIC,
            )
        case "google" | "google_vertex" as place:
            dialect = gemini.GEMINI if place == "google" else gemini.VERTEX
            return GEMINI_GENERATE_CONTENT, lift_gemini.lift(body, model), dialect
        case _:
            turn = Turn(model, body, input_list(body["input"]))
            return OPENAI_RESPONSES, turn, profile.OPENAI


def as_we_ask(body: Json) -> Json:
    """A recorded body in our way of saying the same."""
    said = without_hints(body)
    if "input" in said:
        said["input"] = input_list(said["input"])
    if "systemInstruction" in said:
        said["systemInstruction"].pop("role", None)
    if said.get("tools") == [{"googleSearch": {}}]:
        said["tools"] += [{"urlContext": {}}]
    return said


def without_hints(value: Any) -> Any:
    """The same without hints, and without settings that are empty."""
    match value:
        case dict():
            return {
                name: without_hints(member)
                for name, member in value.items()
                if name not in HINTS and (name, member) != ("generationConfig", {})
            }
        case list():
            return [without_hints(each) for each in value]
        case _:
            return value


@pytest.mark.parametrize("exchange", exchanges(failed=False))
def test_a_recorded_question_is_asked_alike_and_its_answer_read(exchange: Json) -> None:
    format, turn, dialect = asked_again(exchange)
    assert isinstance(format, CountsTokens)
    rendered = format.render_count(turn, dialect)
    assert rendered is not None
    answer = json.loads(exchange["response"]["body"])

    assert exchange["request"]["url"].partition("?")[0].endswith(rendered.path.removeprefix("v1/"))
    assert without_hints(rendered.body) == as_we_ask(exchange["request"]["json"])
    assert format.read_count(answer) in answer.values()


@pytest.mark.parametrize("exchange", exchanges(failed=True))
def test_a_model_that_nobody_has_is_told_as_an_answer_tells_it(exchange: Json) -> None:
    format, _, _ = asked_again(exchange)
    response = exchange["response"]
    error = format.map_error(UpstreamFailure(response["status"], response["headers"], response["body"]))

    assert (error.status, error.code, error.param) == (400, "model_not_found", "model")
