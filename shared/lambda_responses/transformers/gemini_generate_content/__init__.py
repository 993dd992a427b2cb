"""Google's generateContent, as the Gemini API and Vertex AI speak it."""

from __future__ import annotations

from lambda_responses.transformers.gemini_generate_content.profile import GeminiProfile
from lambda_responses.transformers.gemini_generate_content.transformer import GEMINI_GENERATE_CONTENT

__all__ = ["GEMINI_GENERATE_CONTENT", "GeminiProfile"]
