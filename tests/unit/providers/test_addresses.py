"""How a base URL and a format's path make an address."""

from __future__ import annotations

import pytest

from lambda_responses.providers.addresses import filled, is_address, is_loopback, join, moved, secrets_in

LOCAL = "http://127.0.0.1:9300"


@pytest.mark.parametrize(
    ("base_url", "path", "joined"),
    [
        # a path without a version goes below whatever there is
        ("https://api.openai.com/v1", "responses", "https://api.openai.com/v1/responses"),
        ("https://api.deepseek.com", "chat/completions", "https://api.deepseek.com/chat/completions"),
        ("https://h/v1/", "responses", "https://h/v1/responses"),
        # one with a version does not say it twice
        (LOCAL, "v1/messages", f"{LOCAL}/v1/messages"),
        (f"{LOCAL}/v1", "v1/messages", f"{LOCAL}/v1/messages"),
        (f"{LOCAL}/v1/", "v1/messages", f"{LOCAL}/v1/messages"),
        ("https://proxy/anthropic/v1", "v1/messages", "https://proxy/anthropic/v1/messages"),
        # the operator knows which stage of a version is there, and the format which version it speaks
        (f"{LOCAL}/v1", "v1beta/models/m:go", f"{LOCAL}/v1/models/m:go"),
        (f"{LOCAL}/v1beta", "v1beta/models/m:go", f"{LOCAL}/v1beta/models/m:go"),
        (f"{LOCAL}/v1alpha", "v1beta/models/m:go", f"{LOCAL}/v1alpha/models/m:go"),
        (f"{LOCAL}/v1", "v2/chat", f"{LOCAL}/v2/chat"),
        # what only looks like a version is none
        ("https://h/vertex", "v1/messages", "https://h/vertex/v1/messages"),
        ("https://h/v1/models", "v1/messages", "https://h/v1/models/v1/messages"),
        # what is percent-encoded stays so
        ("https://h", "model/a%3A0/converse", "https://h/model/a%3A0/converse"),
    ],
)
def test_paths_go_below_base_urls(base_url: str, path: str, joined: str):
    assert join(base_url, path) == joined


@pytest.mark.parametrize(
    ("base_url", "path", "query", "joined"),
    [
        ("https://h/v1", "responses", "api-version=1", "https://h/v1/responses?api-version=1"),
        ("https://h", "m:go?alt=sse", "", "https://h/m:go?alt=sse"),
        ("https://h", "m:go?alt=sse", "api-version=1", "https://h/m:go?alt=sse&api-version=1"),
        ("https://h/v1?team=a", "m:go?alt=sse", "", "https://h/v1/m:go?alt=sse&team=a"),
        ("https://h?team=a", "x", "api-version=1", "https://h/x?team=a&api-version=1"),
    ],
)
def test_queries_add_up(base_url: str, path: str, query: str, joined: str):
    assert join(base_url, path, query) == joined


@pytest.mark.parametrize(
    ("documented", "root", "address"),
    [
        ("https://bedrock-runtime.us-east-1.amazonaws.com", LOCAL, LOCAL),
        ("https://bedrock-mantle.us-east-1.api.aws/openai/v1", LOCAL, f"{LOCAL}/openai/v1"),
        ("https://bedrock-mantle.us-east-1.api.aws/openai/v1", f"{LOCAL}/openai/v1/", f"{LOCAL}/openai/v1"),
        ("https://aiplatform.googleapis.com/v1/publishers", f"{LOCAL}/v1", f"{LOCAL}/v1/publishers"),
    ],
)
def test_a_documented_path_moves_to_an_operators_root(documented: str, root: str, address: str):
    assert moved(documented, root) == address


def test_a_model_is_one_segment_of_an_address():
    assert filled("https://h/deployments/{model}", "a/b c") == "https://h/deployments/a%2Fb%20c"


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        ("http://localhost:80", True),
        ("http://127.0.0.9/v1", True),
        ("http://[::1]:1", True),
        ("https://h", False),
    ],
)
def test_loopback_is_told_from_elsewhere(url: str, answer: bool):
    assert is_address(url)
    assert is_loopback(url) is answer


@pytest.mark.parametrize(
    ("base_url", "secrets"),
    [
        ("https://h/v1", set()),
        ("https://h/v1?api-version=2024-10-21", set()),
        ("https://me:pass%2Fword@h/v1", {"pass/word", "bWU6cGFzcy93b3Jk"}),
        ("https://token@h/v1", {"token", "dG9rZW46"}),
        ("https://:pass@h:8080/v1", {"pass", "OnBhc3M="}),
        ("https://h/v1?key=a%2Fb&api-version=1&token=c", {"a/b", "c"}),
    ],
)
def test_what_an_operator_puts_into_an_address_for_nobody_else_is_known(base_url: str, secrets: set[str]):
    assert set(secrets_in(base_url)) == secrets
