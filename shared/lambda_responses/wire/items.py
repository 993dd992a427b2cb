"""What a response puts out: the types of output items and of what is in them.

For readers, the type checker and the tests; nothing imports this when the server runs, for making so many
typed dicts takes longer than a whole request. Annotations are evaluated here, because strings would hide
`NotRequired` from the classes. After https://platform.openai.com/docs/api-reference/responses/object.
"""

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

from lambda_responses.wire.json import Json

Progress: TypeAlias = Literal["in_progress", "completed", "incomplete"]
Execution: TypeAlias = Literal["server", "client"]
_Async = TypedDict("_Async", {"async": NotRequired[bool | None]})


class Caller(TypedDict):
    """Who called a tool: the model directly, or a program of its."""

    type: Literal["direct", "program"]
    caller_id: NotRequired[str]


class Item(TypedDict):
    """What every output item has."""

    id: str
    created_by: NotRequired[str | None]


class ItemWithProgress(Item):
    """An item whose making is told."""

    status: Progress


class FileCitation(TypedDict):
    """An annotation: a file that was used."""

    type: Literal["file_citation"]
    file_id: str
    filename: str
    index: int


class UrlCitation(TypedDict):
    """An annotation: a page that was used, for the characters from `start_index` to `end_index`."""

    type: Literal["url_citation"]
    url: str
    title: str
    start_index: int
    end_index: int


class ContainerFileCitation(TypedDict):
    """An annotation: a file that a program wrote."""

    type: Literal["container_file_citation"]
    container_id: str
    file_id: str
    filename: str
    start_index: int
    end_index: int


class FilePath(TypedDict):
    """An annotation: a file that was made."""

    type: Literal["file_path"]
    file_id: str
    index: int


Annotation: TypeAlias = FileCitation | UrlCitation | ContainerFileCitation | FilePath


class TopLogprob(TypedDict):
    """A token that might have stood there."""

    token: str
    bytes: list[int]
    logprob: float


class Logprob(TopLogprob):
    """A token that stands there, and its rivals."""

    top_logprobs: list[TopLogprob]


class OutputText(TypedDict):
    """A content part: what the model said."""

    type: Literal["output_text"]
    text: str
    annotations: list[Annotation]
    logprobs: NotRequired[list[Logprob] | None]


class Refusal(TypedDict):
    """A content part: why the model will not say it."""

    type: Literal["refusal"]
    refusal: str


class ReasoningText(TypedDict):
    """A content part of reasoning: the raw text."""

    type: Literal["reasoning_text"]
    text: str


class SummaryText(TypedDict):
    """A part of the summary of reasoning."""

    type: Literal["summary_text"]
    text: str


class Message(ItemWithProgress):
    """What the assistant says."""

    type: Literal["message"]
    role: Literal["assistant"]
    content: list[OutputText | Refusal]
    phase: NotRequired[Literal["commentary", "final_answer"] | None]


class Reasoning(Item):
    """What the model thought."""

    type: Literal["reasoning"]
    summary: list[SummaryText]
    content: NotRequired[list[ReasoningText] | None]
    encrypted_content: NotRequired[str | None]
    status: NotRequired[Progress | None]


class FunctionCall(ItemWithProgress, _Async):
    """A call of a client's function; `arguments` is JSON text."""

    type: Literal["function_call"]
    call_id: str
    name: str
    arguments: str
    namespace: NotRequired[str | None]
    caller: NotRequired[Caller | None]


class FunctionCallOutput(ItemWithProgress):
    """What a client's function answered."""

    type: Literal["function_call_output"]
    call_id: NotRequired[str | None]
    output: str | list[Json]
    name: NotRequired[str | None]
    namespace: NotRequired[str | None]
    caller: NotRequired[Caller | None]


class CustomToolCall(ItemWithProgress, _Async):
    """A call of a client's custom tool; `input` is free text."""

    type: Literal["custom_tool_call"]
    call_id: str
    name: str
    input: str
    namespace: NotRequired[str | None]
    caller: NotRequired[Caller | None]


class CustomToolCallOutput(ItemWithProgress):
    """What a client's custom tool answered."""

    type: Literal["custom_tool_call_output"]
    call_id: str
    output: str | list[Json]
    caller: NotRequired[Caller | None]


class WebSearchCall(Item):
    """A search, or a visit to a page."""

    type: Literal["web_search_call"]
    status: Literal["in_progress", "searching", "completed", "failed", "incomplete"]
    action: Json


class FileSearchCall(Item):
    """A search in vector stores."""

    type: Literal["file_search_call"]
    status: Literal["in_progress", "searching", "completed", "incomplete", "failed"]
    queries: list[str]
    results: NotRequired[list[Json] | None]


class CodeInterpreterCall(Item):
    """A program that was run."""

    type: Literal["code_interpreter_call"]
    status: Literal["in_progress", "completed", "incomplete", "interpreting", "failed"]
    container_id: str
    code: str | None
    outputs: NotRequired[list[Json] | None]


class ImageGenerationCall(Item):
    """A picture that was made."""

    type: Literal["image_generation_call"]
    status: Literal["in_progress", "completed", "generating", "failed"]
    result: str | None
    action: NotRequired[str | None]
    background: NotRequired[str | None]
    error: NotRequired[Json | None]
    output_format: NotRequired[str | None]
    quality: NotRequired[str | None]
    revised_prompt: NotRequired[str | None]
    size: NotRequired[str | None]
    svg_usage: NotRequired[Json | None]


class ComputerCall(ItemWithProgress):
    """What the client is asked to do on a screen."""

    type: Literal["computer_call"]
    call_id: str
    pending_safety_checks: list[Json]
    action: NotRequired[Json | None]
    actions: NotRequired[list[Json] | None]


class ComputerCallOutput(Item):
    """How the screen looks after it."""

    type: Literal["computer_call_output"]
    call_id: str
    output: Json
    status: Literal["in_progress", "completed", "incomplete", "failed"]
    acknowledged_safety_checks: NotRequired[list[Json] | None]


class LocalShellCall(ItemWithProgress):
    """A command for the client's shell, in the older form."""

    type: Literal["local_shell_call"]
    call_id: str
    action: Json


class LocalShellCallOutput(Item):
    """What that command printed."""

    type: Literal["local_shell_call_output"]
    output: str
    status: NotRequired[Progress | None]


class ShellCall(ItemWithProgress):
    """Commands for a shell."""

    type: Literal["shell_call"]
    call_id: str
    action: Json
    environment: NotRequired[Json | None]
    caller: NotRequired[Caller | None]


class ShellCallOutput(ItemWithProgress):
    """What those commands printed."""

    type: Literal["shell_call_output"]
    call_id: str
    output: list[Json]
    max_output_length: int | None
    caller: NotRequired[Caller | None]


class ApplyPatchCall(Item):
    """A change to a file that the client is asked to make."""

    type: Literal["apply_patch_call"]
    call_id: str
    operation: Json
    status: Literal["in_progress", "completed"]
    caller: NotRequired[Caller | None]


class ApplyPatchCallOutput(Item):
    """Whether that change was made."""

    type: Literal["apply_patch_call_output"]
    call_id: str
    status: Literal["completed", "failed"]
    output: NotRequired[str | None]
    caller: NotRequired[Caller | None]


class McpListTools(Item):
    """The tools of an MCP server."""

    type: Literal["mcp_list_tools"]
    server_label: str
    tools: list[Json]
    error: NotRequired[str | None]


class McpCall(Item):
    """A call of an MCP tool, with its outcome."""

    type: Literal["mcp_call"]
    server_label: str
    name: str
    arguments: str
    approval_request_id: NotRequired[str | None]
    output: NotRequired[str | None]
    error: NotRequired[Json | None]
    status: NotRequired[Literal["in_progress", "completed", "incomplete", "calling", "failed"] | None]


class McpApprovalRequest(Item):
    """A call of an MCP tool that waits for the client's consent."""

    type: Literal["mcp_approval_request"]
    server_label: str
    name: str
    arguments: str


class McpApprovalResponse(Item):
    """The client's consent, or its refusal."""

    type: Literal["mcp_approval_response"]
    approval_request_id: str
    approve: bool
    reason: NotRequired[str | None]


class ToolSearchCall(ItemWithProgress):
    """A search among deferred tools."""

    type: Literal["tool_search_call"]
    call_id: str | None
    execution: Execution
    arguments: Any


class ToolSearchOutput(ItemWithProgress):
    """The tools that were found."""

    type: Literal["tool_search_output"]
    call_id: str | None
    execution: Execution
    tools: list[Json]


class AdditionalTools(Item):
    """Tools that came as an item."""

    type: Literal["additional_tools"]
    role: str
    tools: list[Json]


class Compaction(Item):
    """A conversation so far, sealed."""

    type: Literal["compaction"]
    encrypted_content: str


class Program(Item):
    """A program that calls tools."""

    type: Literal["program"]
    call_id: str
    code: str
    fingerprint: str


class ProgramOutput(Item):
    """What that program came to."""

    type: Literal["program_output"]
    call_id: str
    result: str
    status: Literal["completed", "incomplete"]


OutputItem: TypeAlias = (
    Message
    | FileSearchCall
    | FunctionCall
    | FunctionCallOutput
    | WebSearchCall
    | ComputerCall
    | ComputerCallOutput
    | Reasoning
    | Program
    | ProgramOutput
    | ToolSearchCall
    | ToolSearchOutput
    | AdditionalTools
    | Compaction
    | ImageGenerationCall
    | CodeInterpreterCall
    | LocalShellCall
    | LocalShellCallOutput
    | ShellCall
    | ShellCallOutput
    | ApplyPatchCall
    | ApplyPatchCallOutput
    | McpCall
    | McpListTools
    | McpApprovalRequest
    | McpApprovalResponse
    | CustomToolCall
    | CustomToolCallOutput
)
"""The 28 items that a response may put out."""


class InputMessage(Item):
    """What was said to the model, as it is listed."""

    type: Literal["message"]
    role: Literal["user", "system", "developer"]
    content: list[Json]
    status: NotRequired[Progress | None]


class ConfigurationUpdate(Item):
    """Settings that changed in mid-conversation, as they are listed."""

    type: Literal["configuration_update"]
    reasoning: NotRequired[Json | None]
    text: NotRequired[Json | None]


ListedItem: TypeAlias = OutputItem | InputMessage | ConfigurationUpdate
"""What a list of input items holds."""
