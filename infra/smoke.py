"""`make smoke`: what only a real deployment can show: its timeouts, the hops before it, how it starts.

    make smoke BASE_URL=https://….execute-api.….amazonaws.com/v1 KEY=sk-lr-…

takes two to three minutes, next to no money, and leaves nothing behind. The rest is optional. All of it are
variables of make or of the environment, where a key is better off than in the history of a shell.

    OTHER_KEY     a key of another tenant, who is to be kept apart from the first
    FUNCTION_URL  of create_response
    ORIGIN_URL    the REST API's own base URL, where BASE_URL is an edge that closes it (infra/edge.yaml)
    IDLE=1        also keep silent for longer than API Gateway's idle timeout, in streams and plain answers: a
                  dozen minutes more, and twice that with the function URL
    BURST=300     also send that many requests at once, to meet the throttle
    STACK         also ask AWS, as you, about that stack: its snapshots, deployments and starts, and where it
                  answers, unless BASE_URL says so
    REGION        where the stack is, unless your AWS settings say so

One line for each check; the exit status is 1 where one failed. KEY may be a token, where the stack takes
tokens. A stack that takes signatures (AUTH=iam) cannot be checked like this.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from typing import TYPE_CHECKING

import httpx

from infra.checks import account, callers, hops, operations, state, streams
from infra.checks.subject import Subject
from infra.checks.verdicts import Failed, Skipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from infra.checks.account import Clients

    Check = Callable[[Subject], str]


def _over_the_function_url(check: Callable[[Subject, str], str]) -> Check:
    def checked(subject: Subject) -> str:
        if subject.function_url is None:
            raise Skipped("no FUNCTION_URL was given")
        return check(subject, f"{subject.function_url.rstrip('/')}/v1")

    return checked


CHECKS: dict[str, Check] = {
    "first call": operations.check_the_first_call,  # before any other wakes a function
    "a response's life": operations.check_the_life_of_a_response,
    "a conversation's life": state.check_the_life_of_a_conversation,
    "shorter contexts": state.check_a_context_becomes_shorter,
    "a picture": state.check_a_picture_is_kept,
    "the same twice": state.check_the_same_request_is_answered_once,
    "no such route": operations.check_what_is_no_route,
    "no key, wrong key": callers.check_nobody_gets_in_without_a_key,
    "tenants apart": callers.check_tenants_are_kept_apart,
    "bodies too large": hops.check_bodies_that_are_too_large,
    "web ACL": hops.check_the_web_acl,
    "CloudFront": hops.check_cloudfront,
    "edge alone": callers.check_the_api_is_reached_through_its_edge_alone,
    "stream": streams.check_events_arrive_as_they_are_made,
    "stream that fails": streams.check_a_failure_half_way_is_told,
    "plain and slow": streams.check_plain_answers_may_take_long,
    "silence": streams.check_silence_is_borne,
    "long silence": streams.check_long_silence_is_borne,
    "plain and silent": streams.check_how_long_plain_answers_may_take,
    "function URL: keys": _over_the_function_url(callers.check_nobody_gets_in_without_a_key),
    "function URL: stream": _over_the_function_url(streams.check_events_arrive_as_they_are_made),
    "function URL: silence": _over_the_function_url(streams.check_silence_is_borne),
    "function URL: long": _over_the_function_url(streams.check_long_silence_is_borne),
    "function URL: plain": _over_the_function_url(streams.check_how_long_plain_answers_may_take),
    "throttle": hops.check_the_throttle,
    "snapshots": account.check_snapshots,
    "last deployment": account.check_the_last_deployment,
    "a version's figures": account.check_a_version_has_figures_of_its_own,
    "starts": account.check_how_functions_started,  # after the others, whose starts it tells of
}
"""In the order in which they run."""


def main(environment: Mapping[str, str] = os.environ) -> int:
    """Check what the environment names; the exit status."""
    try:
        subject = subject_of(environment)
    except ValueError as fault:
        print(fault, file=sys.stderr)
        return 2
    counted = Counter[str]()
    for verdict, line in run(subject):
        counted[verdict] += 1
        print(line, flush=True)
    print(f"{counted['ok']} ok, {counted['failed']} failed, {counted['skipped']} skipped")
    return 1 if counted["failed"] else 0


def run(subject: Subject, checks: Mapping[str, Check] = CHECKS) -> Iterator[tuple[str, str]]:
    """Each check's verdict, and the line that tells it. No line holds a key, whatever an answer repeats."""
    for name, check in checks.items():
        verdict, found = _verdict(check, subject)
        for key in (subject.key, subject.other_key):
            found = found.replace(key, "<key>") if key else found
        yield verdict, f"{verdict:<8} {name:<23} {found}"


def _verdict(check: Check, subject: Subject) -> tuple[str, str]:
    try:
        return "ok", check(subject)
    except Skipped as reason:
        return "skipped", str(reason)
    except Failed as fault:
        return "failed", str(fault)
    except httpx.TransportError as fault:
        return "failed", f"no answer: {fault or type(fault).__name__}"
    except Exception as fault:  # an answer that no check foresaw, or AWS's refusal to tell
        return "failed", f"{type(fault).__name__}: {fault}"


def subject_of(environment: Mapping[str, str], clients: Clients | None = None) -> Subject:
    """What the environment names. Raises `ValueError`, in a sentence, for what cannot be checked."""
    given = {name: value for name, value in environment.items() if value}
    stack, aws = given.get("STACK"), None
    if stack is not None:
        aws = clients or account.clients(given.get("REGION"))
        if "BASE_URL" not in given:
            outputs = account.addresses(aws, stack)
            names = {"BASE_URL": "BaseUrl", "FUNCTION_URL": "CreateResponseUrl"}
            given = {name: outputs[told] for name, told in names.items() if told in outputs} | given
    base_url, burst = given.get("BASE_URL", ""), given.get("BURST", "0")
    if not base_url.startswith(("https://", "http://")):
        raise ValueError("Say what to check: make smoke BASE_URL=https://… KEY=…")
    if not burst.isdecimal():
        raise ValueError("BURST is a number of requests.")
    return Subject(
        base_url,
        key=given.get("KEY"),
        other_key=given.get("OTHER_KEY"),
        function_url=given.get("FUNCTION_URL"),
        origin_url=given.get("ORIGIN_URL"),
        stack=stack,
        aws=aws,
        burst=int(burst),
        idle=given.get("IDLE", "0") != "0",
    )


if __name__ == "__main__":
    sys.exit(main())
