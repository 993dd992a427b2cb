"""A response that is made while the program does something else, or is not there."""

import os
import time

from lambda_responses import cancel_responses, get_responses, responses

MODEL = os.environ.get("MODEL", "scripted/echo")

queued = responses(model=MODEL, input="Take your time.", background=True)
print("at once:", queued.status)
while (answer := get_responses(queued.id)).status in ("queued", "in_progress"):
    time.sleep(0.1)
print("later:", answer.status, answer.output_text)

with responses(model=MODEL, input="Tell me a long story.", background=True, stream=True) as stream:
    seen = [next(stream) for _ in range(3)]
response_id, last = seen[0].response.id, seen[-1].sequence_number
rest = get_responses(response_id, stream=True, starting_after=last)
print("left and taken up again:", [event.type for event in (*seen, *rest)][-1])

unwanted = responses(model=MODEL, input="Never mind. [[slow:60000]]", background=True)
print("no more:", cancel_responses(unwanted.id).status)
