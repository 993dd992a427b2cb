"""Ids of models at Bedrock."""

from __future__ import annotations

import re

_REGION = re.compile(r"(?:us|us-gov|eu|apac|jp|au|ca|sa|global)\.(?=[a-z0-9-]+\.)")


def without_region(model: str) -> str:
    """The id of the model alone: what an inference profile spreads over regions is counted by the model."""
    return _REGION.sub("", model, count=1) if _REGION.match(model) else model
