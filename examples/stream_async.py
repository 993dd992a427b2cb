"""Print an answer while it is made, and stop listening half way."""

import asyncio
import os

from lambda_responses import aresponses

MODEL = os.environ.get("MODEL", "scripted/echo")


async def main() -> None:
    async with await aresponses(
        model=MODEL, input="Count to one hundred. [[words:100]]", stream=True
    ) as stream:
        pieces = 0
        async for event in stream:
            if event.type == "response.output_text.delta":
                print(event.delta, end="", flush=True)
                pieces += 1
            if pieces == 10:
                break  # to leave the block stops the model, too
    print(" … that is enough.")


asyncio.run(main())
