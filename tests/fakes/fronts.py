"""The ways in: the same question put to each of them, and its answer as a client gets it.

Three run in the process of the test, where a clock and a fault can be put into them: the ASGI application,
and the doors as API Gateway and function URLs call them, with events that `infra.host` makes. Others are
reached over HTTP, whatever serves them.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from openai import OpenAI

from infra.host.answers import Head, proxy_answer, url_answer
from infra.host.authorizers import Authorizers
from infra.host.declarations import read_deployment
from infra.host.gateway_responses import GatewayResponses, Refused
from infra.host.invocation import Fault, Payload, new_trace
from infra.host.rest_events import Caller, Matched, rest_event
from infra.host.routes import Routes
from infra.host.url_events import url_event
from lambda_responses.endpoints.application import whole_application
from lambda_responses.runtime.principals.callers import Callers
from lambda_responses.runtime.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Headers = Sequence[tuple[str, str]]

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
SERVED = ("make dev", "REST API", "function URLs")
"""Those that are processes of their own."""
ARN = "arn:aws:execute-api:us-east-1:000000000000:restapi000/v1"


@dataclass(frozen=True)
class Question:
    """A request, as the makers of events read it."""

    method: str
    target: str
    """Path and query, as they are written."""
    headers: Headers
    content: bytes
    client: str = "192.0.2.1"

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def header(self, name: str) -> str | None:
        """The last one of that name, as API Gateway reads it."""
        return next((value for each, value in reversed(self.headers) if each.lower() == name.lower()), None)


@dataclass(frozen=True)
class Answer:
    """What a client gets."""

    status: int
    headers: tuple[tuple[str, str], ...]
    """Their names in lower case."""
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def error(self) -> Any:
        return self.json["error"]

    def header(self, name: str) -> str | None:
        return dict(self.headers).get(name)


class Front:
    """One way in."""

    has_health = False
    """Whether it answers whoever wants to know that it runs."""

    def ask(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, headers: Headers = ()
    ) -> Answer:
        """Ask for a path from `/v1` on, as it is written, with a query perhaps."""
        content = b"" if body is None else json.dumps(body).encode()
        own = [] if "Host" in dict(headers) else [("Host", "api.example")]
        if body is not None:
            own.append(("Content-Type", "application/json"))
        if key is not None:
            own.append(("Authorization", f"Bearer {key}"))
        return self.answer(Question(method, path, [*own, *headers], content))

    def answer(self, question: Question) -> Answer:
        raise NotImplementedError

    def sdk(self, key: str) -> OpenAI:
        """The official client, with that key."""
        http = httpx.Client(transport=_Through(self))
        return OpenAI(base_url="http://api.example/v1", api_key=key, max_retries=0, http_client=http)

    def close(self) -> None:
        """Let go of what it has."""


class _Through(httpx.BaseTransport):
    """Takes a client's requests to a way in."""

    def __init__(self, front: Front) -> None:
        self._front = front

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        headers = [(name, value) for name, value in request.headers.items() if name != "content-length"]
        question = Question(request.method, request.url.raw_path.decode(), headers, request.read())
        answer = self._front.answer(question)
        return httpx.Response(answer.status, headers=answer.headers, content=answer.content)


def keyed_runtime(store: Path, now: Callable[[], float] = time.time, **settings: str) -> Runtime:
    """A runtime that asks for API keys; its caches go by that clock."""
    environment = {"RESPONSES_STORE": f"sqlite:///{store}", "RESPONSES_AUTH": "keys"}
    runtime = Runtime({**environment, **settings})
    services: Any = runtime.services
    runtime.callers = Callers(runtime.settings, store=lambda: services.store, now=now)
    return runtime


class InProcess(Front):
    """A way in that runs here, on a loop of its own."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._loop = asyncio.new_event_loop()

    def close(self) -> None:
        self._loop.run_until_complete(self.runtime.aclose())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def _call(self, door: str, event: dict[str, Any]) -> bytes:
        """What a door says to an event. Mangum takes the thread's loop, as Lambda's runtime leaves it."""
        asyncio.set_event_loop(self._loop)
        try:
            handler = importlib.import_module(f"functions.{door}.handler").lambda_handler
            return json.dumps(handler(event, Context(), using=self.runtime)).encode()
        finally:
            asyncio.set_event_loop(None)


class Application(InProcess):
    """The ASGI application that `make dev` serves."""

    has_health = True

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self._app: Any = whole_application(runtime)

    def answer(self, question: Question) -> Answer:
        return self._loop.run_until_complete(self._answer(question))

    async def _answer(self, question: Question) -> Answer:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self._app)) as http:
            return _answer_in(await http.send(_request(http, "http://api.example", question)))


class RestDoors(InProcess):
    """The doors behind API Gateway: routes, authorizer and gateway responses are the template's."""

    def __init__(self, runtime: Runtime, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__(runtime)
        self._api = read_deployment(TEMPLATE).api
        self._routes = Routes(self._api.routes)
        authorize: Any = _Authorize(runtime)
        self._authorizers = Authorizers(self._api.authorizers, authorize, clock=now)
        self._responses = GatewayResponses(self._api.responses)

    def answer(self, question: Question) -> Answer:
        try:
            return _told(*proxy_answer(self._integrated(question)))
        except Refused as refused:
            return _told(*self._responses.render(refused, str(uuid.uuid4())))

    def _integrated(self, question: Question) -> bytes:
        path = question.path.removeprefix("/v1")
        resource, parameters = self._routes.find(path) or (None, {})
        route = resource and resource.route(question.method)
        if resource is None or route is None or route.authorizer is None:
            raise Refused("MISSING_AUTHENTICATION_TOKEN")
        token = question.header("authorization")
        arn = f"{ARN}/{question.method}{path}"
        judged = self._authorizers.judge(route.authorizer, token, arn)
        caller = Caller(context=self._loop.run_until_complete(judged))
        matched = Matched(self._api.stage, resource.path, path, parameters)
        asked: Any = question
        event = rest_event(asked, question.content, to=matched, caller=caller, call=_call(), at=time.time())
        return self._call(route.function.folder.name, event)


class UrlDoors(InProcess):
    """The doors behind function URLs, which ask for keys themselves."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self._routes = Routes(read_deployment(TEMPLATE).api.routes)

    def answer(self, question: Question) -> Answer:
        asked: Any = question
        event = url_event(
            asked, question.content, path=question.path, authorizer=None, call=_call(), at=time.time()
        )
        return _told(*url_answer(self._call(self._door(question), event)))

    def _door(self, question: Question) -> str:
        """On AWS a URL leads to its one function whatever is asked for."""
        resource, _ = self._routes.find(question.path.removeprefix("/v1")) or (None, {})
        if resource is None:
            return "create_response"
        route = resource.route(question.method) or next(iter(resource.routes.values()))
        return route.function.folder.name


class Served(Front):
    """Whatever listens at an address that ends in `/v1`."""

    def __init__(self, base_url: str, *, has_health: bool = False) -> None:
        self.base_url = base_url
        self.has_health = has_health
        self._http = httpx.Client(timeout=60, trust_env=False, verify=False)

    def answer(self, question: Question) -> Answer:
        root = self.base_url.removesuffix("/v1")
        return _answer_in(self._http.send(_request(self._http, root, question)))

    @contextmanager
    def streamed(self, body: Any, *, key: str) -> Iterator[Iterator[Any]]:
        """The events of a new response, as they come."""
        sent = {"json": {**body, "stream": True}, "headers": {"authorization": f"Bearer {key}"}}
        with self._http.stream("POST", f"{self.base_url}/responses", **sent) as response:
            lines = response.iter_lines()
            yield (json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: "))

    def close(self) -> None:
        self._http.close()


@dataclass
class Context:
    """What Lambda tells of an invocation, as far as anybody asks."""

    function_name: str = "door"
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


class _Authorize:
    """Calls the authorizer as API Gateway does, in a process of its own: here, in a thread."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def invoke(self, function: Any, event: dict[str, Any]) -> _Authorized:
        return _Authorized(asyncio.ensure_future(self._answer(event)))

    async def _answer(self, event: dict[str, Any]) -> Payload | Fault:
        handler = importlib.import_module("functions.authorize.handler").lambda_handler
        try:
            policy = await asyncio.to_thread(handler, event, Context(), using=self._runtime)
        except Exception as error:
            return Fault(type(error).__name__, str(error))
        return Payload(json.dumps(policy).encode())


@dataclass
class _Authorized:
    answer: asyncio.Future[Payload | Fault]


def _request(http: Any, root: str, question: Question) -> httpx.Request:
    headers = [(name.encode(), value.encode("latin-1")) for name, value in question.headers]
    return http.build_request(
        question.method, root + question.target, headers=headers, content=question.content
    )


def _answer_in(response: httpx.Response) -> Answer:
    return Answer(response.status_code, _named(response.headers.multi_items()), response.content)


def _told(head: Head, body: bytes) -> Answer:
    return Answer(head.status, _named(head.headers), body)


def _named(headers: Headers) -> tuple[tuple[str, str], ...]:
    return tuple((name.lower(), value) for name, value in headers)


def _call() -> tuple[str, str]:
    return str(uuid.uuid4()), new_trace()
