"""The vendors, one row each: where they are, what they speak, how they are paid.

To add a vendor that speaks a format which exists, add a row. An operator adds rows in the models file.
Addresses are those of the vendors' own documentation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

WireFormat: TypeAlias = Literal[
    "chat_completions",
    "openai_responses",
    "anthropic_messages",
    "gemini_generate_content",
    "bedrock_converse",
    "cohere_chat",
]
Auth: TypeAlias = Literal["bearer", "api-key", "x-api-key", "x-goog-api-key"]
Account: TypeAlias = Literal["key", "azure", "aws", "google"]

SCRIPTED = "scripted"
LOCAL = "local"
RESERVED = (SCRIPTED, LOCAL)
"""Providers that are no rows: they run inside this process."""

WIRE_APIS: dict[str, WireFormat] = {
    "chat": "chat_completions",
    "responses": "openai_responses",
    "messages": "anthropic_messages",
    "generate_content": "gemini_generate_content",
    "converse": "bedrock_converse",
    "cohere": "cohere_chat",
}
"""What `<PROVIDER>_WIRE_API` may say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How some of a vendor's models are spoken to, where that is elsewhere or different from the rest."""

    format: WireFormat
    models: str = "*"
    """A shell pattern."""
    base_url: str = ""
    """Where; by default at the row's."""
    profile: str = ""
    """Whose dialect it is; by default the row's."""
    service: str = "bedrock"
    """Which service of AWS's a signature is for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One vendor. Addresses may have places for `{region}` (aws) or `{host}` and `{location}` … (google)."""

    name: str
    base_url: str = ""
    """The documented address; empty where every customer has their own."""
    format: WireFormat = "chat_completions"
    formats: Mapping[str, WireFormat] = field(default_factory=dict[str, "WireFormat"])
    """Models (shell patterns) that are spoken to in another format; the first that fits counts."""
    ways: tuple[Way, ...] = ()
    """What else depends on format and model; the first that fits counts."""
    words: Mapping[str, WireFormat] = field(default_factory=dict[str, "WireFormat"])
    """Words that choose the format, between the prefix and the model: `bedrock/invoke/…`."""
    profile: str = ""
    """The vendor whose dialect this is; by default its own."""
    aliases: tuple[str, ...] = ()
    """Other prefixes that mean it, mostly LiteLLM's."""
    spellings: Mapping[str, str] = field(default_factory=dict[str, str])
    """Prefixes that mean it and one of its words."""
    env: str = ""
    """The prefix of its environment variables; by default its name."""
    keys: tuple[str, ...] = ()
    """Other variables that may hold its key: those that its own library reads."""
    auth: Auth = "bearer"
    """The header that carries its key."""
    account: Account = "key"
    """Whose credentials and addresses it has: those of one of the large clouds, or a key and a fixed one."""
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

    def way_to(self, model: str) -> tuple[Way, str]:
        """How a model is spoken to, and its id without the word that may have said so."""
        word, slash, rest = model.partition("/")
        format = self.words.get(word) if slash and rest else None
        if format is None:
            rest, format = model, self.format_of(model)
        for way in self.ways:
            if way.format == format and fnmatchcase(rest, way.models):
                return way, rest
        return Way(format=format), rest

    def format_of(self, model: str) -> WireFormat:
        """The format in which that model is spoken to."""
        for pattern, format in self.formats.items():
            if fnmatchcase(model, pattern):
                return format
        return self.format


def _by_name(*rows: Row) -> dict[str, Row]:
    return {row.name: row for row in rows}


_GOOGLE_PROJECT = "https://{host}/v1/projects/{project}/locations/{location}"
_MANTLE = "https://bedrock-mantle.{region}.api.aws"

CATALOG: dict[str, Row] = _by_name(
    Row(
        name="openai",
        base_url="https://api.openai.com/v1",
        format="openai_responses",
        formats={"*-search-preview*": "chat_completions", "*-audio*": "chat_completions"},
    ),
    Row(
        name="anthropic",
        base_url="https://api.anthropic.com",
        format="anthropic_messages",
        ways=(Way(format="chat_completions", base_url="https://api.anthropic.com/v1"),),
        auth="x-api-key",
    ),
    Row(
        name="gemini",
        base_url="https://generativelanguage.googleapis.com",
        format="gemini_generate_content",
        ways=(
            Way(
                format="chat_completions",
                base_url="https://generativelanguage.googleapis.com/v1beta/openai",
            ),
        ),
        aliases=("google", "google_ai_studio", "google_genai"),
        keys=("GOOGLE_API_KEY",),
        auth="x-goog-api-key",
    ),
    Row(
        name="vertex",
        base_url=f"{_GOOGLE_PROJECT}/publishers",
        format="gemini_generate_content",
        formats={"claude-*": "anthropic_messages", "*/*": "chat_completions"},
        ways=(Way(format="chat_completions", base_url=f"{_GOOGLE_PROJECT}/endpoints/openapi"),),
        aliases=("vertex_ai", "vertex_ai_beta", "google_vertex"),
        auth="x-goog-api-key",
        account="google",
    ),
    Row(
        name="bedrock",
        base_url="https://bedrock-runtime.{region}.amazonaws.com",
        format="bedrock_converse",
        # The runtime's ids of OpenAI's models have a version, and Mantle's have none.
        formats={"openai.*:*": "bedrock_converse", "openai.*": "openai_responses"},
        ways=(
            Way(
                format="openai_responses",
                models="openai.gpt-oss*",
                base_url=f"{_MANTLE}/v1",
                profile="bedrock_mantle",
                service="bedrock-mantle",
            ),
            Way(
                format="openai_responses",
                models="openai.*",
                base_url=f"{_MANTLE}/openai/v1",
                profile="bedrock_mantle",
                service="bedrock-mantle",
            ),
            Way(
                format="openai_responses",
                base_url=f"{_MANTLE}/v1",
                profile="bedrock_mantle",
                service="bedrock-mantle",
            ),
            Way(
                format="chat_completions",
                base_url="https://bedrock-runtime.{region}.amazonaws.com/openai/v1",
            ),
        ),
        words={
            "converse": "bedrock_converse",
            "invoke": "anthropic_messages",
            "mantle": "openai_responses",
        },
        spellings={"bedrock_converse": "converse", "bedrock_mantle": "mantle"},
        account="aws",
        headers={"accept": "application/vnd.amazon.eventstream, text/event-stream, application/json"},
    ),
    Row(
        name="azure",
        format="openai_responses",
        env="AZURE_OPENAI",
        aliases=("azure_openai",),
        auth="api-key",
        account="azure",
    ),
    Row(name="azure_ai", profile="azure", auth="api-key"),
    Row(
        name="cohere",
        base_url="https://api.cohere.com",
        format="cohere_chat",
        aliases=("cohere_chat",),
        keys=("CO_API_KEY",),
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
    Row(
        name="huggingface",
        base_url="https://router.huggingface.co/v1",
        keys=("HF_TOKEN",),
        nested_ids=True,
    ),
    Row(
        name="nvidia",
        base_url="https://integrate.api.nvidia.com/v1",
        aliases=("nvidia_nim",),
        nested_ids=True,
    ),
    Row(name="moonshot", base_url="https://api.moonshot.ai/v1"),
    Row(
        name="alibaba",
        base_url="https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        aliases=("dashscope",),
        keys=("DASHSCOPE_API_KEY",),
    ),
    Row(name="zai", base_url="https://api.z.ai/api/paas/v4"),
    Row(name="xiaomi", base_url="https://api.xiaomimimo.com/v1", aliases=("xiaomi_mimo",)),
    Row(name="minimax", base_url="https://api.minimax.io/v1"),
    Row(name="deepinfra", base_url="https://api.deepinfra.com/v1/openai", nested_ids=True),
    Row(name="sambanova", base_url="https://api.sambanova.ai/v1"),
    Row(name="baseten", base_url="https://inference.baseten.co/v1", nested_ids=True),
    Row(name="venice", base_url="https://api.venice.ai/api/v1"),
    Row(
        name="vercel",
        base_url="https://ai-gateway.vercel.sh/v1",
        aliases=("vercel_ai_gateway", "vercel_gateway"),
        keys=("AI_GATEWAY_API_KEY", "VERCEL_AI_GATEWAY_API_KEY"),
        nested_ids=True,
    ),
    Row(name="databricks", nested_ids=True),
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
    Row(
        name="lmstudio",
        base_url="http://localhost:1234/v1",
        aliases=("lm_studio",),
        needs_key=False,
        nested_ids=True,
    ),
    Row(
        name="llamacpp",
        base_url="http://localhost:8080/v1",
        aliases=("llama_cpp",),
        needs_key=False,
        nested_ids=True,
    ),
)
