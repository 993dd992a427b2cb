"""What stands between a client and the functions: API Gateway, and perhaps CloudFront and a web ACL."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from infra.checks.subject import MODEL
from infra.checks.verdicts import Skipped, answered, demand, refused

if TYPE_CHECKING:
    import httpx

    from infra.checks.subject import Subject

_ATTACK = {"q": "<script>alert(1)</script>"}
"""`CrossSiteScripting_QUERYARGUMENTS` of AWS's common rules refuses it."""


def check_cloudfront(subject: Subject) -> str:
    """What it adds, and that it keeps nothing that it was told."""
    with subject.client() as api:
        answers = [api.get("/models") for _ in range(3)]
    if not _came_through_cloudfront(answers[0]):
        raise Skipped("CloudFront is not in front")
    for answer in answers:
        answered(answer, "list models")
        kept = answer.headers.get("x-cache", "").lower().startswith("hit") or "age" in answer.headers
        demand(not kept, "CloudFront answered from its cache, which tells one caller what another was told")
        demand("strict-transport-security" in answer.headers, "there is no strict-transport-security")
    last = answers[-1].headers
    return (
        f"{last.get('x-amz-cf-pop', 'a place unknown')}, nothing kept; {last.get('server-timing', 'untimed')}"
    )


def check_the_web_acl(subject: Subject) -> str:
    """A request that a rule knows is a 403 in OpenAI's words, and a prompt with the same text is none."""
    with subject.client() as api:
        answer = api.get("/models", params=_ATTACK)
        if answer.status_code == 200 and not _came_through_cloudfront(answer):
            raise Skipped("no web ACL refuses anything here")
        error = refused(answer, "a script in a query", 403)
        prompt = {"model": MODEL, "input": f"What does {_ATTACK['q']} do?", "store": False}
        answered(api.post("/responses", json=prompt), "a prompt that asks about a script")
    return f"403 for a script in a query ({error['code']}), 200 for one in a prompt"


def check_bodies_that_are_too_large(subject: Subject) -> str:
    """More than Lambda takes, and more than API Gateway takes."""
    with subject.client() as api:
        if not _came_through_api_gateway(api.get("/models")):
            raise Skipped("API Gateway is not in front")
        told = {size: _status_of(api, size) for size in (7, 11)}
    return ", ".join(f"{status} for {size} MB" for size, status in told.items())


def check_the_throttle(subject: Subject) -> str:
    """Who asks for too much at once is told to wait, in OpenAI's words."""
    if not subject.burst:
        raise Skipped("BURST=<requests> asks for it")
    with subject.client() as api, ThreadPoolExecutor(min(subject.burst, 64)) as pool:
        answers = list(pool.map(api.get, ["/models"] * subject.burst))
    throttled = [answer for answer in answers if answer.status_code != 200]
    if not throttled:
        raise Skipped(f"{subject.burst} requests at once are not too many here")
    for answer in throttled:
        refused(answer, "one request of many", 429)
    return f"429 for {len(throttled)} of {subject.burst} requests"


def _status_of(api: httpx.Client, megabytes: int) -> int:
    body = json.dumps({"model": MODEL, "input": "x" * (megabytes * 1_000_000), "store": False})
    answer = api.post("/responses", content=body, headers={"content-type": "application/json"})
    refused(answer, f"{megabytes} MB", 413)
    return answer.status_code


def _came_through_cloudfront(answer: httpx.Response) -> bool:
    return "x-amz-cf-id" in answer.headers


def _came_through_api_gateway(answer: httpx.Response) -> bool:
    return "x-amz-apigw-id" in answer.headers
