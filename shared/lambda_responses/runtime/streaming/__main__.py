"""`python -m lambda_responses.runtime.streaming`: what the layer's `streaming-runtime` starts."""

from __future__ import annotations

import asyncio
import os

from lambda_responses.runtime.streaming import console
from lambda_responses.runtime.streaming.process import live
from lambda_responses.runtime.streaming.runtime_api import RuntimeApi


def main() -> None:
    """Run until the Runtime API or a fault ends this process; the exit status says which."""
    console.set_up()
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        loop.set_exception_handler(console.report_of_loop)
        life = loop.create_task(live(RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"]), os.environ))
        while not life.done():
            try:
                loop.run_until_complete(life)
            except SystemExit:
                # A task of the application asked for it, which stops the loop. When that goes on, whoever
                # awaits the task is told, and the caller gets an answer.
                if life.done():
                    raise


if __name__ == "__main__":
    main()
