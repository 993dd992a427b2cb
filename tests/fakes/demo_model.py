"""A model that echoes, calls tools and obeys schemas, in whatever format it is asked."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from lambda_responses.transformers.scripted.example import example
from tests.fakes.formats.base import READ, Call, Words, answer
from tests.fakes.formats.every import count_at, spoken_at

if TYPE_CHECKING:
    from tests.fakes.formats.base import Asked, Json, Said
    from tests.fakes.upstream import Exchange


async def demo_model(exchange: Exchange) -> None:
    """Answer as the end of the request's context, its tools and its format ask for; or count, if asked to."""
    if count := count_at(exchange.path):
        await exchange.answer(200, {count: READ})
        return
    format = spoken_at(exchange.path)
    said = _answer(format.asked(exchange.body))
    called = any(isinstance(each, Call) for each in said)
    await answer(format, exchange, said, "calls" if called else "end")


def _answer(asked: Asked) -> list[Said]:
    last = asked.last
    if last.kind == "result" and not asked.must:
        return _words(f"The tool says: {last.text}")
    meant = {name: schema for name, schema in asked.tools.items() if _is_meant(name, last.text)}
    if asked.must and not meant:
        meant = dict([*asked.tools.items()][:1])
    if meant:
        return [_call(n, name, schema) for n, (name, schema) in enumerate(meant.items())]
    return _words(last.text if asked.schema is None else json.dumps(example(asked.schema)))


def _is_meant(name: str, said: str) -> bool:
    return any(word in said.lower() for word in re.findall(r"[a-z]+", name.lower()) if len(word) > 3)


def _call(number: int, name: str, schema: Json) -> Call:
    return Call(f"call_{number}{'x' * 12}", name, json.dumps(example(schema)))


def _words(text: str) -> list[Said]:
    return [Words(piece) for piece in re.findall(r"\s*\S+", text)]
