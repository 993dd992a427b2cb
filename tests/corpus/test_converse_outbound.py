"""Recorded Converse requests, lifted and rendered again: equal but for listed differences."""

from __future__ import annotations

import copy
import importlib.util
import json
from functools import cache
from typing import Any
from urllib.parse import unquote

import botocore.session
import pytest

from lambda_responses.transformers.bedrock_converse import BEDROCK_CONVERSE
from lambda_responses.wire.errors import InvalidRequestError
from tests.corpus.converse_differences import DIFFERENCES
from tests.corpus.converse_recordings import CORPUS, Json, Recording, recordings
from tests.corpus.lift_converse import CannotLift, lift

LIFTABLE = 0.95
TOOLS = CORPUS.parents[1] / "tools" / "validate_request.py"

needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="../shared/corpus/dev is absent")


@cache
def sent() -> tuple[Recording, ...]:
    return tuple(each for each in recordings() if isinstance(each.request, dict))


def can_lift(recording: Recording) -> bool:
    try:
        lift(recording.model, recording.request or {})
    except CannotLift:
        return False
    return True


@cache
def liftable() -> tuple[Recording, ...]:
    return tuple(each for each in sent() if can_lift(each))


def render(recording: Recording) -> Json:
    turn = lift(recording.model, recording.request or {})
    return json.loads(json.dumps(BEDROCK_CONVERSE.render_request(turn, recording.profile).body))


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
    rendered = render(recording)
    recorded = copy.deepcopy(recording.request or {})
    for difference in DIFFERENCES:
        difference.vanish(recorded, rendered, recording)
    assert rendered == recorded


@pytest.mark.parametrize("recording", parameters())
def test_it_is_sent_to_where_it_was_sent(recording: Recording) -> None:
    if recording.status >= 400 and refuses(recording):
        return
    turn = lift(recording.model, recording.request or {})
    path = BEDROCK_CONVERSE.render_request(turn, recording.profile).path
    head, model, operation = path.split("/")
    assert (head, operation) == ("model", "converse-stream")
    assert unquote(model) == recording.model
    assert ":" not in model


@needs_corpus
def test_every_listed_difference_is_still_met() -> None:
    unmet = {difference.name for difference in DIFFERENCES}
    for recording in liftable():
        recorded = copy.deepcopy(recording.request or {})
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


@needs_corpus
def test_what_goes_to_bedrock_is_legal_by_its_own_model(monkeypatch: pytest.MonkeyPatch) -> None:
    if not TOOLS.is_file():
        pytest.skip("../shared/tools/validate_request.py is absent")
    spec = importlib.util.spec_from_file_location("validate_request", TOOLS)
    assert spec is not None
    assert spec.loader is not None
    judge = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(judge)
    session = botocore.session.get_session()
    client = session.create_client(
        "bedrock-runtime", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    monkeypatch.setattr(session, "create_client", lambda *_, **__: client)  # one is enough for all bodies
    monkeypatch.setattr(botocore.session, "get_session", lambda: session)
    judged = 0
    for recording in liftable():
        if not refuses(recording):
            judge.check("bedrock", render(recording))
            judged += 1
    assert judged > 90
