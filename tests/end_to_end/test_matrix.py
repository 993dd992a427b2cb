"""A conversation that goes from any maker to any other and back: nothing is lost, and no seal is shown."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.formats.base import Call, Thought, Words, answer, served
from tests.fakes.formats.every import DETAILS, FORMATS, INVOKED
from tests.fakes.vendor_types import judged

if TYPE_CHECKING:
    import httpx

    from tests.fakes.formats.base import Asked, Format, Said
    from tests.fakes.upstream import Exchange, Upstream

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

MAKERS: dict[str, Format] = {**FORMATS, "details": DETAILS, "invoked": INVOKED}
SEALING = {"native", "anthropic", "gemini", "converse", "details", "invoked"}
"""Makers that want something back with what they reasoned."""

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SECOND_PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)

WEATHER: Json = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a place",
    "parameters": {
        "type": "object",
        "properties": {"place": {"type": "string"}},
        "required": ["place"],
        "additionalProperties": False,
    },
    "strict": True,
}
CLOCK: Json = {"type": "function", "name": "tell_clock", "parameters": {"type": "object", "properties": {}}}
SETTINGS: Json = {
    "instructions": "Be kind",
    "tools": [WEATHER, CLOCK],
    "reasoning": {"effort": "low", "summary": "auto"},
    "max_output_tokens": 4000,
}


@dataclass
class Maker:
    """One maker's model, which says the next of what it has to say, and keeps what it was asked."""

    name: str
    format: Format
    says: list[list[Said]]
    exchanges: list[Exchange] = field(default_factory=list)

    async def __call__(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)
        said = self.says.pop(0)
        called = any(isinstance(each, Call) for each in said)
        await answer(self.format, exchange, said, "calls" if called else "end")

    @property
    def bodies(self) -> list[Json]:
        return [exchange.body for exchange in self.exchanges]

    def asked(self, number: int) -> Asked:
        """What it was asked the so-manieth time."""
        return self.format.asked(self.bodies[number])


def secret_of(name: str, number: int) -> str:
    """What a maker seals: it may be anything, so it is what all of them would take."""
    return b64encode(f"what {name} alone may read, {number}".encode()).decode()


def maker(name: str, *, number: int) -> Maker:
    """A maker that first calls two tools, or answers, as `number` says, and answers from then on."""
    thought = Thought(f"{name} thinks {number}", secret_of(name, number))
    calls = [
        Call(f"toolu_{name}_weather{'0' * 10}", "get_weather", '{"place": "Bern é"}'),
        Call(f"toolu_{name}_clock{'0' * 12}", "tell_clock", "{}"),
    ]
    words: list[list[Said]] = [[Words(f"{name} says {n}")] for n in range(number, 9)]
    turns: list[list[Said]] = [[thought, Words(f"{name} looks it up"), *calls], *words]
    return Maker(name, MAKERS[name], turns if number == 0 else [[thought, *words[0]], *words[1:]])


class Conversation:
    """A client: it lets the server remember, or brings everything along every time."""

    def __init__(self, http: httpx.AsyncClient, *, stored: bool) -> None:
        self._http, self._stored = http, stored
        self._items: list[Json] = []
        self._last: str | None = None
        self.told: list[Json] = []
        """Every response."""

    async def say(self, model: str, *items: Json) -> Json:
        """The response to these items."""
        body: Json = {"model": model, **SETTINGS}
        if self._stored:
            body |= {"input": list(items), "previous_response_id": self._last}
        else:
            self._items += items
            body |= {"input": self._items, "store": False, "include": ["reasoning.encrypted_content"]}
        answered = await self._http.post("/responses", json=body)
        assert answered.status_code == 200, answered.text
        response = answered.json()
        assert response["status"] == "completed"
        dropped = answered.headers.get("x-responses-dropped", "").split(", ")
        assert not any(re.fullmatch(r"tools\[\d+\]", path) for path in dropped)
        self._items += response["output"]
        self._last = response["id"]
        self.told.append(response)
        return response


def user(text: str, *pictures: str) -> Json:
    parts = [{"type": "input_text", "text": text}, *map(shown, pictures)]
    return {"type": "message", "role": "user", "content": parts}


def shown(picture: str) -> Json:
    return {"type": "input_image", "image_url": f"data:image/png;base64,{picture}", "detail": "auto"}


def results(response: Json) -> list[Json]:
    """The results of both calls, the later one first, one of them with a picture."""
    weather, clock = [item for item in response["output"] if item["type"] == "function_call"]
    said = [{"type": "input_text", "text": "21 degrees é"}, shown(SECOND_PIXEL)]
    return [
        {"type": "function_call_output", "call_id": clock["call_id"], "output": "noon"},
        {"type": "function_call_output", "call_id": weather["call_id"], "output": said},
    ]


@pytest.mark.parametrize("stored", [True, False], ids=["stored", "carried by the client"])
@pytest.mark.parametrize("second", MAKERS)
@pytest.mark.parametrize("first", MAKERS)
async def test_a_conversation_changes_its_maker_and_changes_back(
    http: httpx.AsyncClient, upstream: Upstream, first: str, second: str, stored: bool
):
    one, other = maker(first, number=0), maker(second, number=1)
    models = [served(upstream, each.format, each) for each in (one, other)]
    conversation = Conversation(http, stored=stored)
    begun = await conversation.say(models[0], user("Look at this é", PIXEL))
    await conversation.say(models[1], *results(begun), user("And now?"))
    await conversation.say(models[0], user("Thanks"))

    for each in (one, other):
        for body in each.bodies:
            judged(each.name, body)
    check_told(other.asked(0), first)
    check_told(one.asked(1), first)
    assert words_of(one.asked(1))[-2:] == [f"{second} says 1", "Thanks"]
    check_seals(one, other, json.dumps(conversation.told))


def check_told(asked: Asked, first: str) -> None:
    """The first turn and its results are there, in an order that makes sense."""
    assert [each.text for each in asked.of("system")] == ["Be kind"]
    assert words_of(asked)[:3] == ["Look at this é", f"{first} looks it up", "And now?"]
    weather, clock = asked.of("call")
    assert (weather.name, clock.name) == ("get_weather", "tell_clock")
    assert (json.loads(weather.text), json.loads(clock.text)) == ({"place": "Bern é"}, {})
    told = {each.id: each.text for each in asked.of("result")}
    if weather.id:
        assert len({weather.id, clock.id}) == 2
        assert told == {weather.id: "21 degrees é", clock.id: "noon"}
    else:  # told apart by their names, or by their order
        by_name = {each.name: each.text for each in asked.of("result")}
        assert by_name == {"get_weather": "21 degrees é", "tell_clock": "noon"}
    assert {each.text for each in asked.of("image")} == {PIXEL, SECOND_PIXEL}
    kinds = [each.kind for each in asked.context]
    assert kinds.index("call") < kinds.index("result")
    assert asked.tools.keys() == {"get_weather", "tell_clock"}


def words_of(asked: Asked) -> list[str]:
    return [each.text for each in asked.of("user", "assistant") if each.text]


def check_seals(one: Maker, other: Maker, told: str) -> None:
    """Each maker gets back its own, to the letter, and nothing of the other's; the client reads none."""
    mine, theirs = secret_of(one.name, 0), secret_of(other.name, 1)
    same = {theirs} if one.name == other.name else set[str]()
    returned = {each.secret for each in one.asked(1).context} - {""}
    assert returned == ({mine, *same} if one.name in SEALING else set())
    if one.name != other.name:
        assert mine not in json.dumps(other.bodies)
        assert theirs not in json.dumps(one.bodies)
    assert mine not in told
    assert theirs not in told
    for envelope in re.findall(r'"encrypted_content": "([^"]+)"', told):
        assert envelope not in json.dumps([one.bodies, other.bodies])


@pytest.mark.parametrize("first", [name for name in MAKERS if name != "chat"])
async def test_a_model_that_cannot_see_is_told_that_there_was_a_picture(
    http: httpx.AsyncClient, upstream: Upstream, first: str
):
    one, other = maker(first, number=1), maker("chat", number=1)
    begun = Conversation(http, stored=True)
    seen = await begun.say(served(upstream, one.format, one), user("Look at this", PIXEL))
    blind = {"model": f"groq/{upstream.serve(other, f'blind-after-{first}')}", "input": "And now?"}
    answered = await http.post("/responses", json={**blind, "previous_response_id": seen["id"]})
    assert answered.status_code == 200, answered.text
    assert answered.headers["x-responses-dropped"] == "previous_response_id.input_image"
    assert "[An image that this model cannot see.]" in json.dumps(other.bodies)
    shown_now = {**blind, "input": [user("Look", PIXEL)]}
    refused = await http.post("/responses", json=shown_now)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "input[0].content[1]")
