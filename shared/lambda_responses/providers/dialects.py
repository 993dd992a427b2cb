"""Which transformer speaks a wire format, and which profile is a vendor's dialect of it.

Formats are imported when they are first spoken: doors that never call a model do not pay for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

    from lambda_responses.providers.catalog import WireFormat
    from lambda_responses.transformers.base import Transformer


def dialect(format: WireFormat, vendor: str) -> tuple[Transformer[Any], Any]:
    """A format's transformer, and that vendor's profile of it or, where it has none, the cautious one."""
    match format:
        case "chat_completions":
            from lambda_responses.transformers.chat_completions import CHAT_COMPLETIONS, profiles

            return CHAT_COMPLETIONS, _constants(profiles).get(_key(vendor), profiles.DEFAULT)
        case "openai_responses":
            from lambda_responses.transformers.openai_responses import OPENAI_RESPONSES, profile

            return OPENAI_RESPONSES, _constants(profile).get(_key(vendor), profile.ResponsesProfile())


def has_dialect(vendor: str) -> bool:
    """Whether any format knows that vendor, `default` included."""
    from lambda_responses.transformers.chat_completions import profiles
    from lambda_responses.transformers.openai_responses import profile

    return _key(vendor) in _constants(profiles) or _key(vendor) in _constants(profile)


def _constants(module: ModuleType) -> dict[str, Any]:
    return {
        _key(name): value
        for name, value in vars(module).items()
        if name.isupper() and hasattr(value, "path")  # every profile says where its format is served
    }


def _key(vendor: str) -> str:
    """`LLAMA_CPP`, `llama-cpp` and `llamacpp` are one."""
    return "".join(c for c in vendor.lower() if c.isalnum())
