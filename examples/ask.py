"""Ask a question and print the answer."""

import os

from lambda_responses import responses

MODEL = os.environ.get("MODEL", "scripted/echo")

answer = responses(model=MODEL, input="Say hello in five words.", max_output_tokens=100)

print(answer.output[0].content[0].text)
print(answer.usage.input_tokens, "tokens in,", answer.usage.output_tokens, "out, by", answer.target)
