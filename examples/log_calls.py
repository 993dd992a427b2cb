"""Hear of every call when it is over, whoever makes it and however it ends."""

import os
from contextlib import suppress

from lambda_responses import APIError, CallRecord, get_responses, on_response, responses

MODEL = os.environ.get("MODEL", "scripted/echo")


def log(call: CallRecord) -> None:
    tokens = call.usage.total_tokens if call.usage else 0
    ending = "left early" if call.abandoned else repr(call.error) if call.error else "done"
    streamed = " (streamed)" if call.streamed else ""
    print(f"{call.operation}{streamed} by {call.target}: {ending}, {tokens} tokens")


stop_logging = on_response(log)

answer = responses(model=MODEL, input="Hello.", litellm_metadata={"trace_id": "t-1"})
for _event in responses(model=MODEL, input="Hello again.", stream=True):
    pass
with responses(model=MODEL, input="Talk for long. [[words:2000]]", stream=True) as stream:
    next(stream)
with suppress(APIError):
    get_responses("resp_unknown")

stop_logging()
responses(model=MODEL, input="Nobody hears of this.")
