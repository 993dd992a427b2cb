"""The rows, and the dialects that they name."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lambda_responses.providers.catalog import CATALOG, Row
from lambda_responses.providers.dialects import dialect, has_dialect
from lambda_responses.transformers.chat_completions import CHAT_COMPLETIONS, profiles
from lambda_responses.transformers.openai_responses import OPENAI_RESPONSES
from lambda_responses.transformers.openai_responses.profile import OPENAI, ResponsesProfile

PROMISED = (
    "openai anthropic gemini vertex bedrock azure cohere openrouter groq mistral deepseek xai together"
    " fireworks cerebras perplexity huggingface nvidia moonshot ollama vllm"
)


@pytest.mark.parametrize("name", PROMISED.split())
def test_every_promised_provider_has_a_row_with_a_dialect_of_its_own(name: str):
    row = CATALOG[name]
    assert has_dialect(row.profile or row.name)


def test_names_and_prefixes_are_told_apart():
    names = [name for row in CATALOG.values() for name in (row.name, *row.aliases)]
    assert len(names) == len(set(names))
    prefixes = [row.env_prefix for row in CATALOG.values()]
    assert len(prefixes) == len(set(prefixes))


def test_only_the_customers_own_address_is_not_documented():
    assert [row.name for row in CATALOG.values() if not row.base_url] == [
        "azure",
        "azure_ai",
        "databricks",
    ]
    assert all(
        row.base_url.startswith("https://") for row in CATALOG.values() if row.needs_key and row.base_url
    )


def test_a_prefix_is_the_name_in_capitals():
    assert Row(name="my-llm.v2").env_prefix == "MY_LLM_V2"
    assert CATALOG["azure"].env_prefix == "AZURE_OPENAI"


def test_a_model_can_have_a_format_of_its_own():
    openai = CATALOG["openai"]
    assert openai.format_of("gpt-5") == "openai_responses"
    assert openai.format_of("gpt-4o-search-preview") == "chat_completions"


def test_a_format_has_a_transformer_and_the_vendors_dialect():
    assert dialect("chat_completions", "groq") == (CHAT_COMPLETIONS, profiles.GROQ)
    assert dialect("openai_responses", "openai") == (OPENAI_RESPONSES, OPENAI)
    assert dialect("chat_completions", "llama-cpp") == (CHAT_COMPLETIONS, profiles.LLAMACPP)


def test_a_vendor_without_a_dialect_gets_the_cautious_one():
    assert dialect("chat_completions", "nobody") == (CHAT_COMPLETIONS, profiles.DEFAULT)
    assert dialect("openai_responses", "groq") == (OPENAI_RESPONSES, ResponsesProfile())
    assert not has_dialect("nobody")


def test_knowing_the_models_imports_neither_formats_nor_the_network():
    code = """
import sys
from lambda_responses.providers.models_file import read_models_file
from lambda_responses.providers.routing import ProviderRouter
ProviderRouter({"GROQ_API_KEY": "k"}, models_file=read_models_file({"aliases": {"a": "groq/b"}})).ready()
heavy = {"httpx", "xllamacpp", "lambda_responses.providers.http"}
heavy |= {"lambda_responses.transformers.chat_completions", "lambda_responses.transformers.openai_responses"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
