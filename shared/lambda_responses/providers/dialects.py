"""Which transformer speaks a wire format, and which profile is a vendor's dialect of it.

Formats are imported when they are first spoken: doors that never call a model do not pay for them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

    from lambda_responses.providers.catalog import WireFormat
    from lambda_responses.transformers.base import Transformer


_PROFILES = (
    "lambda_responses.transformers.chat_completions.profiles",
    "lambda_responses.transformers.openai_responses.profile",
    "lambda_responses.transformers.anthropic_messages.profiles",
    "lambda_responses.transformers.gemini_generate_content.profiles",
    "lambda_responses.transformers.bedrock_converse.profiles",
    "lambda_responses.transformers.cohere_chat.profile",
)


def dialect(format: WireFormat, vendor: str) -> tuple[Transformer[Any], Any]:
    """A format's transformer, and that vendor's profile of it or, where it has none, the cautious one."""
    match format:
        case "chat_completions":
            from lambda_responses.transformers.chat_completions import CHAT_COMPLETIONS, profiles

            return CHAT_COMPLETIONS, _profile_in(profiles, vendor)
        case "openai_responses":
            from lambda_responses.transformers.openai_responses import OPENAI_RESPONSES, profile

            return OPENAI_RESPONSES, _constants(profile).get(_key(vendor), profile.ResponsesProfile())
        case "anthropic_messages":
            from lambda_responses.transformers.anthropic_messages import ANTHROPIC_MESSAGES, profiles

            return ANTHROPIC_MESSAGES, _profile_in(profiles, vendor)
        case "gemini_generate_content":
            from lambda_responses.transformers.gemini_generate_content import (
                GEMINI_GENERATE_CONTENT,
                profiles,
            )

            return GEMINI_GENERATE_CONTENT, _profile_in(profiles, vendor)
        case "bedrock_converse":
            from lambda_responses.transformers.bedrock_converse import BEDROCK_CONVERSE, profiles

            return BEDROCK_CONVERSE, _profile_in(profiles, vendor)
        case "cohere_chat":
            from lambda_responses.transformers.cohere_chat import COHERE_CHAT, profile

            return COHERE_CHAT, _profile_in(profile, vendor)


def has_dialect(vendor: str) -> bool:
    """Whether any format knows that vendor, `default` included."""
    return any(_key(vendor) in _constants(import_module(each)) for each in _PROFILES)


def _profile_in(profiles: ModuleType, vendor: str) -> Any:
    known = _constants(profiles)
    return known.get(_key(vendor), known["default"])


def _constants(module: ModuleType) -> dict[str, Any]:
    return {
        _key(name): value
        for name, value in vars(module).items()
        if name.isupper() and hasattr(value, "path")  # every profile says where its format is served
    }


def _key(vendor: str) -> str:
    """`LLAMA_CPP`, `llama-cpp` and `llamacpp` are one."""
    return "".join(c for c in vendor.lower() if c.isalnum())
