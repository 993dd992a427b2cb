"""What an operator may write about models, and what is said of what cannot be used."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.providers.base import ProviderSettingsError
from lambda_responses.providers.catalog import CATALOG
from lambda_responses.providers.models_file import ModelsFile, read_models_file
from lambda_responses.providers.prices import Price

WHOLE = {
    "aliases": {"fast": "groq/llama", "best": ["openai/gpt-5", "acme/big"]},
    "providers": {
        "acme": {
            "base_url": "https://llm.acme.example/v1",
            "format": "openai_responses",
            "formats": {"old-*": "chat_completions"},
            "profile": "vllm",
            "auth": "api-key",
            "headers": {"x-team": "search"},
            "models": ["big"],
        },
        "groq": {"models": ["llama"]},
    },
    "prices": {
        "groq/llama": {"input": 0.5, "output": 1},
        "acme/big": {"input": 1, "cached_input": 0, "output": 2},
    },
}


def test_an_empty_file_says_nothing():
    assert read_models_file({}) == ModelsFile()


def test_aliases_have_targets_in_order():
    assert read_models_file(WHOLE).aliases == {"fast": ("groq/llama",), "best": ("openai/gpt-5", "acme/big")}


def test_a_new_provider_is_a_row():
    row = read_models_file(WHOLE).providers["acme"]
    assert (row.base_url, row.auth, row.profile) == ("https://llm.acme.example/v1", "api-key", "vllm")
    assert (row.format_of("new"), row.format_of("old-1")) == ("openai_responses", "chat_completions")
    assert (row.headers, row.models, row.needs_key) == ({"x-team": "search"}, ("big",), False)


def test_a_known_provider_keeps_what_is_not_said():
    row = read_models_file(WHOLE).providers["groq"]
    assert row.models == ("llama",)
    assert row.base_url == CATALOG["groq"].base_url
    assert row.needs_key


def test_prices_are_those_of_a_million_tokens():
    prices = read_models_file(WHOLE).prices
    assert prices == {"groq/llama": Price(0.5, 1), "acme/big": Price(1, 2, cached_input=0)}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "The models file is not a JSON object."),
        ({"alias": {}}, "the models file has no member 'alias'; it may have aliases, providers, prices."),
        ({"aliases": []}, "aliases is not a JSON object."),
        ({"aliases": {"a": []}}, "aliases.a names no model."),
        ({"aliases": {"a": ""}}, "aliases.a names no model."),
        ({"aliases": {"a": 1}}, "aliases.a is not a list."),
        ({"aliases": {"a": [1]}}, "aliases.a is not a string with something in it."),
        ({"providers": {"a/b": {}}}, "providers.a/b: a provider's name is not empty and has no slash."),
        (
            {"providers": {"local": {}}},
            "providers.local: that name is taken by a provider inside this server.",
        ),
        (
            {"providers": {"a": {"api_key": "k"}}},
            "providers.a has no member 'api_key'; it may have base_url,",
        ),
        ({"providers": {"a": {"format": "x"}}}, "providers.a.format is not one of chat_completions, "),
        ({"providers": {"a": {"formats": {"p": 1}}}}, "providers.a.formats.p is not one of"),
        (
            {"providers": {"a": {"auth": "basic"}}},
            "providers.a.auth is not one of bearer, api-key, x-api-key, x-goog-api-key.",
        ),
        (
            {"providers": {"a": {"profile": "nobody"}}},
            "providers.a.profile is not a dialect that this server knows.",
        ),
        (
            {"providers": {"a": {"base_url": ""}}},
            "providers.a.base_url is not a string with something in it.",
        ),
        ({"prices": {"m": {"input": 1}}}, "prices.m has no 'output'."),
        ({"prices": {"m": {"input": -1, "output": 1}}}, "prices.m.input is not a price."),
        ({"prices": {"m": {"input": True, "output": 1}}}, "prices.m.input is not a price."),
        ({"prices": {"m": {"input": 1, "output": float("nan")}}}, "prices.m.output is not a price."),
    ],
)
def test_what_cannot_be_used_is_said_in_one_sentence(content: Any, message: str):
    with pytest.raises(ProviderSettingsError) as raised:
        read_models_file(content)
    assert str(raised.value).startswith(message)


NAMES = st.sampled_from(
    [
        "aliases",
        "providers",
        "prices",
        "format",
        "base_url",
        "models",
        "profile",
        "input",
        "output",
        "groq",
        "",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_a_models_file_or_a_sentence(content: Any):
    with suppress(ProviderSettingsError):
        assert isinstance(read_models_file(content), ModelsFile)


def test_an_address_that_is_none_stops_the_start() -> None:
    with pytest.raises(ProviderSettingsError) as raised:
        read_models_file({"providers": {"acme": {"base_url": "notaurl"}}})
    assert str(raised.value) == "providers.acme.base_url is not an http or https address."
