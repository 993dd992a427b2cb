"""What goes wrong, and how to tell."""

import os

from lambda_responses import (
    APIError,
    BadRequestError,
    RateLimitError,
    Timeout,
    responses,
)

MODEL = os.environ.get("MODEL", "scripted/echo")

try:
    responses(model="nobody/knows-this", input="Hello?")
except BadRequestError as error:
    print(error.status_code, error.code, error.param)

try:
    responses(model=MODEL, input="Hello?", temperature=7)
except BadRequestError as error:
    print(error.status_code, error.param, error.message)

try:
    responses(model=MODEL, input="Fail, please. [[fault:429,3]]", max_retries=0)
except RateLimitError as error:
    print(error.status_code, error.code, "come back in", error.headers.get("retry-after"), "s")

try:
    responses(model=MODEL, input="Take your time. [[slow:60000]]", timeout=0.2)
except Timeout as error:
    print(error.status_code, error.message)

# A stream that has begun tells of a fault in its events.
for event in responses(model=MODEL, input="one two three [[fault:server_error]]", stream=True):
    if event.type == "response.failed":
        print(event.response.status, event.response.error.code)

try:
    responses(model=MODEL, input="one two three [[fault:server_error]]")
except APIError as error:
    print(type(error).__name__, error.message)
