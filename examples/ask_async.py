"""Ask two questions at once and print the answers."""

import asyncio
import os

from lambda_responses import aresponses

MODEL = os.environ.get("MODEL", "scripted/echo")


async def main() -> None:
    answers = await asyncio.gather(
        aresponses(model=MODEL, input="Name a river."),
        aresponses(model=MODEL, input="Name a mountain."),
    )
    for answer in answers:
        print(answer.output_text)


asyncio.run(main())
