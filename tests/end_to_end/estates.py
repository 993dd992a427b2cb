"""What two tenants of one installation have, and every kind of id that one of them may try."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from lambda_responses.wire.ids import own_part_of, thread_of

if TYPE_CHECKING:
    from tests.fakes.fronts import Front
    from tests.fakes.operator import Operator

Json = dict[str, Any]

OWNER, STRANGER = "acme", "globex"
MODEL = "scripted/echo"
LOOK_UP: Json = {
    "type": "function",
    "name": "look_up",
    "parameters": {"type": "object", "properties": {"word": {"type": "string"}}},
}


class Estate:
    """A tenant, and responses of its own in every condition in which one can be."""

    def __init__(self, front: Front, operator: Operator, tenant: str) -> None:
        self.tenant = tenant
        self.key = operator.key(tenant)
        self.key_id = operator.id_of(self.key)
        self._front = front
        self.plain = self.make(f"Words of {tenant}")
        self.continued = self.make("Go on")
        self.next = self.make("And on", previous_response_id=self.continued["id"])
        self.fork = self.make("Or so", previous_response_id=self.continued["id"])
        self.calling = self.make("[[call:look_up]]", tools=[LOOK_UP])
        self.sealed = self.make("[[reason]] Think", include=["reasoning.encrypted_content"])
        self.deleted = self._deleted(self.make("Forget this"))
        kept = self.make("Forget this, too")
        self.make("But go on", previous_response_id=kept["id"])
        self.entombed = self._deleted(kept)
        self.conversation = self.talk()
        self.said = self.make("Among us", conversation=self.conversation)
        self.ended = self.talk()
        assert front.ask("DELETE", f"/v1/conversations/{self.ended}", key=self.key).status == 200

    def make(self, text: str, **settings: Any) -> Json:
        """A response."""
        body = {"model": MODEL, "input": text, **settings}
        made = self._front.ask("POST", "/v1/responses", body, key=self.key)
        assert made.status == 200, made.content
        return made.json

    def talk(self) -> str:
        """A conversation with one item in it, by its id."""
        body = {"items": [{"role": "user", "content": f"Secret of {self.tenant}"}]}
        made = self._front.ask("POST", "/v1/conversations", body, key=self.key)
        assert made.status == 200, made.content
        return made.json["id"]

    @property
    def conversation_item(self) -> str:
        """The id of the first item of the conversation."""
        path = f"/v1/conversations/{self.conversation}/items?order=asc&limit=1"
        return self._front.ask("GET", path, key=self.key).json["data"][0]["id"]

    @property
    def living(self) -> list[Json]:
        """The responses that can be read."""
        return [self.plain, self.continued, self.next, self.fork, self.calling, self.sealed, self.said]

    @property
    def seal(self) -> str:
        """What was sealed for this tenant."""
        [sealed] = [
            item["encrypted_content"] for item in self.sealed["output"] if item["type"] == "reasoning"
        ]
        return sealed

    @property
    def call_id(self) -> str:
        """Of a call that waits for its output."""
        [call_id] = [item["call_id"] for item in self.calling["output"] if item["type"] == "function_call"]
        return call_id

    def input_item(self, response: Json) -> str:
        """The id of what was said last to the model."""
        path = f"/v1/responses/{response['id']}/input_items?limit=1"
        return self._front.ask("GET", path, key=self.key).json["data"][0]["id"]

    def _deleted(self, response: Json) -> Json:
        gone = self._front.ask("DELETE", f"/v1/responses/{response['id']}", key=self.key)
        assert gone.status == 200, gone.content
        return response


def never_made() -> str:
    """An id as one of ours looks, of nothing."""
    return f"resp_{secrets.token_hex(24)}"


def foreign_ids(owner: Estate) -> dict[str, str]:
    """Ids of things that are there, or were, for somebody else."""
    plain = owner.plain["id"]
    return {
        "another tenant's response": plain,
        "another tenant's, which was continued": owner.continued["id"],
        "another tenant's continuation": owner.next["id"],
        "another tenant's fork": owner.fork["id"],
        "another tenant's, with a call": owner.calling["id"],
        "another tenant's, deleted": owner.deleted["id"],
        "another tenant's, deleted when it had been continued": owner.entombed["id"],
        "another tenant's output item": owner.plain["output"][0]["id"],
        "another tenant's reasoning": owner.sealed["output"][0]["id"],
        "another tenant's input item": owner.input_item(owner.plain),
        "another tenant's call": owner.call_id,
        "another tenant's API key": owner.key_id,
        "another tenant's conversation": owner.conversation,
        "another tenant's conversation, deleted": owner.ended,
        "another tenant's item of a conversation": owner.conversation_item,
        "another tenant's response in a conversation": owner.said["id"],
        "nothing's, in another tenant's thread": f"resp_{'0' * 8}{thread_of(plain)}{secrets.token_hex(8)}",
        "nothing's, with another tenant's last half": f"resp_{secrets.token_hex(16)}{own_part_of(plain)}",
        "another tenant's, at another time": f"resp_{'0' * 8}{thread_of(plain)}{own_part_of(plain)}",
    }


def idle_ids(own: Estate) -> dict[str, str]:
    """Ids of what one has no more, never had, or has as something else than a response."""
    return {
        "one's own, deleted": own.deleted["id"],
        "one's own, deleted when it had been continued": own.entombed["id"],
        "one's own output item": own.plain["output"][0]["id"],
        "one's own input item": own.input_item(own.plain),
        "one's own API key": own.key_id,
        "one's own conversation, deleted": own.ended,
        "one's own item of a conversation": own.conversation_item,
        "nothing's": never_made(),
        "nothing's, in one's own thread": f"resp_{'0' * 8}{thread_of(own.plain['id'])}{secrets.token_hex(8)}",
        "a conversation's": f"conv_{secrets.token_hex(24)}",
        "a message's": f"msg_{secrets.token_hex(24)}",
        "a file's": "file-AbCdEfGhIjKl",
        "a request's": f"req_{secrets.token_hex(16)}",
        "a tenant's": own.tenant,
    }


def malformed_ids(owner: Estate) -> dict[str, str]:
    """What nobody was ever given as an id, made of one that somebody was."""
    plain = owner.plain["id"]
    return {
        "in capitals": plain.upper(),
        "with capital digits": "resp_" + plain.removeprefix("resp_").upper(),
        "with a space": f"{plain} ",
        "with a line's end": f"{plain}\n",
        "with a NUL": f"{plain}\0",
        "without its prefix": plain.removeprefix("resp_"),
        "with another prefix": plain.replace("resp_", "msg_"),
        "a digit short": plain[:-1],
        "a digit long": f"{plain}0",
        "twice": plain * 2,
        "with its tenant": f"{owner.tenant}#T#{thread_of(plain)}",
        "as a key of the table": f"{owner.tenant}#R#{plain}",
        "with a range's end": f"{plain}~",
        "with a wildcard": "resp_%",
        "as SQL": f"{plain}' OR '1'='1",
        "upwards": "..",
        "one character": "0",
        "beyond ASCII": "resp_é漢字",
        "in other digits": plain.replace("0", "\N{ARABIC-INDIC DIGIT ZERO}"),
        "not Unicode": "resp_\ufffd",
        "very long": "resp_" + "a" * 2_000,
    }


def all_ids(owner: Estate, own: Estate) -> dict[str, str]:
    """Every kind of id that opens nothing to `own`."""
    return {**foreign_ids(owner), **idle_ids(own), **malformed_ids(owner)}
