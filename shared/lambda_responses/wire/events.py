"""The 59 stream events, as types: for readers, the type checker and the tests, like `wire.items`.

After https://platform.openai.com/docs/api-reference/responses-streaming.
"""

from typing import Literal, NotRequired, TypeAlias, TypedDict

from lambda_responses.wire.items import (
    Annotation,
    Logprob,
    OutputItem,
    OutputText,
    ReasoningText,
    Refusal,
    SummaryText,
)
from lambda_responses.wire.json import Json


class Numbered(TypedDict):
    """What every event has: its place in the response, from 0 without gaps."""

    sequence_number: int


class OfItem(Numbered):
    """An event about an output item."""

    item_id: str
    output_index: int


class OfPart(OfItem):
    """An event about a content part of an item."""

    content_index: int


class OfSummary(OfItem):
    """An event about a part of a reasoning summary."""

    summary_index: int


class OfCommand(Numbered):
    """An event about one command of a shell call."""

    output_index: int
    command_index: int


class Padded(TypedDict):
    """A delta, whose length is hidden by padding unless the client declines it."""

    delta: str
    obfuscation: NotRequired[str]


class ResponseState(Numbered):
    """The response as a whole: its beginning and its end."""

    type: Literal[
        "response.created",
        "response.queued",
        "response.in_progress",
        "response.completed",
        "response.incomplete",
        "response.failed",
    ]
    response: Json


class ErrorEvent(Numbered):
    """A fault; `response.failed` follows. The live API nests it, the official SDK's type is flat."""

    type: Literal["error"]
    message: NotRequired[str]
    code: NotRequired[str | None]
    param: NotRequired[str | None]
    error: NotRequired[Json]


class ItemState(Numbered):
    """An item begins or is finished."""

    type: Literal["response.output_item.added", "response.output_item.done"]
    output_index: int
    item: OutputItem


class ItemProgress(OfItem):
    """A tool that the server runs comes along."""

    type: Literal[
        "response.web_search_call.in_progress",
        "response.web_search_call.searching",
        "response.web_search_call.completed",
        "response.file_search_call.in_progress",
        "response.file_search_call.searching",
        "response.file_search_call.completed",
        "response.code_interpreter_call.in_progress",
        "response.code_interpreter_call.interpreting",
        "response.code_interpreter_call.completed",
        "response.image_generation_call.in_progress",
        "response.image_generation_call.generating",
        "response.image_generation_call.completed",
        "response.mcp_list_tools.in_progress",
        "response.mcp_list_tools.completed",
        "response.mcp_list_tools.failed",
        "response.mcp_call.in_progress",
        "response.mcp_call.completed",
        "response.mcp_call.failed",
        "response.compaction.compacting",
    ]


class PartState(OfPart):
    """A content part begins or is finished."""

    type: Literal["response.content_part.added", "response.content_part.done"]
    part: OutputText | Refusal | ReasoningText


class TextDelta(OfPart, Padded):
    """A piece of the answer."""

    type: Literal["response.output_text.delta"]
    logprobs: list[Logprob]


class TextDone(OfPart):
    """The whole of a text."""

    type: Literal["response.output_text.done"]
    text: str
    logprobs: list[Logprob]


class AnnotationAdded(OfPart):
    """A citation on a text."""

    type: Literal["response.output_text.annotation.added"]
    annotation_index: int
    annotation: Annotation


class RefusalDelta(OfPart, Padded):
    """A piece of a refusal."""

    type: Literal["response.refusal.delta"]


class RefusalDone(OfPart):
    """The whole of a refusal."""

    type: Literal["response.refusal.done"]
    refusal: str


class ReasoningTextDelta(OfPart, Padded):
    """A piece of raw reasoning."""

    type: Literal["response.reasoning_text.delta"]


class ReasoningTextDone(OfPart):
    """The whole of a raw reasoning."""

    type: Literal["response.reasoning_text.done"]
    text: str


class SummaryPartAdded(OfSummary):
    """A part of a summary begins."""

    type: Literal["response.reasoning_summary_part.added"]
    part: SummaryText


class SummaryPartDone(OfSummary):
    """A part of a summary is finished, or was cut."""

    type: Literal["response.reasoning_summary_part.done"]
    part: SummaryText
    status: NotRequired[Literal["incomplete"] | None]


class SummaryTextDelta(OfSummary, Padded):
    """A piece of a summary."""

    type: Literal["response.reasoning_summary_text.delta"]


class SummaryTextDone(OfSummary):
    """The whole of a part of a summary."""

    type: Literal["response.reasoning_summary_text.done"]
    text: str


class ArgumentsDelta(OfItem, Padded):
    """A piece of what a tool is called with, or of a program."""

    type: Literal[
        "response.function_call_arguments.delta",
        "response.mcp_call_arguments.delta",
        "response.custom_tool_call_input.delta",
        "response.code_interpreter_call_code.delta",
    ]


class ArgumentsDone(OfItem):
    """The whole of a call's arguments."""

    type: Literal["response.function_call_arguments.done", "response.mcp_call_arguments.done"]
    arguments: str
    name: NotRequired[str]


class CustomInputDone(OfItem):
    """The whole of a custom tool's input."""

    type: Literal["response.custom_tool_call_input.done"]
    input: str


class CodeDone(OfItem):
    """The whole of a program."""

    type: Literal["response.code_interpreter_call_code.done"]
    code: str


class PartialImage(OfItem):
    """A picture as far as it has come, in base64."""

    type: Literal["response.image_generation_call.partial_image"]
    partial_image_b64: str
    partial_image_index: int
    background: NotRequired[str | None]
    output_format: NotRequired[str | None]
    quality: NotRequired[str | None]
    size: NotRequired[str | None]


class CommandText(OfCommand):
    """A shell command begins or is finished."""

    type: Literal["response.shell_call_command.added", "response.shell_call_command.done"]
    command: str


class CommandDelta(OfCommand, Padded):
    """A piece of a shell command."""

    type: Literal["response.shell_call_command.delta"]


class CommandOutputDelta(OfCommand):
    """A piece of what a shell command prints."""

    type: Literal["response.shell_call_output_content.delta"]
    item_id: str
    delta: Json


class CommandOutputDone(OfCommand):
    """The whole of what a shell command printed."""

    type: Literal["response.shell_call_output_content.done"]
    item_id: str
    output: list[Json]


class AudioDelta(Numbered):
    """A piece of speech in base64, or of its transcript."""

    type: Literal["response.audio.delta", "response.audio.transcript.delta"]
    delta: str


class AudioDone(Numbered):
    """The end of speech, or of its transcript."""

    type: Literal["response.audio.done", "response.audio.transcript.done"]


StreamEvent: TypeAlias = (
    ResponseState
    | ErrorEvent
    | ItemState
    | ItemProgress
    | PartState
    | TextDelta
    | TextDone
    | AnnotationAdded
    | RefusalDelta
    | RefusalDone
    | ReasoningTextDelta
    | ReasoningTextDone
    | SummaryPartAdded
    | SummaryPartDone
    | SummaryTextDelta
    | SummaryTextDone
    | ArgumentsDelta
    | ArgumentsDone
    | CustomInputDone
    | CodeDone
    | PartialImage
    | CommandText
    | CommandDelta
    | CommandOutputDelta
    | CommandOutputDone
    | AudioDelta
    | AudioDone
)
"""Everything that a response's stream may say."""
