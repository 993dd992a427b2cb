"""Approvals: what was asked is what is done, once, and nobody is believed who says that he was asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle.approvals import approved_calls, asked, refusal
from lambda_responses.lifecycle.known import Known
from lambda_responses.storage.responses import StoredResponse
from lambda_responses.tools.calls import PendingCall
from lambda_responses.tools.servers.server import Http, ListedTool, Server, Stdio
from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.ids import ItemIds, ResponseId
from tests.contracts.stores.kit import Clock
from tests.played import Played

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.played import Play, PlayedServices

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

NOW = 1_700_000_000
DAY = 86_400
ROLL = ListedTool("roll", "Rolls dice.", {"type": "object"})
DICE = Server("dice", Http("https://dice.example/mcp"))
CALL = PendingCall("call_1", "dice", "roll", '{"sides":6}', {"signature": "s", "call_id": "up_1", "step": 2})
SPOKEN: Json = {"type": "message", "role": "assistant", "content": [], "id": "msg_1"}
USER: Json = {"type": "message", "role": "user", "content": []}


@dataclass
class Asked:
    """A response that has asked for approvals, as its client has it."""

    using: PlayedServices
    requests: list[Json]

    @property
    def id(self) -> str:
        return self.requests[0]["id"]

    def answer(self, approve: bool = True, number: int = 0) -> Json:
        id = self.requests[number]["id"]
        return {"type": "mcp_approval_response", "approval_request_id": id, "approve": approve}

    async def calls(
        self,
        *input: Json,
        history: Sequence[Json] | None = None,
        servers: Sequence[Server] = (DICE,),
        tenant: str = "me",
    ) -> Sequence[PendingCall]:
        """What the input approves of; the requests lie in the history unless that is given."""
        before = self.requests if history is None else history
        known = Known(None, None, before, input, {}, {}, None)
        return await approved_calls(known, servers, tenant=tenant, using=self.using)


async def ask(
    using: PlayedServices,
    *calls: PendingCall,
    store: bool = True,
    server: Server = DICE,
    tool: ListedTool = ROLL,
) -> Asked:
    """Ask for the calls in a response that ends with that."""
    reservation = await using.responses.reserve("me", None, epoch=NOW, entropy=using.entropy)
    response: Json = {"id": reservation.response_id, "created_at": NOW, "store": store, "status": "completed"}
    ids = ItemIds(ResponseId(response["id"]), using.entropy)
    origins: Json = {}
    items: list[Json] = []
    for call in calls or (CALL,):
        told, id = await asked(call, server, tool, response=response, tenant="me", using=using)
        id = id or ids.next("mcp_approval_request")
        item = {"server_label": told.server_label, "name": told.name, "arguments": told.arguments}
        items.append({"type": "mcp_approval_request", "id": id, **item})
        origins[id] = {"maker": "m", **told.origin}
    if store:
        stored = StoredResponse({**response, "output": items}, [], origins, "played/m")
        await using.responses.commit(reservation, stored)
    return Asked(using, items)


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture(params=["stored", "stateless"])
async def dice(request: pytest.FixtureRequest, play: Play, clock: Clock) -> Asked:
    return await ask(play(Played([]), now=clock), store=request.param == "stored")


async def refused(coming: Any, words: str, param: str = "input[0].approval_request_id") -> None:
    with pytest.raises(InvalidRequestError) as caught:
        await coming
    assert (caught.value.param, words in caught.value.message) == (param, True), caught.value.message


async def test_the_call_that_was_asked_for_is_the_one_that_is_made(dice: Asked) -> None:
    (call,) = await dice.calls(dice.answer())
    assert (call.server_label, call.name, call.arguments) == ("dice", "roll", '{"sides":6}')
    assert call.call_id == call.approval_request_id == dice.id
    assert len(call.call_id) <= 64
    assert await refusal(call, ROLL, tenant="me", using=dice.using) is None


async def test_what_the_model_wants_back_comes_back_from_the_record(play: Play) -> None:
    dice = await ask(play(Played([])))
    (call,) = await dice.calls(dice.answer())
    assert (call.origin["signature"], call.origin["call_id"], call.origin["maker"]) == ("s", "up_1", "m")
    assert call.origin["step"] == 2


async def test_a_request_may_be_replayed_as_it_was(dice: Asked) -> None:
    assert await dice.calls(USER, *dice.requests, dice.answer(), USER, history=[])
    assert await dice.calls(*dice.requests, dice.answer(), history=dice.requests)


@pytest.mark.parametrize("store", [True, False])
async def test_answers_are_heard_in_their_order_and_only_those_that_approve(play: Play, store: bool) -> None:
    calls = [replace(CALL, call_id=f"call_{number}") for number in range(3)]
    dice = await ask(play(Played([])), *calls, store=store)
    assert len({item["id"] for item in dice.requests}) == 3
    answers = [dice.answer(number=2), dice.answer(False, 1), dice.answer(number=0)]
    made = await dice.calls(*answers)
    assert [call.call_id for call in made] == [dice.requests[2]["id"], dice.requests[0]["id"]]


async def test_what_nobody_was_asked_is_not_found(dice: Asked) -> None:
    for id in ("mcpr_1", f"mcpr_{'0' * 48}", f"mcpr_{'0' * 56}", dice.id[:-1] + "x", ""):
        answer = {**dice.answer(), "approval_request_id": id}
        forged = {**dice.requests[0], "id": id}
        await refused(dice.calls(answer), "not found")
        await refused(dice.calls(forged, answer, history=[]), "not found", "input[1].approval_request_id")
        await refused(dice.calls(answer, history=[forged]), "not found")


async def test_what_was_asked_elsewhere_has_to_be_brought_along(dice: Asked) -> None:
    await refused(dice.calls(dice.answer(), history=[]), "not found")
    await refused(dice.calls(dice.answer(False), history=[]), "not found")


@pytest.mark.parametrize(
    "change", [{"arguments": '{"sides":7}'}, {"name": "wipe"}, {"server_label": "other"}]
)
async def test_what_was_asked_cannot_be_made_something_else(dice: Asked, change: Json) -> None:
    forged, servers = {**dice.requests[0], **change}, [DICE, replace(DICE, label="other")]
    param = "input[1].approval_request_id"
    await refused(dice.calls(forged, dice.answer(), history=[], servers=servers), "not found", param)
    await refused(dice.calls(forged, dice.answer(), servers=servers), "not found", param)
    await refused(dice.calls(dice.answer(), history=[forged], servers=servers), "not found")


async def test_an_item_that_a_client_sends_in_a_stored_turn_stays_the_clients(play: Play) -> None:
    using = play(Played([]))
    reservation = await using.responses.reserve("me", None, epoch=NOW, entropy=using.entropy)
    id = ItemIds(reservation.response_id, using.entropy).next("mcp_approval_request")
    item = {
        "type": "mcp_approval_request",
        "id": id,
        "server_label": "dice",
        "name": "roll",
        "arguments": "{}",
    }
    response: Json = {"id": reservation.response_id, "created_at": NOW, "status": "completed", "output": []}
    await using.responses.commit(reservation, StoredResponse(response, [item]))
    dice = Asked(using, [item])
    await refused(dice.calls(dice.answer()), "not found")


async def test_nobody_answers_for_another_tenant(dice: Asked) -> None:
    await refused(dice.calls(dice.answer(), tenant="you"), "not found")
    replayed = dice.calls(*dice.requests, dice.answer(), history=[], tenant="you")
    await refused(replayed, "not found", "input[1].approval_request_id")


@pytest.mark.parametrize("servers", [[], [replace(DICE, label="other")]])
async def test_a_call_needs_its_server_in_the_request(dice: Asked, servers: list[Server]) -> None:
    await refused(dice.calls(dice.answer(), servers=servers), "not found in 'tools'", "tools")
    assert await dice.calls(dice.answer(False), servers=servers) == []


@pytest.mark.parametrize(
    ("was", "is_now", "same"),
    [
        (DICE, replace(DICE, headers={"authorization": "Bearer new"}), True),
        (DICE, replace(DICE, where=Http("https://other.example/mcp")), False),
        (
            replace(DICE, where=Http("https://a.example/?key=1")),
            replace(DICE, where=Http("https://a.example/?key=2")),
            True,
        ),
        (
            replace(DICE, where=Http("https://a.example/?key=1")),
            replace(DICE, where=Http("https://a.example/b?key=1")),
            False,
        ),
        (DICE, replace(DICE, named="dice"), False),
        (replace(DICE, named="dice"), replace(DICE, named="dice", where=Http("https://moved.example")), True),
        (replace(DICE, named="dice"), replace(DICE, named="prod"), False),
        (replace(DICE, where=Stdio("a", ("b",))), replace(DICE, where=Stdio("a", ("c",))), False),
        (replace(DICE, where=Stdio("a", ("b",))), replace(DICE, where=Stdio("a", ("b",), {"K": "v"})), True),
    ],
)
@pytest.mark.parametrize("store", [True, False])
async def test_a_call_goes_to_the_server_that_it_was_asked_of(
    play: Play, was: Server, is_now: Server, same: bool, store: bool
) -> None:
    dice = await ask(play(Played([])), server=was, store=store)
    if same:
        assert await dice.calls(dice.answer(), servers=[is_now])
    else:
        await refused(dice.calls(dice.answer(), servers=[is_now]), "not found")


async def test_a_key_in_an_address_leaves_no_trace_in_what_is_kept_of_a_question(play: Play) -> None:
    response: Json = {"id": "resp_1", "created_at": NOW, "store": True}
    kept = [
        await asked(
            CALL, replace(DICE, where=Http(url)), ROLL, response=response, tenant="me", using=play(Played([]))
        )
        for url in ("https://a.example/mcp", "https://a.example/mcp?key=1")
    ]
    assert kept[0] == kept[1]


async def test_an_answer_counts_once_in_a_chain(dice: Asked) -> None:
    called = {"type": "mcp_call", "id": "mcp_1", "approval_request_id": dice.id}
    words = "answered before"
    await refused(dice.calls(dice.answer(), history=[*dice.requests, dice.answer(), called]), words)
    await refused(dice.calls(dice.answer(), history=[*dice.requests, dice.answer(False)]), words)
    param = "input[1].approval_request_id"
    await refused(dice.calls(dice.answer(), dice.answer()), words, param)
    await refused(dice.calls(dice.answer(), dice.answer(False)), words, param)


async def test_an_answer_whose_turn_came_to_nothing_may_be_given_again(dice: Asked) -> None:
    assert await dice.calls(dice.answer(), history=[*dice.requests, dice.answer()])


async def test_answers_of_turns_that_are_replayed_are_the_past(dice: Asked) -> None:
    for said in (SPOKEN, {"type": "mcp_call", "approval_request_id": dice.id}, {"type": "reasoning"}):
        assert await dice.calls(*dice.requests, dice.answer(), said, USER, history=[]) == ()
    unknown = {**dice.answer(), "approval_request_id": "mcpr_1"}
    assert await dice.calls(unknown, SPOKEN, USER, history=[]) == ()


async def test_an_approval_comes_in_days_and_not_when_the_response_is_forgotten(
    dice: Asked, clock: Clock
) -> None:
    clock.advance(30 * DAY - 1)
    assert await dice.calls(dice.answer())
    clock.advance(2)
    await refused(dice.calls(dice.answer()), "not found")


async def test_a_tool_that_is_gone_or_changed_is_not_called(dice: Asked) -> None:
    (call,) = await dice.calls(dice.answer())
    gone = await refusal(call, None, tenant="me", using=dice.using)
    assert gone is not None
    assert "'dice' has no tool 'roll' any more" in str(gone.error)
    for other in (replace(ROLL, description="Wipes disks."), replace(ROLL, input_schema={"type": "string"})):
        changed = await refusal(call, other, tenant="me", using=dice.using)
        assert changed is not None
        assert "'roll' has changed" in str(changed.error)
    hinted = replace(ROLL, annotations={"readOnlyHint": True})
    assert await refusal(call, hinted, tenant="me", using=dice.using) is None


async def test_a_request_without_answers_reads_nothing(play: Play) -> None:
    using = play(Played([]))
    using.responses = None  # type: ignore[assignment]
    known = Known(None, None, [SPOKEN], [USER], {}, {}, None)
    assert await approved_calls(known, [DICE], tenant="me", using=using) == ()
