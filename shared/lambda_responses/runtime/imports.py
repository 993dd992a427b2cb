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
    "encodings.idna",
    "lambda_responses.lifecycle.run_faults",
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
"""Formats, names, credentials, files, seals and faults: each takes milliseconds, few requests need it."""

FOR_TOOLS = (
    "lambda_responses.lifecycle.approval_journal",
    "lambda_responses.lifecycle.approvals",
    "lambda_responses.lifecycle.server_tools.session",
    "lambda_responses.lifecycle.servers",
    "lambda_responses.runtime.server_settings",
    "lambda_responses.sealing.approval_ids",
    "lambda_responses.storage.tool_lists",
    "lambda_responses.tools.servers.connections",
    "lambda_responses.tools.servers.links",
    "lambda_responses.tools.servers.listing",
    "lambda_responses.tools.servers.opening",
    "lambda_responses.tools.servers.questions",
)
"""To call the tools of MCP servers: with the SDK, as much as everything else together."""

UNHURRIED = frozenset({"lambda-managed-instances", "provisioned-concurrency", "snap-start"})
"""Values of `AWS_LAMBDA_INITIALIZATION_TYPE` with which no caller waits for the start."""


def import_for_models(initialization: str) -> None:
    """Import what will be needed to ask models; where nobody waits, all that may be needed."""
    more = (*FOR_SOME_MODELS, *FOR_TOOLS) if initialization in UNHURRIED else ()
    for name in (*FOR_EVERY_MODEL, *more):
        import_module(name)
