"""A door whose application does what the body of a request says, step by step."""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import json
import logging
import os
import pathlib
import sys
import threading
import time
import warnings
from typing import Any

if "TOY_HOOKS" in os.environ:
    import snapshot_restore_py as hooks

    def hook(name: str) -> None:
        print(json.dumps({"hook": name}))
        if name == os.environ["TOY_HOOKS"]:
            raise ValueError("a secret")

    for number in "12":
        hooks.register_before_snapshot(hook, f"before {number}")
        hooks.register_after_restore(hook, f"after {number}")


class Door:
    """As much of a door as the loop knows of."""

    def opened(self) -> Any:
        return application


async def application(scope: Any, receive: Any, send: Any) -> None:
    body = (await receive())["body"]
    steps = json.loads(body) if body else [["start", 200, []], ["body", "", False]]
    try:
        for step in steps:
            await take(step, scope, receive, send)
    finally:
        print(json.dumps({"ended": steps[-1][0]}))


async def take(step: list[Any], scope: Any, receive: Any, send: Any) -> None:
    match step:
        case ["start", status, headers]:
            pairs = [(name.encode(), value.encode("latin-1")) for name, value in headers]
            await send({"type": "http.response.start", "status": status, "headers": pairs})
        case ["body", text, more]:
            await send({"type": "http.response.body", "body": text.encode(), "more_body": more})
        case ["bytes", size]:
            await send({"type": "http.response.body", "body": bytes(size)})
        case ["no bytes"]:
            await send({"type": "http.response.body", "body": 5})
        case ["time", count, pause]:
            for _ in range(count):
                await send(
                    {"type": "http.response.body", "body": repr(time.time()).encode(), "more_body": True}
                )
                await asyncio.sleep(pause)
        case ["many", count]:
            for _ in range(count):
                await send({"type": "http.response.body", "body": b"data: 0123456789\n\n", "more_body": True})
        case ["tell", name]:
            await send({"type": "http.response.body", "body": tell(name, scope).encode(), "more_body": True})
        case ["note", path]:
            await asyncio.to_thread(pathlib.Path(path).touch)
        case ["log", name, text, argument]:
            logging.getLogger(name).warning(text, argument)
        case ["warn", text]:
            warnings.warn(text, stacklevel=2)
        case ["thread"]:
            thread = threading.Thread(target=int, args=["a secret"])
            thread.start()
            await asyncio.to_thread(thread.join)
        case ["say", text]:
            print(json.dumps({"said": text}))
        case ["receive"]:
            print(json.dumps({"received": (await receive())["type"]}))
        case ["raise", kind, text]:
            raise getattr(builtins, kind)(text)
        case ["child", *child]:
            await asyncio.create_task(take(child, scope, receive, send))
        case ["exit"]:
            sys.exit(7)
        case ["wait"]:
            await asyncio.Event().wait()
        case ["last words", text]:
            try:
                await asyncio.Event().wait()
            finally:
                await send({"type": "http.response.body", "body": text.encode()})
        case ["hang on"]:
            while True:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
        case ["forget"]:
            forgotten = asyncio.create_task(take(["raise", "ValueError", "a secret"], scope, receive, send))
            await asyncio.wait({forgotten})


def tell(name: str, scope: Any) -> str:
    context = scope["aws.context"]
    match name.split(" "):
        case ["context"]:
            told = {key: value for key, value in vars(context).items() if isinstance(value, str | None)}
            told["identity"] = vars(context.identity)
            told["client"] = context.client_context and vars(context.client_context.client)
            return json.dumps(told | {"remaining": context.get_remaining_time_in_millis()})
        case ["environment", variable]:
            return str(os.environ.get(variable))
        case _:
            return json.dumps(scope, default=lambda value: value.decode() if isinstance(value, bytes) else "")


lambda_handler = Door()
