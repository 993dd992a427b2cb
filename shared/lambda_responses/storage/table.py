"""Where rows lie: the one place that builds keys.

    pk                  sk                              row
    {t}#T#{thread}      R#{response}                    control row of a response
    {t}#T#{thread}      R#{response}#{k:02}             its envelope, where too long for the control row
    {t}#T#{thread}      C#{depth:06}#{own}[#{k:02}]     what a turn added to the context, in one or more rows
    {t}#T#{thread}      S#{depth:06}#{own}[#{k:02}]     the whole context up to that depth, by turn `own`
    {t}#T#{thread}      F#{own}#{response}              leads from turn `own` to a response that forked off it
    {t}#V#{conversation} H                              head of a conversation
    {t}#V#{conversation} I#{seq:010}[#{k:02}]           one item of it, in one or more rows
    {t}#E#{response}    {fence:04}#{last:08}[#{k:02}]   events of a response up to `last`, in one or more rows
    {t}#J#{response}    0[#{k:02}]                      what a background response is asked for
    {t}#J#{response}    S[#{k:02}]                      the secrets of its tools, sealed, until it has ended
    {t}#A               SEM#{n:03}                      one of a tenant's slots for background responses
    {t}#K#{request}     0                               which response a request with an `Idempotency-Key` has
    {t}#K#{request}     0#{k:02}                        what was answered, where no response keeps it
    {t}#K#{request}     {response}                      which response a request has that an SDK may repeat
    {t}#G#{approval}    0                               what became of a call that somebody approved
    {t}#N#{response}    N                               who has yet to be told that a response ended
    {t}#A               WH#{endpoint}                   a webhook endpoint
    {t}#M#{server}      L                               the tools of an MCP server, as it listed them
    #                   K#seals                         the key ring of the installation, no tenant's
    #K#{fingerprint}    0                               what an API key stands for, by the SHA-256 of the key
    #A                  KEY#{key_id}                    the list of API keys, revoked ones included

What is too large for rows lies in blobs: `threads/{t}/{thread}/{sha256}-{writer}` and, without an end to its
life, `conversations/{t}/{conversation}/{sha256}-{seq}`.

`thread` (24 hex) and `own` (16 hex) are parts of a response's id, `depth` counts turns from 0 across forks;
`conversation` (48 hex) is a conversation's id, whose items `seq` counts from 0; `request` (64 hex) is a hash,
as is `server` (32 hex): of an address, and of what the tenant shows there to prove itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambda_responses.storage.keyed.port import Key, Range
from lambda_responses.wire.ids import ThreadKey

if TYPE_CHECKING:
    from lambda_responses.wire.ids import ConversationKey

_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:+-]{0,127}")
TENANT_RULE = "a tenant's name is 1 to 128 letters, digits and . _ @ : + -"
MAX_DEPTH = 999_999
MAX_SEQUENCE_NUMBER = 99_999_999
_ONLY = "0"
_SCOPES = {"T": "threads", "V": "conversations"}

KEY_RING = Key("#", "K#seals")
"""No tenant's partition begins like this one's name, nor like those of the API keys."""

API_KEYS = Range("#A", "KEY#", "KEY#~")
"""The list of API keys."""

NOTIFICATION = "N"
"""The sort key of a notification, and of no other row: the table's stream tells of keys alone, so that
nothing of what somebody deletes stays in it, and is filtered by this one."""

NOTIFICATION_WORK = tuple(f"N#{place}" for place in range(8))
"""The partitions of the work index in which notifications wait."""


def api_key(fingerprint: str) -> Key:
    """What the key with that SHA-256 stands for."""
    return Key(f"#K#{fingerprint}", "0")


def listed_api_key(key_id: str) -> Key:
    """A key's place in the list."""
    return Key(API_KEYS.pk, f"KEY#{key_id}")


def is_tenant(name: str) -> bool:
    """Whether that may be a tenant's name."""
    return _TENANT.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class TenantTable:
    """The keys of one tenant. The tenant comes from the credential, and nothing else may name it."""

    tenant: str

    def __post_init__(self) -> None:
        # A separator in the name would let one tenant's prefix reach into another's.
        if not is_tenant(self.tenant):
            raise ValueError(TENANT_RULE)

    def control(self, thread: ThreadKey, response_id: str) -> Key:
        """The control row of a response."""
        return Key(self._thread(thread), f"R#{response_id}")

    def controls(self, thread: ThreadKey) -> Range:
        """The control rows of a thread, and the parts of their envelopes."""
        return Range(self._thread(thread), "R#", "R#~")

    def envelope(self, thread: ThreadKey, response_id: str, part: int) -> Key:
        """Part of a long envelope, counted from 1."""
        return Key(self._thread(thread), f"R#{response_id}#{part:02}")

    def envelopes(self, thread: ThreadKey, response_id: str) -> Range:
        """All parts of a long envelope."""
        return Range(self._thread(thread), f"R#{response_id}#", f"R#{response_id}#~")

    def turn(self, thread: ThreadKey, depth: int, own: str, part: int = 0) -> Key:
        """What one turn added; parts beyond the first where it is long."""
        return Key(self._thread(thread), _place("C", depth, own, part))

    def turn_parts(self, thread: ThreadKey, depth: int, own: str) -> Range:
        """All parts of one turn."""
        first = _place("C", depth, own, 0)
        return Range(self._thread(thread), first, f"{first}~")

    def turns(self, thread: ThreadKey, low: int = 0, high: int = MAX_DEPTH) -> Range:
        """The turns of a thread from one depth to another, both included."""
        return Range(self._thread(thread), f"C#{low:06}", f"C#{high:06}~")

    def snapshot(self, thread: ThreadKey, depth: int, own: str, part: int = 0) -> Key:
        """The context up to a depth, as flattened by turn `own`."""
        return Key(self._thread(thread), _place("S", depth, own, part))

    def snapshot_parts(self, thread: ThreadKey, depth: int, own: str) -> Range:
        """All parts of one snapshot."""
        first = _place("S", depth, own, 0)
        return Range(self._thread(thread), first, f"{first}~")

    def fork(self, thread: ThreadKey, own: str, response_id: str) -> Key:
        """What leads from a turn to a response of another thread that continues it."""
        return Key(self._thread(thread), f"F#{own}#{response_id}")

    def forks(self, thread: ThreadKey, own: str) -> Range:
        """All that leads from one turn to responses of other threads."""
        return Range(self._thread(thread), f"F#{own}#", f"F#{own}#~")

    def branches(self, thread: ThreadKey) -> Range:
        """What leads from a thread to others, and its control rows with the parts of their envelopes."""
        return Range(self._thread(thread), "F#", "R#~")

    def whole_thread(self, thread: ThreadKey) -> Range:
        """All rows of a thread."""
        return Range(self._thread(thread), "C#", "S#~")

    def blobs(self, thread: ThreadKey) -> str:
        """The scope of what rows of a thread refer to."""
        return _scope("T", self.tenant, thread)

    def conversation_blobs(self, conversation: str) -> str:
        """The scope of what items of a conversation refer to. It is not subject to any lifecycle rule."""
        return _scope("V", self.tenant, conversation)

    def conversation(self, conversation: ConversationKey) -> Key:
        """The head of a conversation."""
        return Key(self._conversation(conversation), "H")

    def item(self, conversation: ConversationKey, seq: int, part: int = 0) -> Key:
        """One item of a conversation; parts beyond the first where it is long."""
        place = f"I#{seq:010}"
        return Key(self._conversation(conversation), f"{place}#{part:02}" if part else place)

    def items(self, conversation: ConversationKey, *, upto: int) -> Range:
        """The items of a conversation before number `upto`, which is 1 at least."""
        return Range(self._conversation(conversation), "I#", f"I#{upto - 1:010}~")

    def whole_conversation(self, conversation: ConversationKey) -> Range:
        """The head of a conversation, and after it all rows of its items."""
        return Range(self._conversation(conversation), "H", "I#~")

    def claim(self, request: str, response_id: str | None = None, part: int = 0) -> Key:
        """Who answers a request: the one response that may, or `response_id`, which is one of several."""
        place = response_id or _ONLY
        return Key(f"{self.tenant}#K#{request}", f"{place}#{part:02}" if part else place)

    def event_chunk(self, response_id: str, fence: int, last: int, part: int = 0) -> Key:
        """A run of events of a response, up to number `last`, as logged by whoever held that fence."""
        return Key(self._events(response_id), _chunk(fence, last, part))

    def event_chunks(self, response_id: str, fence: int, low: int, high: int = MAX_SEQUENCE_NUMBER) -> Range:
        """The chunks of one fence that end with an event from number `low` to number `high`."""
        return Range(self._events(response_id), _chunk(fence, low, 0), f"{_chunk(fence, high, 0)}~")

    def all_event_chunks(self, response_id: str) -> Range:
        """All that was ever logged of a response's events."""
        return Range(self._events(response_id), "0", "9~")

    def only_claim(self, request: str) -> Range:
        """The claim of the one response that may answer a request, and what it answered."""
        return Range(f"{self.tenant}#K#{request}", _ONLY, f"{_ONLY}~")

    def claims(self, request: str) -> Range:
        """The claims of all responses that answer one request, in the order in which they were begun."""
        return Range(f"{self.tenant}#K#{request}", "resp_", "resp_~")

    def job(self, response_id: str, part: int = 0) -> Key:
        """What a background response is asked for; parts beyond the first where that is long."""
        return Key(self._job(response_id), _part(_ONLY, part))

    def job_secrets(self, response_id: str, part: int = 0) -> Key:
        """What of it is sealed."""
        return Key(self._job(response_id), _part("S", part))

    def whole_job(self, response_id: str) -> Range:
        """What a background response is asked for, its secrets included."""
        return Range(self._job(response_id), _ONLY, "S~")

    def tool_call(self, response_id: str, call_id: str) -> Key:
        """What is known of a call of a tool that this server runs for a background response."""
        return Key(f"{self.tenant}#X#{response_id}", call_id)

    def tool_calls(self, response_id: str) -> Range:
        """All those calls, whatever their models named them."""
        return Range(f"{self.tenant}#X#{response_id}", " ", "\U0010ffff")

    def approval(self, request_id: str) -> Key:
        """What became of the call that an approval was given for; `request_id` is that of its request."""
        return Key(f"{self.tenant}#G#{request_id}", _ONLY)

    def job_slot(self, number: int) -> Key:
        """One of a tenant's slots for background responses that are made at one time."""
        return Key(f"{self.tenant}#A", f"SEM#{number:03}")

    def notification(self, response_id: str) -> Key:
        """Who has yet to be told that a background response ended."""
        return Key(f"{self.tenant}#N#{response_id}", NOTIFICATION)

    def webhook_endpoint(self, endpoint_id: str) -> Key:
        """A webhook endpoint."""
        return Key(f"{self.tenant}#A", f"WH#{endpoint_id}")

    def webhook_endpoints(self) -> Range:
        """The webhook endpoints, in the order in which they were created."""
        return Range(f"{self.tenant}#A", "WH#", "WH#~")

    def tool_list(self, server: str) -> Key:
        """What a server of tools, by its digest, has listed."""
        return Key(f"{self.tenant}#M#{server}", "L")

    def _events(self, response_id: str) -> str:
        return f"{self.tenant}#E#{response_id}"

    def _thread(self, thread: ThreadKey) -> str:
        return f"{self.tenant}#T#{thread}"

    def _conversation(self, conversation: ConversationKey) -> str:
        return f"{self.tenant}#V#{conversation}"

    def _job(self, response_id: str) -> str:
        return f"{self.tenant}#J#{response_id}"


def notification_work(response_id: str) -> str:
    """The partition of the work index in which a notification waits; the last digit of an id is random."""
    return NOTIFICATION_WORK[int(response_id[-1], 16) % len(NOTIFICATION_WORK)]


def is_notification(key: Key) -> bool:
    """Whether that is an `N#` row."""
    return key.sk == NOTIFICATION


def notification_in(key: Key) -> tuple[str, str]:
    """The tenant and the response that an `N#` row belongs to."""
    tenant, _, response_id = key.pk.split("#")
    return tenant, response_id


WORK_SHARDS = 8
"""So many partitions of the work index hold jobs, lest one grow hot."""


def job_work(response_id: str) -> str:
    """Where in the work index a background response is, for whoever looks after those that have no worker."""
    return f"W#{int(response_id[-1], 16) % WORK_SHARDS}"


def job_works() -> list[str]:
    """All those places."""
    return [f"W#{shard}" for shard in range(WORK_SHARDS)]


def tenant_in(key: Key) -> str:
    """Whose row that is."""
    return key.pk.split("#")[0]


def response_of(key: Key) -> str:
    """The response that an `R#` row belongs to."""
    return key.sk.split("#")[1]


def fork_of(key: Key) -> tuple[str, str]:
    """Own part of the turn that an `F#` row leads from, and the response that it leads to."""
    _, own, response_id = key.sk.split("#")
    return own, response_id


def turn_of(key: Key) -> tuple[int, str]:
    """Depth and own part of the turn that a `C#` row, or a part of one, belongs to."""
    _, depth, own, *_ = key.sk.split("#")
    return int(depth), own


def seq_of(key: Key) -> int:
    """The number of the item that an `I#` row, or a part of one, belongs to."""
    return int(key.sk.split("#")[1])


def thread_in(key: Key) -> ThreadKey:
    """The thread that a row lies in."""
    return ThreadKey(key.pk.split("#")[2])


def blobs_of(key: Key) -> str:
    """The scope of what a row of a thread or of a conversation refers to."""
    tenant, kind, name = key.pk.split("#")
    return _scope(kind, tenant, name)


def _scope(kind: str, tenant: str, name: str) -> str:
    return f"{_SCOPES[kind]}/{tenant}/{name}"


def sequence_of(key: Key) -> tuple[int, int]:
    """The number of the last event in the chunk that an event row belongs to, and the row's part of it."""
    _, last, *part = key.sk.split("#")
    return int(last), int(part[0]) if part else 0


def _chunk(fence: int, last: int, part: int) -> str:
    place = f"{fence:04}#{last:08}"
    return f"{place}#{part:02}" if part else place


def _place(kind: str, depth: int, own: str, part: int) -> str:
    return _part(f"{kind}#{depth:06}#{own}", part)


def _part(first: str, part: int) -> str:
    return f"{first}#{part:02}" if part else first
