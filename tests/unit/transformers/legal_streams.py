"""By format, streams and plain answers that hold something of everything the format can say.

What they say need not make sense together: decoders are tried with them, whole, in part and spoilt.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lambda_responses.transformers.anthropic_messages import ANTHROPIC_MESSAGES
from lambda_responses.transformers.anthropic_messages import profiles as anthropic
from lambda_responses.transformers.base import Turn
from lambda_responses.transformers.bedrock_converse import BEDROCK_CONVERSE
from lambda_responses.transformers.bedrock_converse import profiles as bedrock
from lambda_responses.transformers.chat_completions import CHAT_COMPLETIONS, ChatProfile, profiles
from lambda_responses.transformers.cohere_chat import COHERE, COHERE_CHAT
from lambda_responses.transformers.gemini_generate_content import GEMINI_GENERATE_CONTENT
from lambda_responses.transformers.gemini_generate_content import profiles as gemini
from lambda_responses.transformers.openai_responses import OPENAI_RESPONSES, profile
from lambda_responses.wire.json import to_bytes

if TYPE_CHECKING:
    from lambda_responses.transformers.base import Decoder, Transformer

Json = dict[str, Any]

CALL: Json = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": '{"a":1}'}
LOGPROB: Json = {"token": "Hi", "bytes": [72], "logprob": -0.1, "top_logprobs": [{"token": "Hi"}]}
COUNTS: Json = {
    "prompt_tokens": 5,
    "completion_tokens": 7,
    "total_tokens": 12,
    "prompt_tokens_details": {"cached_tokens": 1},
    "completion_tokens_details": {"reasoning_tokens": 2},
}


def chat(finish: str | None = None, **delta: Any) -> Json:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


CHAT: list[Json] = [
    {"id": "x", "object": "chat.completion.chunk", **chat(role="assistant", content="")},
    chat(reasoning_content="Hm"),
    chat(reasoning="Hm"),
    chat(
        reasoning_details=[
            {"type": "reasoning.text", "text": "Hm", "index": 0},
            {"type": "reasoning.text", "text": "Hm", "signature": "s", "index": 0},
            {"type": "reasoning.encrypted", "data": "s", "id": "r1"},
        ]
    ),
    {"choices": [{"index": 0, "delta": {"content": "Hi"}, "logprobs": {"content": [LOGPROB]}}]},
    {
        "choices": [
            {
                "index": 0,
                "delta": {"content": "Hi"},
                "logprobs": {"tokens": ["Hi"], "token_logprobs": [-1], "top_logprobs": [{"Hi": -1}]},
            }
        ]
    },
    chat(content=[{"type": "text", "text": "Hi"}, {"type": "thinking", "thinking": [{"text": "Hm"}]}]),
    {**chat(content=" [1]"), "citations": ["https://a.example"]},
    {**chat(content=" [1]"), "search_results": [{"url": "https://a.example", "title": "A"}]},
    chat(
        annotations=[
            {
                "type": "url_citation",
                "url_citation": {"url": "https://a.example", "title": "A", "end_index": 1},
            }
        ]
    ),
    chat(refusal="No."),
    chat(audio={"transcript": "Hi"}),
    chat(
        tool_calls=[{"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}]
    ),
    chat(tool_calls=[{"index": 0, "function": {"arguments": '{"a":1}'}}]),
    chat(tool_calls=[{"index": 1, "id": "c2", "custom": {"name": "g", "input": "x"}}]),
    chat(function_call={"name": "f", "arguments": "{}"}),
    chat(content='{"name":"f","arguments":{"a":1}}'),
    {**chat("stop"), "service_tier": "default"},
    {"choices": [], "usage": COUNTS},
    {"choices": [{"index": 0, "usage": COUNTS}]},
    {"x_groq": {"usage": COUNTS}},
    {"error": {"message": "No.", "type": "server_error", "code": "500", "param": "p"}},
]
PROFILES = [
    ChatProfile(),
    ChatProfile(think_tags=True, reasoning_is_summary=True),
    ChatProfile(service_tiers={"default": "default"}),
]

MESSAGE: Json = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "status": "completed",
    "content": [
        {
            "type": "output_text",
            "text": "Hi",
            "annotations": [{"type": "url_citation", "url": "https://a.example", "start_index": 0}],
            "logprobs": [LOGPROB],
        },
        {"type": "refusal", "refusal": "No."},
    ],
}
REASONING: Json = {
    "type": "reasoning",
    "id": "rs_1",
    "status": "completed",
    "summary": [{"type": "summary_text", "text": "Hm"}],
    "content": [{"type": "reasoning_text", "text": "Hm"}],
    "encrypted_content": "sealed",
}
CUSTOM: Json = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c2", "name": "g", "input": "x"}
HOSTED: list[Json] = [
    {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}},
    {"type": "mcp_call", "id": "mcp_1", "arguments": "{}", "approval_request_id": "r", "error": None},
    {"type": "code_interpreter_call", "id": "ci_1", "code": "1", "outputs": None, "status": "completed"},
]
ANSWER: Json = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "model": "m",
    "service_tier": "default",
    "reasoning": {"effort": "low"},
    "tools": [{"type": "mcp", "server_label": "s", "headers": {}}],
    "temperature": 1,
    "incomplete_details": None,
    "output": [REASONING, MESSAGE, CALL, CUSTOM, *HOSTED],
    "usage": {
        "input_tokens": 5,
        "input_tokens_details": {"cached_tokens": 1},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 12,
    },
}
NATIVE = [
    *OPENAI_RESPONSES.as_chunks(ANSWER),
    {"type": "response.incomplete", "response": {"incomplete_details": {"reason": "max_output_tokens"}}},
    {"type": "response.failed", "response": {"error": {"code": "server_error", "message": "No."}}},
    {"type": "error", "error": {"type": "server_error", "code": None, "message": "No.", "param": None}},
]

THOUGHTS = {"thinking": "Hm", "signature": "s"}
USED: Json = {"id": "tu_1", "name": "f", "input": {}}
SEARCHED: Json = {"id": "st_1", "name": "web_search", "input": {}}
FOUND: Json = {
    "type": "web_search_result",
    "url": "https://a.example",
    "title": "A",
    "encrypted_content": "x",
    "page_age": None,
}
CITED: Json = {
    "type": "web_search_result_location",
    "url": "https://a.example",
    "title": "A",
    "encrypted_index": "x",
    "cited_text": "Hi",
}
QUOTED: Json = {
    "type": "char_location",
    "document_index": 0,
    "document_title": "D",
    "start_char_index": 0,
    "end_char_index": 2,
    "cited_text": "Hi",
}
BLOCKS: list[Json] = [
    {"type": "thinking", **THOUGHTS},
    {"type": "redacted_thinking", "data": "x"},
    {"type": "text", "text": "Hi", "citations": [CITED, QUOTED]},
    {"type": "server_tool_use", **SEARCHED, "input": {"query": "q"}},
    {"type": "web_search_tool_result", "tool_use_id": "st_1", "content": [FOUND]},
    {"type": "server_tool_use", "id": "st_2", "name": "code_execution", "input": {"code": "1"}},
    {
        "type": "code_execution_tool_result",
        "tool_use_id": "st_2",
        "content": {"type": "code_execution_result", "stdout": "1", "stderr": "", "return_code": 0},
    },
    {"type": "mcp_tool_use", "id": "mt_1", "name": "f", "server_name": "s", "input": {"a": 1}},
    {"type": "mcp_tool_result", "tool_use_id": "mt_1", "is_error": False, "content": []},
    {"type": "tool_use", **USED, "input": {"a": 1}},
]
MESSAGES_USAGE: Json = {
    "input_tokens": 5,
    "cache_creation_input_tokens": 1,
    "cache_read_input_tokens": 1,
    "output_tokens": 7,
}


def block(index: int, start: Json, *deltas: Json) -> list[Json]:
    """One of Anthropic's blocks, in pieces."""
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


ENVELOPE: Json = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "usage": MESSAGES_USAGE,
}
MESSAGES: list[Json] = [
    {"type": "message_start", "message": ENVELOPE},
    {"type": "ping"},
    *block(
        0,
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": "Hm"},
        {"type": "signature_delta", "signature": "s"},
    ),
    *block(1, {"type": "redacted_thinking", "data": "x"}),
    *block(
        2,
        {"type": "text", "text": "", "citations": []},
        {"type": "text_delta", "text": "Hi"},
        {"type": "citations_delta", "citation": CITED},
        {"type": "citations_delta", "citation": QUOTED},
    ),
    *block(
        3,
        {"type": "server_tool_use", **SEARCHED},
        {"type": "input_json_delta", "partial_json": '{"query":'},
        {"type": "input_json_delta", "partial_json": '"q"}'},
    ),
    *block(4, BLOCKS[4]),
    *block(5, BLOCKS[5]),
    *block(6, BLOCKS[6]),
    *block(7, BLOCKS[7]),
    *block(8, BLOCKS[8]),
    *block(9, {"type": "tool_use", **USED}, {"type": "input_json_delta", "partial_json": '{"a":1}'}),
    {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "stop_sequence": None},
        "usage": MESSAGES_USAGE,
    },
    {"type": "message_stop"},
    {"type": "error", "error": {"type": "overloaded_error", "message": "No."}},
]
INVOKED: list[Json] = [{"chunk": {"bytes": b64encode(to_bytes(chunk)).decode()}} for chunk in MESSAGES]

COUNTED: Json = {
    "promptTokenCount": 5,
    "candidatesTokenCount": 7,
    "totalTokenCount": 12,
    "cachedContentTokenCount": 1,
    "thoughtsTokenCount": 2,
    "toolUsePromptTokenCount": 1,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 5}],
}
GROUNDED: Json = {
    "webSearchQueries": ["q"],
    "searchEntryPoint": {"renderedContent": "x"},
    "groundingChunks": [{"web": {"uri": "https://a.example", "title": "A"}}],
    "groundingSupports": [{"segment": {"endIndex": 2, "text": "Hi"}, "groundingChunkIndices": [0]}],
}
CHOSEN: Json = {
    "chosenCandidates": [{"token": "Hi", "logProbability": -0.1}],
    "topCandidates": [{"candidates": [{"token": "Hi", "logProbability": -0.1}]}],
}


def candidate(*parts: Json, **members: Any) -> Json:
    """A chunk of Gemini's with one candidate."""
    told = {"content": {"role": "model", "parts": list(parts)}, "index": 0, **members}
    return {"candidates": [told], "usageMetadata": COUNTED, "modelVersion": "m", "responseId": "r"}


GEMINI: list[Json] = [
    candidate({"text": "Hm", "thought": True, "thoughtSignature": "s"}),
    candidate({"text": "Hi"}, logprobsResult=CHOSEN, avgLogprobs=-0.1),
    candidate({"text": "", "thoughtSignature": "s"}),
    candidate({"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}, "thoughtSignature": "s"}),
    candidate({"executableCode": {"language": "PYTHON", "code": "1"}}),
    candidate({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}}),
    candidate({"inlineData": {"mimeType": "image/png", "data": "AAAA"}}),
    candidate(
        {"text": "."},
        groundingMetadata=GROUNDED,
        citationMetadata={"citations": [{"startIndex": 0, "endIndex": 2, "uri": "https://a.example"}]},
        urlContextMetadata={"urlMetadata": [{"retrievedUrl": "https://b.example"}]},
        safetyRatings=[{"category": "HARM_CATEGORY_HARASSMENT", "probability": "LOW"}],
    ),
    candidate(finishReason="STOP", finishMessage="Done."),
    {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": COUNTED},
    {"error": {"code": 503, "message": "No.", "status": "UNAVAILABLE"}},
]
GEMINI_ANSWER: Json = candidate(
    *(part for chunk in GEMINI[:7] for part in chunk["candidates"][0]["content"]["parts"]),
    finishReason="STOP",
    groundingMetadata=GROUNDED,
)


def piece(index: int, **delta: Any) -> Json:
    """A piece of one of Converse's blocks."""
    return {"contentBlockDelta": {"contentBlockIndex": index, "delta": delta, "p": "abc"}}


def opening(index: int, **start: Any) -> Json:
    """The start of one."""
    return {"contentBlockStart": {"contentBlockIndex": index, "start": start}}


def closing(index: int) -> Json:
    """Its end."""
    return {"contentBlockStop": {"contentBlockIndex": index}}


LOCATED: Json = {
    "title": "D",
    "source": "s",
    "sourceContent": [{"text": "Hi"}],
    "location": {"documentChar": {"documentIndex": 0, "start": 0, "end": 2}},
}
LINKED: Json = {"location": {"web": {"url": "https://a.example", "domain": "a.example"}}}
CONVERSE_USAGE: Json = {
    "inputTokens": 5,
    "outputTokens": 7,
    "totalTokens": 13,
    "cacheReadInputTokens": 1,
    "cacheWriteInputTokens": 0,
}
CONVERSE: list[Json] = [
    {"messageStart": {"role": "assistant", "p": "abc"}},
    piece(0, reasoningContent={"text": "Hm"}),
    piece(0, reasoningContent={"signature": "s"}),
    closing(0),
    piece(1, reasoningContent={"redactedContent": "AAAA"}),
    closing(1),
    piece(2, text="<thinking>Hm</thinking>"),
    piece(2, text="Hi"),
    piece(2, citation=LOCATED),
    piece(2, citation=LINKED),
    closing(2),
    opening(3, toolUse={"toolUseId": "s1", "name": "nova_grounding", "type": "server_tool_use"}),
    piece(3, toolUse={"input": '{"query":"q"}'}),
    closing(3),
    opening(4, toolResult={"toolUseId": "s1", "type": "nova_grounding_result", "status": "success"}),
    piece(4, toolResult=[{"text": "x"}, {"json": {"a": 1}}]),
    closing(4),
    opening(5, toolUse={"toolUseId": "c1", "name": "f"}),
    piece(5, toolUse={"input": '{"a":'}),
    piece(5, toolUse={"input": "1}"}),
    closing(5),
    {"messageStop": {"stopReason": "tool_use", "additionalModelResponseFields": {"stop_sequence": "x"}}},
    {"metadata": {"usage": CONVERSE_USAGE, "metrics": {"latencyMs": 5}, "serviceTier": {"type": "default"}}},
    {"throttlingException": {"message": "No."}},
]
CONVERSE_ANSWER: Json = {
    "output": {
        "message": {
            "role": "assistant",
            "content": [
                {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "s"}}},
                {"text": "Hi"},
                {"citationsContent": {"content": [{"text": "Hi"}], "citations": [LOCATED]}},
                {"toolUse": {"toolUseId": "c1", "name": "f", "input": {"a": 1}}},
            ],
        }
    },
    "stopReason": "tool_use",
    "usage": CONVERSE_USAGE,
    "metrics": {"latencyMs": 5},
}

DOCUMENT: Json = {"type": "document", "id": "doc:0", "document": {"id": "doc:0", "title": "A", "text": "Hi"}}
PAGE: Json = {"type": "tool", "id": "c0:0", "tool_output": {"url": "https://a.example", "title": "A"}}
NOTED: Json = {
    "start": 0,
    "end": 2,
    "text": "Hi",
    "type": "TEXT_CONTENT",
    "content_index": 1,
    "sources": [DOCUMENT, PAGE],
}
WEIGHED: Json = {"text": "Hi", "token_ids": [1, 2], "logprobs": [-0.1, -0.2]}
COHERE_USAGE: Json = {
    "billed_units": {"input_tokens": 1, "output_tokens": 1},
    "tokens": {"input_tokens": 5, "output_tokens": 7, "reasoning_tokens": 2},
    "cached_tokens": 1,
}
COHERE_CALL: Json = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}


def event(kind: str, index: int | None = None, /, **message: Any) -> Json:
    """One of Cohere's events."""
    told: Json = {"type": kind, "delta": {"message": message}}
    return told if index is None else {**told, "index": index}


COHERE_EVENTS: list[Json] = [
    event("message-start", role="assistant", content=[], tool_plan="", tool_calls=[], citations=[]),
    event("tool-plan-delta", tool_plan="Hm"),
    event("content-start", 0, content={"type": "thinking", "thinking": ""}),
    event("content-delta", 0, content={"thinking": "Hm"}),
    {"type": "content-end", "index": 0},
    event("content-start", 1, content={"type": "text", "text": ""}),
    {**event("content-delta", 1, content={"text": "Hi"}), "logprobs": WEIGHED},
    event("citation-start", 0, citations=NOTED),
    {"type": "citation-end", "index": 0},
    {"type": "content-end", "index": 1},
    event("tool-call-start", 0, tool_calls={**COHERE_CALL, "function": {"name": "f", "arguments": ""}}),
    event("tool-call-delta", 0, tool_calls={"function": {"arguments": '{"a":1}'}}),
    {"type": "tool-call-end", "index": 0},
    {"type": "message-end", "delta": {"finish_reason": "TOOL_CALL", "usage": COHERE_USAGE}},
    {"type": "message-end", "delta": {"finish_reason": "ERROR", "usage": {}, "error": "No."}},
]
COHERE_ANSWER: Json = {
    "id": "x",
    "message": {
        "role": "assistant",
        "tool_plan": "Hm",
        "content": [{"type": "thinking", "thinking": "Hm"}, {"type": "text", "text": "Hi"}],
        "citations": [NOTED],
        "tool_calls": [COHERE_CALL],
    },
    "logprobs": [WEIGHED],
    "finish_reason": "TOOL_CALL",
    "usage": COHERE_USAGE,
}


def _chat_answer() -> Json:
    said: Json = {}
    for chunk in CHAT:
        for choice in chunk.get("choices", ()):
            said |= choice.get("delta", {})
    return {"choices": [{"index": 0, "message": said, "finish_reason": "stop"}], "usage": COUNTS}


@dataclass(frozen=True, repr=False)
class Spoken:
    """One format in one dialect: what it says in a stream, and in a plain answer."""

    name: str
    transformer: Transformer[Any]
    profile: Any
    chunks: list[Json]
    answer: Json
    model: str = "m"

    def decoder(self, **request: Any) -> Decoder:
        """One for the answer to that request."""
        return self.transformer.decoder(Turn(self.model, request, []), self.profile)

    def __repr__(self) -> str:
        return self.name


SPOKEN = [
    Spoken("chat", CHAT_COMPLETIONS, PROFILES[0], CHAT, _chat_answer()),
    Spoken("chat with tags", CHAT_COMPLETIONS, PROFILES[1], CHAT, _chat_answer()),
    Spoken("chat with tiers", CHAT_COMPLETIONS, PROFILES[2], CHAT, _chat_answer()),
    Spoken("chat of a router", CHAT_COMPLETIONS, profiles.OPENROUTER, CHAT, _chat_answer(), "google/m"),
    Spoken("responses", OPENAI_RESPONSES, profile.OPENAI, NATIVE, ANSWER),
    Spoken(
        "messages",
        ANTHROPIC_MESSAGES,
        anthropic.ANTHROPIC,
        MESSAGES,
        {**ENVELOPE, "content": BLOCKS, "stop_reason": "tool_use"},
        "claude-opus-5",
    ),
    Spoken(
        "messages by invocation",
        ANTHROPIC_MESSAGES,
        anthropic.BEDROCK,
        INVOKED,
        {**ENVELOPE, "content": BLOCKS, "stop_reason": "tool_use"},
        "anthropic.claude-opus-5",
    ),
    Spoken("gemini", GEMINI_GENERATE_CONTENT, gemini.GEMINI, GEMINI, GEMINI_ANSWER, "gemini-3-pro"),
    Spoken("vertex", GEMINI_GENERATE_CONTENT, gemini.VERTEX, GEMINI, GEMINI_ANSWER, "gemini-2.5-flash"),
    Spoken(
        "converse", BEDROCK_CONVERSE, bedrock.BEDROCK, CONVERSE, CONVERSE_ANSWER, "amazon.nova-2-lite-v1:0"
    ),
    Spoken(
        "converse with Claude",
        BEDROCK_CONVERSE,
        bedrock.BEDROCK,
        CONVERSE,
        CONVERSE_ANSWER,
        "us.anthropic.claude-opus-5",
    ),
    Spoken("cohere", COHERE_CHAT, COHERE, COHERE_EVENTS, COHERE_ANSWER),
]
