"""One JSON object a line, with ids and figures and never what anybody said."""

from __future__ import annotations

import os

from aws_lambda_powertools.logging import Logger

logger = Logger(service="lambda-responses", level=os.environ.get("RESPONSES_LOG_LEVEL", "INFO"))
