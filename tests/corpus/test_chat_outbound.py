"""Recorded chat requests, lifted and rendered again: equal to the recording but for listed differences."""

from __future__ import annotations

import copy
import importlib.util
import json
from functools import cache
from typing import Any

import pytest

from lambda_responses.transformers.chat_completions import CHAT_COMPLETIONS, profiles
from lambda_responses.wire.errors import InvalidRequestError
from tests.corpus.chat_differences import DIFFERENCES
from tests.corpus.chat_recordings import CORPUS, Json, Recording, recordings
from tests.corpus.lift_chat import INEXPRESSIBLE, CannotLift, lift

LIFTABLE = 0.90
TOOLS = CORPUS.parents[1] / "tools" / "validate_request.py"

needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="../shared/corpus/dev is absent")


@cache
def sent() -> tuple[Recording, ...]:
    return tuple(each for each in recordings() if isinstance(each.request, dict))


def liftable() -> list[Recording]:
    return [each for each in sent() if can_lift(each)]


def can_lift(recording: Recording) -> bool:
    try:
        lift(recording.request or {})
    except CannotLift:
        return False
    return True


def render(recording: Recording) -> Json:
    rendered = CHAT_COMPLETIONS.render_request(lift(recording.request or {}), recording.profile)
    return json.loads(json.dumps(rendered.body))


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


@needs_corpus
def test_what_goes_to_openai_is_legal_by_its_own_types() -> None:
    if not TOOLS.is_file():
        pytest.skip("../shared/tools/validate_request.py is absent")
    spec = importlib.util.spec_from_file_location("validate_request", TOOLS)
    assert spec is not None
    assert spec.loader is not None
    judge = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(judge)
    judged = 0
    for recording in liftable():
        if recording.profile is profiles.OPENAI and recording.status < 400:
            judge.check("chat", render(recording))
            judged += 1
    assert judged > 80
