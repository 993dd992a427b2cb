"""Recorded Messages requests, lifted and rendered again: what was sent, but for listed differences."""

from __future__ import annotations

import copy
import importlib.util
import json
from functools import cache
from typing import Any

import pydantic
import pytest

from lambda_responses.transformers.anthropic_messages import ANTHROPIC_MESSAGES, profiles
from lambda_responses.wire.errors import InvalidRequestError
from tests.corpus.anthropic_differences import DIFFERENCES
from tests.corpus.anthropic_recordings import CORPUS, Json, Recording, recordings
from tests.corpus.lift_anthropic import INEXPRESSIBLE, CannotLift, lift

LIFTABLE = 0.90
TOOLS = CORPUS.parents[1] / "tools" / "validate_request.py"
BEYOND_THE_TYPES = ("compaction", "mcp_tool_use", "advisor_tool_result", "advisor")
"""Blocks of betas, for which the SDK's stable types have no place."""

needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="../shared/corpus/dev is absent")


@cache
def sent() -> tuple[Recording, ...]:
    return tuple(each for each in recordings() if isinstance(each.request, dict))


def liftable() -> list[Recording]:
    return [each for each in sent() if can_lift(each)]


def can_lift(recording: Recording) -> bool:
    try:
        lift(recording.request or {}, recording.model)
    except CannotLift:
        return False
    return True


def render(recording: Recording) -> Json:
    turn = lift(recording.request or {}, recording.model)
    return json.loads(json.dumps(ANTHROPIC_MESSAGES.render_request(turn, recording.profile).body))


def refuses(recording: Recording) -> bool:
    try:
        render(recording)
    except InvalidRequestError as refused:
        return refused.param is not None
    return False


def parameters() -> list[Any]:
    absent = pytest.mark.skip(reason="../shared/corpus/dev is absent")
    found = [pytest.param(each, id=each.file) for each in liftable()]
    return found or [pytest.param(None, marks=absent, id="absent")]


@needs_corpus
def test_nine_of_ten_recorded_requests_can_be_said_in_the_responses_api() -> None:
    assert len(liftable()) / len(sent()) >= LIFTABLE


@pytest.mark.parametrize("recording", parameters())
def test_what_we_render_is_what_was_sent(recording: Recording) -> None:
    if recording.status >= 400 and refuses(recording):
        return  # as the provider did
    rendered = render(recording)
    recorded = copy.deepcopy(recording.request or {})
    for difference in DIFFERENCES:
        difference.vanish(recorded, rendered, recording)
    assert rendered == recorded


@needs_corpus
def test_every_listed_difference_is_still_met() -> None:
    unmet = {difference.name for difference in DIFFERENCES}
    inexpressible = set(INEXPRESSIBLE)
    for recording in liftable():
        recorded = copy.deepcopy(recording.request or {})
        inexpressible -= recorded.keys()
        try:
            rendered = render(recording)
        except InvalidRequestError:
            continue
        for difference in DIFFERENCES:
            before = json.dumps([recorded, rendered])
            difference.vanish(recorded, rendered, recording)
            if json.dumps([recorded, rendered]) != before:
                unmet.discard(difference.name)
    assert not unmet
    assert not inexpressible


def as_typed(body: Json, recording: Recording) -> Json:
    """The body as the present SDK types have it: by address, for new models, with the head of schemas alone.

    The types leave a schema's other keywords open, which the judge takes for unknown; and they have given up
    sampling, which older models take.
    """
    if recording.profile is not profiles.ANTHROPIC:
        del body["anthropic_version"]
        body |= {"model": recording.model, "stream": True}
    for tool in body.get("tools") or ():
        if "input_schema" in tool:
            schema = tool["input_schema"]
            known = schema.keys() & {"type", "properties", "required"}
            tool["input_schema"] = {key: schema[key] for key in known}
    for name in recording.profile.for_model(recording.model).sampling:
        body.pop(name, None)
    return body


@needs_corpus
def test_what_is_sent_is_legal_by_the_vendors_own_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bedrock and Vertex take the same body without the members that stand in their paths."""
    if not TOOLS.is_file() or importlib.util.find_spec("anthropic") is None:
        pytest.skip("needs ../shared/tools/validate_request.py and the anthropic SDK")
    spec = importlib.util.spec_from_file_location("validate_request", TOOLS)
    assert spec is not None
    assert spec.loader is not None
    monkeypatch.setattr(pydantic, "TypeAdapter", cache(pydantic.TypeAdapter))  # which takes long to make
    judge = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(judge)
    judged = 0
    for recording in liftable():
        if recording.status >= 400 and refuses(recording):
            continue
        body = render(recording)
        if any(f'"{name}"' in json.dumps(body["messages"]) for name in BEYOND_THE_TYPES):
            continue
        judge.check("anthropic", as_typed(body, recording))
        judged += 1
    assert judged > 180
