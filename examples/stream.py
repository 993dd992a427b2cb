"""Print an answer while it is made."""

import os

from lambda_responses import responses

MODEL = os.environ.get("MODEL", "scripted/echo")

for event in responses(model=MODEL, input="Tell me a short story. [[words:12]]", stream=True):
    if event.type == "response.output_text.delta":
        print(event.delta, end="", flush=True)
    elif event.type == "response.completed":
        print(f"\n({event.response.usage.output_tokens} tokens)")
