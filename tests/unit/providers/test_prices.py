"""What a model's tokens cost."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_responses.providers.models_file import read_models_file
from lambda_responses.providers.prices import Price, price_of
from lambda_responses.providers.routing import ProviderRouter
from lambda_responses.wire.usage import usage

PRICE = Price(input=2, output=10, cached_input=0.5)


@pytest.mark.parametrize(
    ("used", "dollars"),
    [
        (None, 0),
        ({}, 0),
        (usage(1_000_000, 0), 2),
        (usage(0, 1_000_000), 10),
        (usage(1_000_000, 100_000, cached_tokens=400_000), 1.2 + 0.2 + 1),
        ({"input_tokens": 10, "input_tokens_details": {"cached_tokens": 99}, "output_tokens": 0}, 5e-6),
        ({"input_tokens": 10, "input_tokens_details": None, "output_tokens": None}, 2e-5),
    ],
)
def test_a_usage_costs_what_its_tokens_cost(used: Any, dollars: float):
    assert PRICE.cost(used) == pytest.approx(dollars)


def test_what_was_cached_costs_as_much_as_all_else_where_nobody_says_otherwise():
    assert Price(2, 10).cost(usage(1_000_000, 0, cached_tokens=1_000_000)) == 2


def test_a_name_counts_before_the_patterns_that_it_fits():
    prices = {"acme/*": Price(1, 1), "acme/big-*": Price(2, 2), "acme/big-one": Price(3, 3)}
    assert price_of("acme/big-one", prices) == Price(3, 3)
    assert price_of("acme/big-two", prices) == Price(1, 1)
    assert price_of("other/big-one", prices) is None


def test_targets_know_their_price():
    file = {
        "aliases": {"fast": ["groq/llama", "scripted/echo"]},
        "prices": {"groq/*": {"input": 0.5, "output": 1}, "openai/gpt-5": {"input": 2, "output": 8}},
    }
    keys = {"GROQ_API_KEY": "gsk-g", "OPENAI_API_KEY": "sk-o"}
    router = ProviderRouter(keys, models_file=read_models_file(file))
    assert [target.price for target in router.resolve("fast")] == [Price(0.5, 1), None]
    assert [target.price for target in router.resolve("gpt-5")] == [Price(2, 8)]
    assert [target.price for target in ProviderRouter(keys).resolve("gpt-5")] == [None]
