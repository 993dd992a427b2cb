"""Many calls at once: from threads, from tasks, and blocking where an event loop runs."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

from lambda_responses import aresponses, responses

MODEL = os.environ.get("MODEL", "scripted/echo")


def ask(number: int) -> str:
    return responses(model=MODEL, input=f"thread {number}").output_text


async def ask_async(number: int) -> str:
    pieces: list[str] = []
    async for event in await aresponses(model=MODEL, input=f"task {number}", stream=True):
        if event.type == "response.output_text.delta":
            pieces.append(event.delta)
    return "".join(pieces)


async def main() -> list[str]:
    answers = await asyncio.gather(*map(ask_async, range(20)))
    answers.append(responses(model=MODEL, input="blocking, in a loop").output_text)
    return answers


with ThreadPoolExecutor(8) as pool:
    from_threads = list(pool.map(ask, range(20)))

print(from_threads)
print(asyncio.run(main()))
