"""A server in which something is broken, with a secret in what the fault says of itself.

`python -m tests.fakes.faulty` is `make dev`; a function that imports this module is a faulty function. What
is broken, FAULTY_PART says, and what the fault says, FAULTY_WORDS.
"""

from __future__ import annotations

import os
import sys
from typing import Any, NoReturn

from lambda_responses.lifecycle.run import ResponseRun
from lambda_responses.runtime.principals.keys import KeyHolders
from lambda_responses.storage.responses import ResponseStore
from lambda_responses.stream import sse

WHOLE_FRAMES = 4
"""What is streamed before frames cannot be made any more."""


class Broken(Exception):
    """No fault that anybody counts on."""


def fail(*_: Any, **__: Any) -> NoReturn:
    raise Broken(os.environ["FAULTY_WORDS"])


async def fail_later(*_: Any, **__: Any) -> NoReturn:
    fail()


def break_frames() -> None:
    """Streams end in mid-air."""
    encode, left = sse.encode, [WHOLE_FRAMES]

    def encode_some(event: Any, **options: Any) -> bytes:
        left[0] -= 1
        return encode(event, **options) if left[0] >= 0 else fail()

    sse.encode = encode_some


def break_part(part: str) -> None:
    match part:
        case "storage":
            ResponseStore.get = ResponseStore.context = ResponseStore.commit = fail_later
        case "making":
            ResponseRun._begin = fail
        case "frames":
            break_frames()
        case _:
            KeyHolders.holder = fail_later


break_part(os.environ["FAULTY_PART"])

if __name__ == "__main__":
    from lambda_responses.__main__ import main

    sys.exit(main(["dev"]))
