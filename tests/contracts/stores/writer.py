"""A process that keeps writing turns into one SQLite file and says which it has committed.

    python -m tests.contracts.stores.writer FILE TENANT TURNS [ROOT]

Prints the id of each committed response at once. With TURNS 0 it goes on until it is killed; with ROOT its
first turn continues that response.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from itertools import count

from lambda_responses.storage.keyed.sqlite import SQLiteStore
from lambda_responses.storage.responses import ResponseStore
from tests.contracts.stores.kit import Talk


async def write(file: str, tenant: str, turns: int, last: str | None) -> None:
    store = SQLiteStore(file)
    talk = Talk(ResponseStore(store), tenant, random.Random(os.getpid() + time.time_ns()))
    for index in range(turns) if turns else count():
        # Now and then a turn that takes several rows.
        text = talk.noise(800_000 if index % 7 == 3 else 300)
        last = await talk.say(text, after=last if index % 10 or not index else None)
        print(last, flush=True)
    store.close()


if __name__ == "__main__":
    asyncio.run(write(sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:] or [None]))
