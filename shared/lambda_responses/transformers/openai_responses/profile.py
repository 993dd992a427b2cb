"""Vendors of the Responses API, and how each one's dialect differs from the live API, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ResponsesProfile:
    """One vendor's dialect. The defaults suit a server that is only known to speak the format."""

    path: str = "responses"
    count_path: str = ""
    """Where input tokens are counted; empty where nobody counts them."""
    streams: bool = True
    """Whether it can answer as a stream."""
    asks_for_seals: bool = False
    """Whether `include: ["reasoning.encrypted_content"]` is accepted, so that reasoning can be replayed."""
    unsealed_models: tuple[str, ...] = ()
    """Prefixes of the models that refuse that `include`, because they do not reason or reason in the open."""
    takes_reasoning_text: bool = False
    """Whether reasoning may be replayed in the open: models whose reasoning text is their own to read."""
    needs_ids: bool = False
    """Whether replayed items must have an id, whosever. Servers that look nothing up validate them all."""
    takes_call_status: bool = True
    """Whether replayed function calls may have a status."""
    wants_calls_last: bool = False
    """Whether text between two calls of one model turn must be moved before them."""
    refused: frozenset[str] = frozenset()
    """Request keys that it answers with an error; they are left out and named."""
    compacts: bool = False
    """Whether it is documented to compact by itself: at a threshold, on request, and at an endpoint."""
    misreported: frozenset[str] = frozenset()
    """Response fields that it fills with something else than the API means by them."""


_UNSEALED_OPENAI_MODELS = ("gpt-3.5", "gpt-4", "ft:gpt-3.5", "ft:gpt-4", "chatgpt-4o", "gpt-5-chat")

_COUNT_PATH = "responses/input_tokens"

OPENAI = ResponsesProfile(
    count_path=_COUNT_PATH,
    asks_for_seals=True,
    unsealed_models=_UNSEALED_OPENAI_MODELS,
    compacts=True,
)
AZURE = ResponsesProfile(asks_for_seals=True, unsealed_models=_UNSEALED_OPENAI_MODELS)
COPILOT = ResponsesProfile(asks_for_seals=True, unsealed_models=_UNSEALED_OPENAI_MODELS)
CODEX_BACKEND = ResponsesProfile(asks_for_seals=True, refused=frozenset({"max_output_tokens"}), compacts=True)
XAI = ResponsesProfile(asks_for_seals=True, unsealed_models=("grok-2", "grok-3"))
BEDROCK_MANTLE = ResponsesProfile(
    asks_for_seals=True, unsealed_models=("openai.gpt-oss",), takes_reasoning_text=True
)
DEEPSEEK = ResponsesProfile(takes_reasoning_text=True, wants_calls_last=True)
OPENROUTER = ResponsesProfile(takes_reasoning_text=True)
VLLM = ResponsesProfile(takes_reasoning_text=True, needs_ids=True, takes_call_status=False)
LLAMA_CPP = ResponsesProfile(
    count_path=_COUNT_PATH,
    takes_reasoning_text=True,
    needs_ids=True,
    misreported=frozenset({"model"}),  # a path on the server's disk
)
LM_STUDIO = ResponsesProfile(takes_reasoning_text=True, needs_ids=True)
MISTRAL_RS = ResponsesProfile(takes_reasoning_text=True, needs_ids=True)
