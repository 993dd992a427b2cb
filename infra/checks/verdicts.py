"""What a check finds out. It returns a sentence when all is well, and raises one of these when it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

Json = dict[str, Any]

_ERROR = {"message", "type", "param", "code"}


class Failed(Exception):
    """Something is not as it has to be; the message says what was found instead."""


class Skipped(Exception):
    """Nothing was found out; the message says why."""


def demand(holds: bool, otherwise: str) -> None:
    """Raise `Failed` with that sentence unless it holds."""
    if not holds:
        raise Failed(otherwise)


def answered(answer: httpx.Response, asked: str) -> Json:
    """The JSON object of a good answer."""
    demand(answer.status_code == 200, f"{asked}: {_shown(answer)}")
    return _json_of(answer, asked)


def refused(answer: httpx.Response, asked: str, *statuses: int) -> Json:
    """The error of an answer with one of these statuses, which has to be in OpenAI's envelope."""
    expected = " or ".join(map(str, statuses))
    demand(answer.status_code in statuses, f"{asked}: {_shown(answer)}, where {expected} was expected")
    match _json_of(answer, asked):
        case {"error": dict()} as body if body.keys() == {"error"} and body["error"].keys() == _ERROR:
            return body["error"]
        case _:
            raise Failed(f"{asked}: {_shown(answer)}, which is not OpenAI's envelope")


def _json_of(answer: httpx.Response, asked: str) -> Json:
    try:
        body: Any = answer.json()
    except ValueError:
        raise Failed(f"{asked}: {_shown(answer)}, which is not JSON") from None
    demand(isinstance(body, dict), f"{asked}: {_shown(answer)}, which is no object")
    return body


def _shown(answer: httpx.Response) -> str:
    return f"{answer.status_code} {' '.join(answer.text.split())!r:.200}"
