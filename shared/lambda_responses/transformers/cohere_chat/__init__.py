"""Cohere's chat API, version 2."""

from __future__ import annotations

from lambda_responses.transformers.cohere_chat.profile import COHERE, DEFAULT, CohereProfile
from lambda_responses.transformers.cohere_chat.transformer import COHERE_CHAT

__all__ = ["COHERE", "COHERE_CHAT", "DEFAULT", "CohereProfile"]
