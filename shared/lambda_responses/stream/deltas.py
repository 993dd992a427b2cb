"""What an upstream model may say, in our words: the waist.

Decoders speak this vocabulary and nothing else; only the emitter knows what the Responses API makes of it.
A block is the upstream's own name for one run of output (a content-block index, a tool-call index): opaque
here, compared only for equality, and good for one upstream step.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from lambda_responses.wire.errors import APIError
    from lambda_responses.wire.json import Event, Json

Block: TypeAlias = Hashable

StopReason: TypeAlias = Literal[
    "end", "tool_calls", "pause", "max_output_tokens", "content_filter", "max_messages", "steered"
]
"""Why an upstream finished. `end` also stands for a proper end marker that came without a reason; `pause`
asks for a further step; the last four are the reasons for which a response ends incomplete."""


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the answer. `part` is the content part within the block, for upstreams that number them."""

    block: Block
    text: str
    logprobs: Sequence[Json] = ()
    part: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """A piece of the model's refusal to answer."""

    block: Block
    text: str
    part: int = 0


@dataclass(frozen=True, slots=True)
class Reasoning:
    """A piece of reasoning: the raw text, or (`summary`) a summary of it, in numbered parts."""

    block: Block
    text: str
    summary: bool = False
    part: int = 0


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a client's tool begins. An empty `call_id` asks the emitter to mint one."""

    block: Block
    call_id: str
    name: str
    kind: Literal["function_call", "custom_tool_call"] = "function_call"
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class ToolArguments:
    """A piece of a call's arguments (JSON text), or of a custom tool's input (free text)."""

    block: Block
    text: str


@dataclass(frozen=True, slots=True)
class Annotation:
    """A citation on the text of a block; its indexes count characters from the block's start.

    It comes after some of that text: with no message open there is nothing to cite on, and it is left out.
    """

    block: Block
    annotation: Json
    part: int = 0


@dataclass(frozen=True, slots=True)
class Opaque:
    """What the maker of a block wants back verbatim in later turns (a signature, its own item id).

    Kept beside the item, and shown to the client only sealed, on items of reasoning (`ResponseEmitter.seal`).
    Several for one block are merged, later keys winning.
    It comes after the block's first words; for a block without any it makes a reasoning item of its own.
    """

    block: Block
    data: Json


@dataclass(frozen=True, slots=True)
class ItemOpened:
    """An output item in the API's own words begins (native upstreams; hosted tools)."""

    block: Block
    item: Json
    id: str | None = None
    """Ours, for an item whose id says more than which it is; None has one minted."""


@dataclass(frozen=True, slots=True)
class ItemEvent:
    """An event in the API's own words about an open item; the emitter owns its ids, index and number."""

    block: Block
    event: Event


@dataclass(frozen=True, slots=True)
class BlockEnded:
    """Nothing more comes for this block.

    `item`, where the upstream gave it, is the finished item in full. It counts for items that were opened in
    the API's own words, and completes what their deltas had left out.
    """

    block: Block
    item: Json | None = None


@dataclass(frozen=True, slots=True)
class Envelope:
    """Fields of the response object that the upstream decides (the full model name, the service tier, …).

    Id, times, status, output, usage and faults are not among them: those are the emitter's.
    """

    fields: Json


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of this step so far, in the wire's shape; a later one replaces an earlier one."""

    usage: Json


@dataclass(frozen=True, slots=True)
class Stopped:
    """The upstream said that, and why, it has finished. A stream that ends without it was cut.

    Of several in one step the one that says more stands: a later `end` does not undo a cut.
    """

    reason: StopReason


@dataclass(frozen=True, slots=True)
class Failed:
    """The upstream reported a fault inside its stream."""

    error: APIError


Delta: TypeAlias = (
    Text
    | Refusal
    | Reasoning
    | ToolCall
    | ToolArguments
    | Annotation
    | Opaque
    | ItemOpened
    | ItemEvent
    | BlockEnded
    | Envelope
    | Usage
    | Stopped
    | Failed
)
