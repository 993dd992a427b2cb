"""How many tokens a request would be, before it is made."""

import asyncio
import os

from lambda_responses import acount_input_tokens, count_input_tokens, responses

MODEL = os.environ.get("MODEL", "scripted/echo")

first = responses(model=MODEL, input="A long story about a cat.")
count = count_input_tokens(model=MODEL, input="And the dog?", previous_response_id=first.id)
print(count.input_tokens, "tokens, by", count.counter)

alone = asyncio.run(acount_input_tokens(model=MODEL, input="And the dog?"))
print(alone.input_tokens, "tokens without the story")
