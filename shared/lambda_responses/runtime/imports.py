"""What requests import when they first need it, imported before the first request comes.

Parts are imported where they are first needed, so that no function pays for what it does not use. The one
that asks models needs most of them, and its first caller would wait for them. To import opens no connection,
reads no secret and draws no random number: all of it may lie in a snapshot that many processes start from.
"""

from __future__ import annotations

from importlib import import_module

FOR_EVERY_MODEL = (
    "anyio._backends._asyncio",
    "httpcore",
    "lambda_responses.outbound.client",
    "lambda_responses.outbound.policy",
    "lambda_responses.providers.aws",
    "lambda_responses.providers.http",
    "lambda_responses.providers.models_file",
    "lambda_responses.providers.routing",
)
"""Whatever model is asked, by whatever request."""

FOR_SOME_MODELS = (
    "aws_lambda_powertools.utilities.parameters",
    "lambda_responses.outbound.data_urls",
    "lambda_responses.outbound.gathering",
    "lambda_responses.outbound.guarded",
    "lambda_responses.providers.aws_frames",
    "lambda_responses.providers.google",
    "lambda_responses.providers.google_tokens",
    "lambda_responses.providers.scripted",
    "lambda_responses.runtime.principals.keys",
    "lambda_responses.sealing.sealer",
    "lambda_responses.storage.api_keys",
    "lambda_responses.storage.key_rings",
    "lambda_responses.transformers.anthropic_messages.profiles",
    "lambda_responses.transformers.bedrock_converse.profiles",
    "lambda_responses.transformers.chat_completions.profiles",
    "lambda_responses.transformers.cohere_chat.profile",
    "lambda_responses.transformers.gemini_generate_content.profiles",
    "lambda_responses.transformers.openai_responses.profile",
    "lambda_responses.transformers.scripted",
)
"""Formats, credentials, files and seals: each takes milliseconds, and a request needs few of them."""

UNHURRIED = frozenset({"lambda-managed-instances", "provisioned-concurrency", "snap-start"})
"""Values of `AWS_LAMBDA_INITIALIZATION_TYPE` with which no caller waits for the start."""


def import_for_models(initialization: str) -> None:
    """Import what will be needed to ask models; where nobody waits, all that may be needed."""
    for name in (*FOR_EVERY_MODEL, *(FOR_SOME_MODELS if initialization in UNHURRIED else ())):
        import_module(name)
