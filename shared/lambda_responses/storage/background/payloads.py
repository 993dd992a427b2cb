"""What a background response is asked for, laid up until somebody makes it.

The input is not among it: that lies in the rows of the turn, where readers find it too. What the tools bring
along to prove themselves elsewhere is sealed, lies beside, and goes with the end of the job.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lambda_responses.sealing.sealer import JOB
from lambda_responses.storage.bundles import TooLargeToStore
from lambda_responses.storage.codec import pack, unpack
from lambda_responses.storage.keyed.port import Delete, Put
from lambda_responses.storage.parcels import from_rows, into_rows
from lambda_responses.wire.compaction import TRIGGER
from lambda_responses.wire.tool_secrets import public_item, public_tool

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lambda_responses.sealing.sealer import Sealer
    from lambda_responses.storage.keyed.port import Row
    from lambda_responses.storage.table import TenantTable
    from lambda_responses.wire.json import Json

MOST_SECRETS = 8
"""Rows of them. A transaction has 25 writes, of which a response without blobs may need 14."""


class SecretsTooLarge(TooLargeToStore):
    """Tools bring along more than can be kept for them."""


@dataclass(frozen=True, slots=True)
class Payload:
    """A request, and by what it proves itself."""

    puts: Sequence[Put]
    secrets: int
    """Of those, so many rows hold what is sealed. They come last."""


def payload_of(
    table: TenantTable, response_id: str, request: Json, input: Sequence[Json], seal: Sealer, *, expires: int
) -> Payload:
    """A checked request in rows; `input` are its items as the turn has them, with ids.

    Raises `SecretsTooLarge` for more secrets than can go in the write that ends the job.
    """
    asked = {name: value for name, value in request.items() if name != "input"}
    if "tools" in asked:
        asked["tools"] = [public_tool(tool) for tool in request["tools"] or ()]
    triggers = [item for item in request["input"] if item["type"] == TRIGGER]
    rows = into_rows({"req": pack([asked, triggers])})
    puts = [Put(table.job(response_id, part), {**row, "ttl": expires}) for part, row in enumerate(rows)]
    secret = _secrets(request, asked, input)
    if not secret:
        return Payload(puts, 0)
    try:
        sealed = into_rows({"sealed": seal.seal(JOB, secret).encode()})
    except ValueError as fault:
        raise SecretsTooLarge(str(fault)) from None
    if len(sealed) > MOST_SECRETS:
        raise SecretsTooLarge(f"over {MOST_SECRETS} rows")
    puts += [
        Put(table.job_secrets(response_id, part), {**row, "ttl": expires}) for part, row in enumerate(sealed)
    ]
    return Payload(puts, len(sealed))


def request_in(rows: Iterable[Row], input: Sequence[Json], seal: Sealer) -> Json:
    """The request again, from all its rows. Raises `BrokenEnvelope` for secrets under another key ring."""
    own = list(rows)
    parts = from_rows(row.values for row in own if row.key.sk[0] != "S") or {}
    asked, triggers = unpack(parts["req"])
    request = {**asked, "input": [*input, *triggers]}
    sealed = [row.values for row in own if row.key.sk[0] == "S"]
    if not sealed:
        return request
    secret = seal.open(JOB, (from_rows(sealed) or {})["sealed"].decode())
    request["input"] = [{**item, **secret["items"].get(item.get("id"), {})} for item in request["input"]]
    return {**request, **secret["request"]}


def secret_deletes(table: TenantTable, response_id: str, rows: int) -> list[Delete]:
    """Take the secrets away."""
    return [Delete(table.job_secrets(response_id, part)) for part in range(rows)]


def _secrets(request: Json, public: Json, input: Sequence[Json]) -> Json:
    """What the public form lacks: the tools, and by item those in it. Empty where there are no secrets."""
    tools = {} if public.get("tools") == request.get("tools") else {"tools": request["tools"]}
    items: dict[str, Any] = {
        item["id"]: {"tools": item["tools"]} for item in input if public_item(item) != item
    }
    return {"request": tools, "items": items} if tools or items else {}
