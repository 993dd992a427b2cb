"""Make a long conversation short, and go on from that."""

import asyncio
import os

from lambda_responses import acompact_responses, compact_responses, responses

MODEL = os.environ.get("MODEL", "scripted/echo")

previous = None
for text in ("My name is Ada.", "I live in Paris.", "I like tea."):
    previous = responses(model=MODEL, input=text, previous_response_id=previous.id if previous else None)

assert previous is not None
short = compact_responses(model=MODEL, input=None, previous_response_id=previous.id)
print([item.type for item in short.output])

answer = responses(model=MODEL, input=[*short.output, {"role": "user", "content": "Who am I?"}])
print(answer.output_text)

items = [{"role": "user", "content": "My name is Ada."}, *answer.output]
print([item.type for item in asyncio.run(acompact_responses(input=items, model=MODEL)).output])
