"""Amazon Bedrock's Converse API, with a profile for the families of models behind it."""

from __future__ import annotations

from lambda_responses.transformers.bedrock_converse.profile import ConverseProfile
from lambda_responses.transformers.bedrock_converse.transformer import BEDROCK_CONVERSE

__all__ = ["BEDROCK_CONVERSE", "ConverseProfile"]
