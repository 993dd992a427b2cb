"""What can be done with a response that was stored, in coroutines."""

import asyncio
import os

from lambda_responses import (
    BadRequestError,
    acancel_responses,
    adelete_responses,
    aget_responses,
    alist_input_items,
    aresponses,
)

MODEL = os.environ.get("MODEL", "scripted/echo")


async def main() -> None:
    made = await aresponses(model=MODEL, input="Remember this.")

    again = await aget_responses(made.id)
    print("stored as told:", again == made)

    async for event in await aget_responses(made.id, stream=True):
        if event.type == "response.output_text.done":
            print("told again:", event.text)

    page = await alist_input_items(made.id)
    print("the model saw:", [item["content"][0]["text"] for item in page["data"]])

    try:
        await acancel_responses(made.id)
    except BadRequestError as error:
        print("too late to cancel:", error.message)

    print("deleted:", (await adelete_responses(made.id)).deleted)


asyncio.run(main())
