"""Background responses through the official SDK for Python, whatever kind of provider answers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from openai import BadRequestError, NotFoundError, OpenAI

from tests.fakes.events import obey
from tests.fakes.official import judge_response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openai.types.responses import Response

    from tests.fakes.server import Server

Json = dict[str, Any]

SCRIPTED = "scripted/echo"
LONG = "[[slow:200]] [[pause:50]] [[words:60]]"
"""Three seconds of a model's time."""
WITHIN = 30.0
ENDLESS = "[[slow:30000]] Whoever asks for this does not wait for it."


@pytest.fixture(scope="module")
def client(working_server: Server) -> Iterator[OpenAI]:
    with OpenAI(base_url=working_server.base_url, api_key="anything", max_retries=0) as made:
        yield made


def when(client: OpenAI, response_id: str, is_so: Callable[[Response], bool]) -> Response:
    """The response as soon as that is so. It is asked for again and again, as clients do."""
    until = time.monotonic() + WITHIN
    while not is_so(response := client.responses.retrieve(response_id)):
        assert time.monotonic() < until, response.status
        time.sleep(0.05)
    return response


def ended(client: OpenAI, response_id: str) -> Response:
    return when(client, response_id, lambda response: response.status not in ("queued", "in_progress"))


def told(events: list[Any]) -> list[Json]:
    return [event.to_dict(mode="python", warnings=False) for event in events]


def judged(response: Response) -> Response:
    judge_response(response.to_dict(mode="python", warnings=False))
    return response


def test_it_is_queued_and_ends_while_nobody_waits(client: OpenAI, model: str):
    queued = judged(client.responses.create(model=model, input="Say this.", background=True))
    assert (queued.status, queued.background, queued.output) == ("queued", True, [])
    response = judged(ended(client, queued.id))
    assert (response.status, response.id, response.error) == ("completed", queued.id, None)
    foreground = client.responses.create(model=model, input="Say this.")
    assert response.output_text == foreground.output_text
    items = client.responses.input_items.list(queued.id)
    assert [item.type for item in items] == ["message"]


def test_it_is_streamed_from_its_first_moment(client: OpenAI, model: str):
    with client.responses.create(model=model, input="Say this.", background=True, stream=True) as stream:
        events = told(list(stream))
    obey(events)
    assert [event["type"] for event in events[:3]] == [
        "response.created",
        "response.queued",
        "response.in_progress",
    ]
    assert (events[0]["response"]["status"], events[-1]["type"]) == ("queued", "response.completed")
    kept = client.responses.retrieve(events[0]["response"]["id"])
    assert kept.to_dict(mode="python", warnings=False) == events[-1]["response"]


def test_a_client_that_lost_its_stream_goes_on_where_it_was(client: OpenAI, model: str):
    heard: list[Any] = []
    with client.responses.create(model=model, input=f"{LONG} Go on.", background=True, stream=True) as stream:
        for event in stream:
            heard.append(event)
            if len(heard) == 6:
                break
    id = heard[0].response.id
    running = client.responses.retrieve(id)
    with client.responses.retrieve(id, stream=True, starting_after=heard[-1].sequence_number) as stream:
        heard += list(stream)
    events = told(heard)
    obey(events)
    assert events[-1]["type"] == "response.completed"
    with client.responses.retrieve(id, stream=True) as stream:
        assert told(list(stream)) == events
    assert running.status in ("in_progress", "completed")  # a demonstration model may be as quick as that


def test_the_stream_helper_goes_on_by_the_response_id(client: OpenAI):
    with client.responses.stream(model=SCRIPTED, input=f"{LONG} On.", background=True) as stream:
        first = next(iter(stream))
        id = first.response.id if first.type == "response.created" else ""
    with client.responses.stream(response_id=id, starting_after=first.sequence_number) as stream:
        for event in stream:
            assert event.sequence_number > first.sequence_number
        final = stream.get_final_response()
    assert (final.id, final.status) == (id, "completed")
    assert len(final.output_text.split()) >= 60


def test_a_cancelled_one_stays_cancelled(client: OpenAI):
    made = client.responses.create(model=SCRIPTED, input=ENDLESS, background=True)
    when(client, made.id, lambda response: response.status == "in_progress")
    cancelled = judged(client.responses.cancel(made.id))
    assert (cancelled.id, cancelled.status, cancelled.output) == (made.id, "cancelled", [])
    assert client.responses.cancel(made.id) == cancelled
    another = client.responses.create(model=SCRIPTED, input="[[slow:1500]] Time goes by.", background=True)
    assert ended(client, another.id).status == "completed"
    assert client.responses.retrieve(made.id).status == "cancelled"


def test_whoever_listens_hears_that_it_was_cancelled(client: OpenAI):
    with client.responses.create(model=SCRIPTED, input=ENDLESS, background=True, stream=True) as stream:
        events = iter(stream)
        heard = [next(events)]
        id = heard[0].response.id  # type: ignore[union-attr]
        client.responses.cancel(id)
        heard += list(events)
    obey(told(heard))
    last = heard[-1]
    assert last.type == "response.failed"
    assert last.response.status == "cancelled"
    with client.responses.retrieve(id, stream=True) as stream:
        assert told(list(stream)) == told(heard)


def test_what_has_ended_and_what_is_no_background_cannot_be_cancelled(client: OpenAI):
    done = ended(client, client.responses.create(model=SCRIPTED, input="x", background=True).id)
    with pytest.raises(BadRequestError, match="Cannot cancel a completed response"):
        client.responses.cancel(done.id)
    foreground = client.responses.create(model=SCRIPTED, input="x")
    with pytest.raises(BadRequestError, match="Cannot cancel a synchronous response"):
        client.responses.cancel(foreground.id)
    with pytest.raises(NotFoundError):
        client.responses.cancel("resp_" + "0" * 48)


def test_a_deleted_one_is_gone_though_it_was_running(client: OpenAI):
    made = client.responses.create(model=SCRIPTED, input=ENDLESS, background=True)
    client.responses.delete(made.id)
    for gone in (client.responses.retrieve, client.responses.cancel, client.responses.delete):
        with pytest.raises(NotFoundError):
            gone(made.id)


def test_a_turn_may_follow_once_it_has_ended(client: OpenAI):
    made = client.responses.create(model=SCRIPTED, input="My name is Ada.", background=True)
    ended(client, made.id)
    following = client.responses.create(
        model=SCRIPTED, input="And mine?", previous_response_id=made.id, background=True
    )
    assert ended(client, following.id).previous_response_id == made.id
    texts = [item.content[0].text for item in client.responses.input_items.list(following.id)]  # type: ignore[union-attr]
    assert texts[0] == "And mine?"
    assert texts[-1] == "My name is Ada."


def test_nothing_follows_what_is_still_being_made(client: OpenAI):
    made = client.responses.create(model=SCRIPTED, input=ENDLESS, background=True)
    with pytest.raises(BadRequestError):
        client.responses.create(model=SCRIPTED, input="And?", previous_response_id=made.id)
    client.responses.cancel(made.id)


def test_one_that_is_not_to_be_stored_can_be_fetched_and_not_continued(client: OpenAI):
    made = client.responses.create(model=SCRIPTED, input="x", background=True, store=False)
    assert ended(client, made.id).status == "completed"
    with pytest.raises(BadRequestError):
        client.responses.create(model=SCRIPTED, input="And?", previous_response_id=made.id)


def test_a_failed_one_says_why(client: OpenAI):
    made = client.responses.create(model=SCRIPTED, input="[[fault:400]] x", background=True)
    response = judged(ended(client, made.id))
    assert response.status == "failed"
    assert response.error
    assert response.error.message


def test_a_bad_request_is_refused_at_once(client: OpenAI):
    with pytest.raises(BadRequestError) as caught:
        client.responses.create(model=SCRIPTED, input="x", background=True, temperature=3)
    assert caught.value.param == "temperature"
    with pytest.raises(BadRequestError) as caught:
        client.responses.create(model="nobody/knows", input="x", background=True, stream=True)
    assert caught.value.code == "model_not_found"


def test_a_named_request_is_queued_once(client: OpenAI):
    named = {"Idempotency-Key": "background-once"}
    first, again = (
        client.responses.with_raw_response.create(
            model=SCRIPTED, input="Once.", background=True, extra_headers=named
        )
        for _ in range(2)
    )
    assert again.parse().id == first.parse().id
    assert again.headers["idempotent-replayed"] == "true"


def test_a_named_stream_is_told_again_from_its_beginning(client: OpenAI):
    asked: Any = {
        "model": SCRIPTED,
        "input": f"{LONG} Once more.",
        "background": True,
        "stream": True,
        "extra_headers": {"Idempotency-Key": "background-stream-once"},
    }
    with client.responses.create(**asked) as stream:
        next(iter(stream))
    with client.responses.create(**asked) as stream:
        again = told(list(stream))
    obey(again)
    with client.responses.retrieve(again[0]["response"]["id"], stream=True) as stream:
        assert told(list(stream)) == again


def test_a_running_one_without_a_stream_cannot_be_streamed(client: OpenAI):
    made = client.responses.create(model=SCRIPTED, input=ENDLESS, background=True)
    with pytest.raises(BadRequestError):
        client.responses.retrieve(made.id, stream=True)
    client.responses.cancel(made.id)
