"""Recorded Converse requests, lifted and rendered again: equal but for listed differences."""

from __future__ import annotations

import copy
import importlib.util
import json
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import botocore.session
import pytest

from lambda_responses.transformers.base import Turn
from lambda_responses.transformers.bedrock_converse import BEDROCK_CONVERSE, profiles
from lambda_responses.wire.errors import InvalidRequestError
from tests.corpus.converse_differences import DIFFERENCES
from tests.corpus.converse_recordings import CORPUS, Json, Recording, recordings
from tests.corpus.lift_converse import CannotLift, lift

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


@pytest.fixture(scope="module")
def judge() -> Iterator[Callable[[str, Json], None]]:
    """Says whether a body is legal by the vendor's own model of its API."""
    if not TOOLS.is_file():
        pytest.skip("../shared/tools/validate_request.py is absent")
    spec = importlib.util.spec_from_file_location("validate_request", TOOLS)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    session = botocore.session.get_session()
    client = session.create_client(
        "bedrock-runtime", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    with pytest.MonkeyPatch.context() as patch:  # one client is enough for all bodies
        patch.setattr(session, "create_client", lambda *_, **__: client)
        patch.setattr(botocore.session, "get_session", lambda: session)
        yield module.check


@pytest.mark.parametrize("recording", parameters())
def test_what_was_lifted_is_legal_by_bedrocks_own_model(
    recording: Recording, judge: Callable[[str, Json], None]
) -> None:
    if not refuses(recording):
        judge("bedrock", render(recording))


MODELS = (
    "us.anthropic.claude-3-7-sonnet-20250219-v1:0",
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "us.anthropic.claude-sonnet-4-6",
    "global.anthropic.claude-opus-5",
    "amazon.nova-pro-v1:0",
    "us.amazon.nova-2-lite-v1:0",
    "us.meta.llama4-scout-17b-instruct-v1:0",
    "mistral.pixtral-large-2502-v1:0",
    "mistral.mistral-large-3-675b-instruct",
    "deepseek.v3-v1:0",
    "us.deepseek.r1-v1:0",
    "qwen.qwen3-32b-v1:0",
    "openai.gpt-oss-20b-1:0",
    "cohere.command-r-plus-v1:0",
    "ai21.jamba-1-5-large-v1:0",
    "us.writer.palmyra-x5-v1:0",
    "google.gemma-3-27b-it",
    "minimax.minimax-m2",
    "moonshotai.kimi-k2.5",
    "zai.glm-4.7",
    "arn:aws:bedrock:us-east-1:012345678901:application-inference-profile/abc123",
)
SCHEMA: Json = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 0}}, "required": ["n"]}
TOOLS_OFFERED: list[Json] = [
    {"type": "function", "name": "f", "description": "Does f.", "parameters": SCHEMA, "strict": True},
    {"type": "custom", "name": "exec"},
    {"type": "namespace", "name": "dice", "tools": [{"type": "function", "name": "roll"}]},
    {"type": "web_search"},
]
SETTINGS: Json = {
    "instructions": "Be brief.",
    "max_output_tokens": 9_000,
    "temperature": 0.5,
    "top_p": 0.5,
    "reasoning": {"effort": "medium", "summary": "auto"},
    "prompt_cache_key": "k",
    "safety_identifier": "u",
    "service_tier": "flex",
    "parallel_tool_calls": False,
}
WANTED: Json = {"format": {"type": "json_schema", "name": "a", "schema": SCHEMA}}
ASKED: list[Json] = [
    {"tools": TOOLS_OFFERED},
    {"tools": TOOLS_OFFERED, "tool_choice": "none"},
    {"tools": TOOLS_OFFERED, "tool_choice": "required"},
    {"tools": TOOLS_OFFERED, "text": WANTED},
    {"text": WANTED},
    {"text": {"format": {"type": "json_object"}}},
]
SAID: list[Json] = [
    {"type": "message", "role": "developer", "content": "Be kind."},
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Look: "}]},
    {"type": "reasoning", "id": "rs_1", "summary": []},
    {"type": "message", "role": "assistant", "content": "Well."},
    {"type": "function_call", "call_id": "c?1", "name": "f", "arguments": '{"n": 1}'},
    {"type": "custom_tool_call", "call_id": "c2", "name": "exec", "input": "ls"},
    {"type": "function_call_output", "call_id": "c?1", "output": '{"ok": true}'},
    {"type": "custom_tool_call_output", "call_id": "c2", "output": ""},
    {"type": "message", "role": "user", "content": "And?"},
    {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No. "}]},
]
MEDIA: list[Json] = [
    {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo="},
    {"type": "input_file", "filename": "ä b.pdf", "file_data": "data:application/pdf;base64,JVBERg=="},
]
SIGNED = {"reasoningContent": {"reasoningText": {"text": "", "signature": "sig"}}}


def rendered_unless_refused(turn: Turn) -> Json | None:
    """The body; None where the request is refused, which must say what for."""
    try:
        return BEDROCK_CONVERSE.render_request(turn, profiles.BEDROCK).body
    except InvalidRequestError as refusal:
        if refusal.param is None:
            raise
        return None


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("model", MODELS)
def test_whatever_is_asked_of_whomever_is_legal_or_refused_by_name(
    model: str, asked: Json, judge: Callable[[str, Json], None]
) -> None:
    judged = 0
    for media in ([], MEDIA):
        seen: list[Json] = [{"type": "message", "role": "user", "content": media}] if media else []
        for origins in ({}, {"rs_1": {"content": [SIGNED]}}):
            turn = Turn(model, {**SETTINGS, **asked}, [*SAID, *seen], origins)
            body = rendered_unless_refused(turn)
            if body is None:
                continue
            judge("bedrock", json.loads(json.dumps(body)))
            messages = body["messages"]
            assert [message["role"] for message in messages[::2]] == ["user"] * ((len(messages) + 1) // 2)
            judged += 1
    assert judged or asked.keys() & {"tool_choice", "text"} or model.startswith("us.deepseek.r1")
