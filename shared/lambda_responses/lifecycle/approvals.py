"""Calls that somebody has to approve of: how they are asked for, and how they are made once approved.

A request for an approval ends its response, and nothing waits: what was asked lies in that response's record,
or, where nobody keeps one, in the id that the client brings back. So an answer may come days later, to any
process. The call that is made then is the one that was asked for, with those arguments, and of that server:
what a client sends along of it only has to be the same.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from lambda_responses.sealing.approval_ids import asked_at, is_of_tool, is_sealed_id, sealed_id
from lambda_responses.tools.calls import PendingCall
from lambda_responses.tools.servers.server import Http
from lambda_responses.tools.tool_text import pin_of
from lambda_responses.wire.context import ANSWERS
from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.faults import clip
from lambda_responses.wire.server_addresses import public_address
from lambda_responses.wire.tool_outcomes import tool_failed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lambda_responses.lifecycle.known import Known
    from lambda_responses.lifecycle.ports import Services
    from lambda_responses.sealing.sealer import Sealer
    from lambda_responses.storage.records import StoredItem
    from lambda_responses.tools.servers.server import ListedTool, Server
    from lambda_responses.wire.json import Json
    from lambda_responses.wire.tool_outcomes import Outcome

REQUEST, ANSWER = "mcp_approval_request", "mcp_approval_response"

APPROVAL = "approval"
"""In an origin: of a request, what was asked; of a call that was approved, the tool that it was asked of."""

_CLIENTS = frozenset(
    {REQUEST, ANSWER, *ANSWERS, "additional_tools", "configuration_update", "compaction_trigger"}
)
"""Types of items that a client may send behind its answer; all others come from turns after that."""


async def asked(
    call: PendingCall, server: Server, tool: ListedTool, *, response: Json, tenant: str, using: Services
) -> tuple[PendingCall, str | None]:
    """A call as somebody is asked for it in that response: with what is kept beside the item, and its id.

    The id is None where a record will prove what was asked, and the item may have any.
    """
    about: Json = {"asked_at": response["created_at"], "of": _address(server), "tool": pin_of(tool)}
    call = replace(call, origin={**call.origin, APPROVAL: about})
    if response.get("store") is not False:
        return call, None
    sealer = await using.sealer(tenant)
    chance = sha256(f"{response['id']} {call.call_id}".encode()).hexdigest()[:8]  # told again, it is the same
    said = (server.label, about["of"], call.name, call.arguments)
    return call, sealed_id(sealer, said, tool=about["tool"], asked_at=about["asked_at"], chance=chance)


async def approved_calls(
    known: Known, servers: Sequence[Server], *, tenant: str, using: Services
) -> Sequence[PendingCall]:
    """The calls that a request approves of, in the order of its answers, to be made before a model is asked.

    Raises `InvalidRequestError` for an answer to what was not asked, or was answered in this chain, or is
    none of the request's `servers` to do. What another tenant was asked counts as not asked.
    """
    answers = _answers(known.input)
    if not answers:
        return ()
    ids = [answer["approval_request_id"] for _, answer in answers]
    requests = await _Requests.of(ids, known, servers, tenant=tenant, using=using)
    answered, calls = set(_answered(known.history)), list[PendingCall]()
    for place, answer in answers:
        id, param = answer["approval_request_id"], f"input[{place}].approval_request_id"
        if id in answered:
            message = f"MCP approval request with id '{clip(id)}' was answered before."
            raise InvalidRequestError(message, param=param)
        answered.add(id)
        if id not in requests.copies:
            raise _not_found(id, param)
        if answer["approve"]:
            calls.append(requests.call(id, param))
    return calls


async def refusal(
    call: PendingCall, tool: ListedTool | None, *, tenant: str, using: Services
) -> Outcome | None:
    """Why an approved call is not made after all: `tool`, as it is listed now, is not what was approved."""
    if tool is None:
        return tool_failed(f"Not called: '{call.server_label}' has no tool '{call.name}' any more.")
    pin, id = pin_of(tool), call.approval_request_id or ""
    if is_sealed_id(id):
        same = is_of_tool(await using.sealer(tenant), id, pin)
    else:
        same = pin == call.origin[APPROVAL]["tool"]
    changed = f"Not called: the tool '{call.name}' has changed since somebody was asked for this call."
    return None if same else tool_failed(changed)


def _answers(input: Sequence[Json]) -> list[tuple[int, Json]]:
    """Answers that no turn has followed yet, by their place in the request; others are told for memory."""
    said = (at for at, item in enumerate(input) if not _is_clients(item))
    begun = max(said, default=-1)
    return [(at, item) for at, item in enumerate(input) if at > begun and item["type"] == ANSWER]


def _is_clients(item: Json) -> bool:
    return item["type"] in _CLIENTS or (item["type"] == "message" and item.get("role") != "assistant")


def _answered(history: Sequence[Json]) -> Iterator[str]:
    """The requests that were turned down, or for which a call was made."""
    for item in history:
        match item:
            case {"type": "mcp_approval_response", "approve": False, "approval_request_id": str(id)}:
                yield id
            case {"type": "mcp_call", "approval_request_id": str(id)}:
                yield id
            case _:
                pass


@dataclass(frozen=True, slots=True)
class _Requests:
    """The requests that are answered, and what proves them."""

    copies: Mapping[str, Sequence[Json]]
    """By id, their items in the context. Clients may have sent them, or may have sent them before."""
    servers: Mapping[str, Server]
    stored: Mapping[str, StoredItem]
    """By id, those that lie in records of responses."""
    sealer: Sealer | None
    """Opens the ids of all others."""
    oldest: float
    """What was asked before that is forgotten, wherever it was kept."""

    @classmethod
    async def of(
        cls, ids: Sequence[str], known: Known, servers: Sequence[Server], *, tenant: str, using: Services
    ) -> _Requests:
        """Of those ids. The history alone proves nothing: clients can put such items into it."""
        copies: dict[str, list[Json]] = {}
        for item in (*known.history, *known.input):
            if item["type"] == REQUEST and item.get("id") in ids:
                copies.setdefault(item["id"], []).append(item)
        kept = [id for id in copies if not is_sealed_id(id)]
        stored: Mapping[str, StoredItem] = await using.responses.items(tenant, kept) if kept else {}
        sealer = await using.sealer(tenant) if len(kept) < len(copies) else None
        lifetime = using.responses.expiry() - using.now()
        labels = {server.label: server for server in servers}
        return cls(copies, labels, stored, sealer, using.now() - lifetime)

    def call(self, id: str, param: str) -> PendingCall:
        """What was asked by that id. Raises `InvalidRequestError`."""
        asked = self.copies[id][0]
        label, name = asked["server_label"], asked["name"]
        server = self.servers.get(label)
        if server is None:
            message = f"The tool '{clip(name)}' of MCP server '{clip(label)}' not found in 'tools' parameter."
            raise InvalidRequestError(message, param="tools")
        said = _said(asked, server)
        origin = self._proof(id, said)
        if origin is None or origin[APPROVAL]["asked_at"] < self.oldest:
            raise _not_found(id, param)
        if any(_said(copy, server) != said for copy in self.copies[id]):
            raise _not_found(id, param)
        return PendingCall(
            call_id=id,
            server_label=label,
            name=name,
            arguments=asked["arguments"],
            origin=origin,
            approval_request_id=id,
        )

    def _proof(self, id: str, said: Sequence[str]) -> Json | None:
        """The origin of the request for what is `said`; None where it was not asked for by that id."""
        if is_sealed_id(id):
            at = None if self.sealer is None else asked_at(self.sealer, id, said)
            return None if at is None else {APPROVAL: {"asked_at": at}}
        record = self.stored.get(id)
        if record is None or APPROVAL not in record.origin:
            return None  # or it is an item that a client has sent in that turn
        item, about = record.item, record.origin[APPROVAL]
        was = (item["server_label"], about["of"], item["name"], item["arguments"])
        return record.origin if was == said else None


def _said(request: Json, server: Server) -> tuple[str, str, str, str]:
    """What somebody was asked, of that server."""
    return request["server_label"], _address(server), request["name"], request["arguments"]


def _address(server: Server) -> str:
    """32 hexadecimal digits for whom a call is asked of: an operator's server by its name, wherever it is.

    Of an address, what may be shown: keys in it change as others do, and a hash is no place to keep them in.
    """
    if server.named is not None:
        told = f"mcp://{server.named}"
    elif isinstance(server.where, Http):
        told = public_address(server.where.url)
    else:
        told = json.dumps([server.where.command, *server.where.args])
    return sha256(told.encode()).hexdigest()[:32]


def _not_found(id: str, param: str) -> InvalidRequestError:
    return InvalidRequestError(f"MCP approval request with id '{clip(id)}' not found.", param=param)
