"""Recorded Gemini requests, lifted and rendered again: equal to the recording but for listed differences."""

from __future__ import annotations

import copy
import importlib.util
import json
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.transformers.gemini_generate_content import GEMINI_GENERATE_CONTENT
from lambda_responses.wire.errors import InvalidRequestError
from tests.corpus.gemini_differences import DIFFERENCES
from tests.corpus.gemini_recordings import CORPUS, Json, Recording, recordings
from tests.corpus.lift_gemini import INEXPRESSIBLE, INEXPRESSIBLE_SETTINGS, CannotLift, camel, lift

if TYPE_CHECKING:
    from lambda_responses.transformers.base import Rendered

LIFTABLE = 0.95
TOOLS = CORPUS.parents[1] / "tools" / "validate_request.py"

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


def render(recording: Recording) -> Rendered:
    turn = lift(recording.request or {}, recording.model)
    return GEMINI_GENERATE_CONTENT.render_request(turn, recording.profile)


def body_of(recording: Recording) -> Json:
    return json.loads(json.dumps(render(recording).body))


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
def test_nearly_all_recorded_requests_can_be_said_in_the_responses_api() -> None:
    assert len(liftable()) / len(sent()) >= LIFTABLE


@pytest.mark.parametrize("recording", parameters())
def test_what_we_render_is_what_was_sent(recording: Recording) -> None:
    if recording.status >= 400 and refuses(recording):
        return  # as the provider did
    rendered, recorded = body_of(recording), camel(copy.deepcopy(recording.request))
    for difference in DIFFERENCES:
        difference.vanish(recorded, rendered, recording)
    assert rendered == recorded
    assert not render(recording).dropped


@needs_corpus
def test_every_listed_difference_is_still_met() -> None:
    unmet = {difference.name for difference in DIFFERENCES}
    inexpressible = {*INEXPRESSIBLE, *INEXPRESSIBLE_SETTINGS}
    for recording in liftable():
        recorded = camel(copy.deepcopy(recording.request))
        inexpressible -= recorded.keys() | (recorded.get("generationConfig") or {}).keys()
        if refuses(recording):
            continue
        rendered = body_of(recording)
        for difference in DIFFERENCES:
            before = json.dumps([recorded, rendered])
            difference.vanish(recorded, rendered, recording)
            if json.dumps([recorded, rendered]) != before:
                unmet.discard(difference.name)
    assert not unmet
    assert not inexpressible


def judge() -> Any:
    """What says whether a body is legal by Google's own types."""
    pytest.importorskip("google.genai", reason="google-genai is not installed")
    if not TOOLS.is_file():
        pytest.skip("../shared/tools/validate_request.py is absent")
    spec = importlib.util.spec_from_file_location("validate_request", TOOLS)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@needs_corpus
@pytest.mark.filterwarnings("ignore")
def test_what_goes_to_google_is_legal_by_its_own_types() -> None:
    judged, judging = 0, judge()
    for recording in liftable():
        if recording.status < 400:
            judging.check("gemini", body_of(recording))
            judged += 1
    assert judged > 150
