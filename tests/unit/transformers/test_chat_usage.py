"""Token counts, vendor by vendor."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_responses.transformers.chat_completions.usage import map_usage


def counts(prompt: int, completion: int, total: int, **more: Any) -> dict[str, Any]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total, **more}


@pytest.mark.parametrize(
    ("vendor", "counted", "expected"),
    [
        ("plain", counts(10, 5, 15), (10, 0, 0, 5, 0)),
        (
            "OpenAI",
            counts(
                100,
                50,
                150,
                prompt_tokens_details={"cached_tokens": 64, "audio_tokens": 0},
                completion_tokens_details={"reasoning_tokens": 40},
            ),
            (100, 64, 0, 50, 40),
        ),
        ("OpenRouter", counts(9, 1, 10, prompt_tokens_details={"cache_write_tokens": 8}), (9, 0, 8, 1, 0)),
        (
            "DeepSeek",
            counts(9, 1, 10, prompt_cache_hit_tokens=7, prompt_cache_miss_tokens=2),
            (9, 7, 0, 1, 0),
        ),
        (
            "Anthropic behind a router",
            counts(9, 1, 10, cache_read_input_tokens=4, cache_creation_input_tokens=3),
            (9, 4, 3, 1, 0),
        ),
        ("Moonshot", counts(9, 1, 10, cached_tokens=5), (9, 5, 0, 1, 0)),
        (
            "xAI",
            counts(468, 77, 1127, completion_tokens_details={"reasoning_tokens": 582}),
            (468, 0, 0, 659, 582),
        ),
        ("Gemini", counts(35, 12, 109), (35, 0, 0, 74, 62)),
        ("Cerebras", counts(79, 2, 83, completion_tokens_details={"reasoning_tokens": 0}), (79, 0, 0, 2, 0)),
        ("Together", counts(95, 2048, 2143, reasoning_tokens=2051), (95, 0, 0, 2048, 2048)),
        (
            "Grok on Azure",
            counts(298, 14, 312, prompt_tokens_details={"cached_tokens": 387}),
            (298, 298, 0, 14, 0),
        ),
        (
            "nulls",
            counts(9, 1, 10, prompt_tokens_details=None, completion_tokens_details=None),
            (9, 0, 0, 1, 0),
        ),
        ("nothing", {}, (0, 0, 0, 0, 0)),
    ],
)
def test_counts_are_those_of_the_api(vendor: str, counted: dict[str, Any], expected: tuple[int, ...]) -> None:
    usage = map_usage(counted)
    assert (
        usage["input_tokens"],
        usage["input_tokens_details"]["cached_tokens"],
        usage["input_tokens_details"]["cache_write_tokens"],
        usage["output_tokens"],
        usage["output_tokens_details"]["reasoning_tokens"],
    ) == expected, vendor
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
