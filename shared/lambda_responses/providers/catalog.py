"""The vendors of OpenAI-compatible APIs, one row each.

To add a vendor that speaks a format which exists, add a row. An operator adds rows in the models file.
Addresses are those of the vendors' own documentation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

WireFormat: TypeAlias = Literal["chat_completions", "openai_responses"]
Auth: TypeAlias = Literal["bearer", "api-key"]

SCRIPTED = "scripted"
LOCAL = "local"
RESERVED = (SCRIPTED, LOCAL)
"""Providers that are no rows: they run inside this process."""

WIRE_APIS: dict[str, WireFormat] = {"chat": "chat_completions", "responses": "openai_responses"}
"""What `<PROVIDER>_WIRE_API` may say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One vendor: where it is, what it speaks, and how it wants to be paid."""

    name: str
    base_url: str = ""
    """The documented address; empty where every customer has their own."""
    format: WireFormat = "chat_completions"
    formats: Mapping[str, WireFormat] = field(default_factory=dict[str, "WireFormat"])
    """Models (shell patterns) that are spoken to in another format; the first that fits counts."""
    profile: str = ""
    """The vendor whose dialect this is; by default its own."""
    aliases: tuple[str, ...] = ()
    """Other prefixes that mean it, mostly LiteLLM's."""
    env: str = ""
    """The prefix of its environment variables; by default its name."""
    auth: Auth = "bearer"
    needs_key: bool = True
    """Whether the documented address wants a key. At an operator's own address a key is optional."""
    nested_ids: bool = False
    """Whether its model ids may contain a slash, so that one can be meant by `maker/model`."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    models: tuple[str, ...] = ()
    """Models that the operator wants listed."""

    @property
    def env_prefix(self) -> str:
        """`GROQ` in `GROQ_API_KEY`, `GROQ_BASE_URL` and `GROQ_WIRE_API`."""
        return self.env or "".join(c if c.isalnum() else "_" for c in self.name).upper()

    def format_of(self, model: str) -> WireFormat:
        """The format in which that model is spoken to."""
        for pattern, format in self.formats.items():
            if fnmatchcase(model, pattern):
                return format
        return self.format


def _by_name(*rows: Row) -> dict[str, Row]:
    return {row.name: row for row in rows}


CATALOG: dict[str, Row] = _by_name(
    Row(
        name="openai",
        base_url="https://api.openai.com/v1",
        format="openai_responses",
        formats={"*-search-preview*": "chat_completions", "*-audio*": "chat_completions"},
    ),
    Row(
        name="azure",
        format="openai_responses",
        env="AZURE_OPENAI",
        aliases=("azure_openai",),
        auth="api-key",
    ),
    Row(name="openrouter", base_url="https://openrouter.ai/api/v1", nested_ids=True),
    Row(name="groq", base_url="https://api.groq.com/openai/v1", nested_ids=True),
    Row(name="mistral", base_url="https://api.mistral.ai/v1"),
    Row(name="deepseek", base_url="https://api.deepseek.com"),
    Row(name="xai", base_url="https://api.x.ai/v1", format="openai_responses"),
    Row(
        name="together",
        base_url="https://api.together.xyz/v1",
        aliases=("together_ai",),
        nested_ids=True,
    ),
    Row(
        name="fireworks",
        base_url="https://api.fireworks.ai/inference/v1",
        aliases=("fireworks_ai",),
        nested_ids=True,
    ),
    Row(name="cerebras", base_url="https://api.cerebras.ai/v1"),
    Row(name="perplexity", base_url="https://api.perplexity.ai"),
    Row(name="huggingface", base_url="https://router.huggingface.co/v1", nested_ids=True),
    Row(
        name="nvidia",
        base_url="https://integrate.api.nvidia.com/v1",
        aliases=("nvidia_nim",),
        nested_ids=True,
    ),
    Row(name="moonshot", base_url="https://api.moonshot.ai/v1"),
    Row(
        name="ollama",
        base_url="http://localhost:11434/v1",
        aliases=("ollama_chat",),
        needs_key=False,
        nested_ids=True,
    ),
    Row(
        name="vllm",
        base_url="http://localhost:8000/v1",
        aliases=("hosted_vllm",),
        needs_key=False,
        nested_ids=True,
    ),
)
