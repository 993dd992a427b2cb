"""A client that does everything there is to do, with secrets in all it sends, and keeps every answer."""

from __future__ import annotations

import json
import re
import secrets
from typing import TYPE_CHECKING, Any

from lambda_responses.endpoints.application import OPERATIONS
from tests.end_to_end.estates import LOOK_UP, never_made
from tests.fakes import telltales
from tests.fakes.formats.base import Words, answer
from tests.fakes.formats.every import spoken_at
from tests.fakes.fronts import Question

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.end_to_end.seeding import Seeds
    from tests.fakes.fronts import Answer, Front
    from tests.fakes.upstream import Exchange

Json = dict[str, Any]

SCRIPTED = "scripted/echo"


class Visitor:
    """Asks one way in."""

    def __init__(self, front: Front, key: str, seeds: Seeds) -> None:
        self.heard: list[tuple[str, bytes]] = []
        """What was asked for, and all that came back."""
        self._front, self._key, self._seeds = front, key, seeds

    def ask(self, method: str, target: str, body: Any = None, *, key: str | None = None) -> Answer:
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = [
            ("Host", "127.0.0.1"),
            ("Content-Type", "application/json"),
            ("Authorization", f"Bearer {key or self._key}"),
            *((name, self._only_once(name, value)) for name, value in self._seeds.headers),
        ]
        target += f"{'&' if '?' in target else '?'}{self._seeds.query}"
        answer = self._front.answer(Question(method, target, headers, content))
        told = "\n".join([str(answer.status), *(f"{name}: {value}" for name, value in answer.headers)])
        self.heard.append(
            (f"{method} {target[:60]} {content[:90]!r}", told.encode() + b"\n\n" + answer.content)
        )
        return answer

    def _only_once(self, name: str, value: str) -> str:
        """Another key of idempotency for every request: one that comes again is answered from memory."""
        return f"{value}-{secrets.token_hex(8)}" if name == "Idempotency-Key" else value

    def create(self, model: str, **body: Any) -> list[Answer]:
        """Two responses, one plain and one streamed, that are asked for with words to find again."""
        words = self._seeds.words
        asked = {"model": model, "input": words["prompt"], "instructions": words["rules"], **body}
        return [self.ask("POST", "/v1/responses", {**asked, "stream": stream}) for stream in (False, True)]


async def agreeing(exchange: Exchange) -> None:
    """An upstream that is content with whatever it is asked."""
    await answer(spoken_at(exchange.path), exchange, [Words("Very "), Words("well")])


def visit(visitor: Visitor, seeds: Seeds, other_keys: Iterable[str], *, providers: Sequence[str]) -> None:
    """Do everything: what works, what is refused, and what breaks, however it may, with those providers."""
    _ask_for_everything(visitor, other_keys)
    models = [SCRIPTED, *(seeds.serve(each, agreeing) for each in providers)]
    _say_things(visitor, seeds, models)
    _talk(visitor, seeds)
    _bring_secrets(visitor, seeds, models)
    for provider in providers:
        for behaviour in telltales.EVERY:
            visitor.create(seeds.serve(provider, behaviour))
    for model in ("deepseek/refused", "nobody/nothing", "best", "unknown"):
        visitor.create(model)


def _ask_for_everything(visitor: Visitor, other_keys: Iterable[str]) -> None:
    made = visitor.create(SCRIPTED)[0].json["id"]
    for key in (*other_keys, None):
        for operation in OPERATIONS:
            for method, path in operation.routes:
                body = {"model": SCRIPTED, "input": "Hi"} if method == "POST" else None
                for id in (never_made(), made):
                    visitor.ask(method, re.sub(r"\{[^}]+\}", id, path), body, key=key)
    shown = f"/v1/responses/{visitor.create(SCRIPTED)[0].json['id']}"
    for query in ("stream=true", "stream=maybe", "include=nothing", "starting_after=x"):
        visitor.ask("GET", f"{shown}?{query}")
    for query in ("limit=0", "order=odd", "after=msg_1", "limit=1"):
        visitor.ask("GET", f"{shown}/input_items?{query}")
    visitor.ask("GET", "/v1/nowhere")
    visitor.ask("PUT", "/v1/responses", {})


def _say_things(visitor: Visitor, seeds: Seeds, models: Sequence[str]) -> None:
    """Everything in which somebody may say something."""
    said, rules = seeds.words.values()
    parts = [
        {"type": "input_text", "text": said},
        {"type": "input_image", "image_url": f"https://files.example/{said[4:24]}.png"},
        {
            "type": "input_file",
            "filename": f"{said[4:24]}.pdf",
            "file_data": "data:application/pdf;base64,JVBERg==",
        },
    ]
    tool = {**LOOK_UP, "description": rules}
    told = {"metadata": {"note": said}, "user": said[4:24], "safety_identifier": said[4:24]}
    for model in models:
        for body in (
            told,
            {"input": f"[[reason]] {said}", "reasoning": {"summary": "auto"}},
            {"input": f"[[call:look_up]] look_up {said}", "tools": [tool], "prompt_cache_key": said[4:24]},
            {"input": [{"role": "user", "content": parts}]},
            {"input": f"[[fault:cut]] {said}"},
            {"input": f"[[fault:server_error]] {said}"},
            {"input": said, "text": {"format": {"type": "json_object"}}},
            {"input": [{"type": said, "text": said}]},
            {"temperature": said},
        ):
            visitor.create(model, **body)


def _talk(visitor: Visitor, seeds: Seeds) -> None:
    """A conversation, in which things are said in every way."""
    said, rules = seeds.words.values()
    items = [{"role": "user", "content": said}, {"role": "developer", "content": rules}]
    body = {"items": items, "metadata": {"note": said}}
    talk = f"/v1/conversations/{visitor.ask('POST', '/v1/conversations', body).json['id']}"
    visitor.ask("POST", f"{talk}/items", {"items": items})
    visitor.create(SCRIPTED, conversation=talk.rpartition("/")[2])
    listed = visitor.ask("GET", f"{talk}/items?include[]=reasoning.encrypted_content").json["data"]
    for wrong in ({"items": said}, {"items": [{"type": said}]}, {"items": [{"role": said}]}, {said: said}):
        visitor.ask("POST", f"{talk}/items", wrong)
        visitor.ask("POST", "/v1/conversations", wrong)
    visitor.ask("POST", talk, {"metadata": {rules[:64]: [said]}})
    visitor.ask("DELETE", f"{talk}/items/{listed[0]['id']}")
    visitor.ask("DELETE", talk)
    visitor.ask("GET", talk)


def _bring_secrets(visitor: Visitor, seeds: Seeds, models: Sequence[str]) -> None:
    """Bodies that hold secrets: where they belong, where they do not, and where nobody can read them."""
    tools = seeds.tools
    later = [
        {"type": "additional_tools", "role": "developer", "tools": tools},
        {"role": "user", "content": "Hi"},
    ]
    for model in models:
        visitor.create(model, tools=tools)
        plain, _ = visitor.create(model, tools=tools[:1], input=later)
        if plain.status == 200:
            made = plain.json["id"]
            visitor.ask("GET", f"/v1/responses/{made}?stream=true")
            visitor.ask("GET", f"/v1/responses/{made}/input_items")
            visitor.create(model, tools=tools, previous_response_id=made)
    for behaviour in telltales.OF_TOOLS:
        visitor.create(seeds.serve("xai", behaviour), tools=tools)
    for wrong in _misplaced(*tools):
        for model in (SCRIPTED, seeds.serve("xai", agreeing)):
            visitor.create(model, **wrong)
    visitor.create(SCRIPTED, tools=[{**tools[0], "autorization": tools[0]["authorization"]}])
    whole = json.dumps({"model": SCRIPTED, "input": "x", "tools": tools}).encode()
    for body in (whole[:-40], whole[:-1], whole + b"}", b"[" + whole, whole.replace(b":", b"=")):
        visitor.ask("POST", "/v1/responses", body)


def _misplaced(mcp: Json, interpreter: Json, shell: Json) -> list[Json]:
    """Settings in which a secret stands where it has no business."""
    token, headers = mcp["authorization"], mcp["headers"]
    [hidden] = shell["environment"]["network_policy"]["domain_secrets"]
    return [
        {"tools": [{**mcp, "authorization": {"token": token}}]},
        {"tools": [{**mcp, "headers": [*headers.values()]}]},
        {"tools": [{**mcp, "headers": {"X-Key": [*headers.values()]}}]},
        {"tools": [{**mcp, "server_label": ""}]},
        {"tools": [{**mcp, "type": "mcpp"}]},
        {"tools": [mcp], "tool_choice": {"type": "mcp", "server_label": "other"}},
        {"tools": [mcp], "tool_choice": "required"},
        {"tools": [{**interpreter, "container": {"type": "automatic", "domain_secrets": [hidden]}}]},
        {"tools": [{**shell, "environment": {"type": "local", "domain_secrets": [hidden]}}]},
        {"authorization": token},
        {"extra_headers": headers},
        {"api_key": token},
    ]
