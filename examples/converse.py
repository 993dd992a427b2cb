"""Go on from an earlier answer, twice: two conversations with one beginning."""

import os

from lambda_responses import responses

MODEL = os.environ.get("MODEL", "scripted/echo")

first = responses(model=MODEL, input="My name is Ada.")
second = responses(model=MODEL, input="What is my name?", previous_response_id=first.id)
fork = responses(model=MODEL, input="Say goodbye to me.", previous_response_id=first.id)

for answer in (first, second, fork):
    print(answer.id, "after", answer.previous_response_id, "says:", answer.output_text)

# Or keep the conversation yourself: what came out goes in again.
history = [{"role": "user", "content": "My name is Ada."}, *first.output]
alone = responses(model=MODEL, input=[*history, {"role": "user", "content": "And now?"}], store=False)
print("without the store:", alone.output_text)
