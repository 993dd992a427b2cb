"""`python -m lambda_responses keys`, as an operator types it, on each store."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.__main__ import main
from lambda_responses.runtime.runtime import Runtime
from lambda_responses.storage.keyed.dynamodb import create_table
from lambda_responses.wire.api_keys import fingerprint
from lambda_responses.wire.scopes import SCOPES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lambda_responses.storage.api_keys import ApiKey

DAY = 86_400
KEY_ID = re.compile(r"key_[0-9a-f]{16}")


@pytest.fixture(params=["sqlite", "dynamodb"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store that has no keys, as the environment names it."""
    if request.param == "sqlite":
        name = f"sqlite:///{tmp_path}/data/responses.db"
    else:
        client = request.getfixturevalue("dynamodb")
        table = f"keys-{secrets.token_hex(8)}"
        create_table(client, table)
        monkeypatch.setenv("AWS_ENDPOINT_URL", client.meta.endpoint_url)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        name = f"dynamodb://{table}"
    monkeypatch.setenv("RESPONSES_STORE", name)
    return name


@pytest.fixture
def keys(store: str, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a command: its exit status, and what it said on each stream."""

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(["keys", *arguments])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def found(store: str, text: str) -> ApiKey | None:
    async def find() -> ApiKey | None:
        runtime = Runtime({"RESPONSES_STORE": store})
        try:
            return await runtime.callers.keys.find(text)
        finally:
            await runtime.aclose()

    return asyncio.run(find())


def test_a_new_key_is_all_that_is_printed_and_is_shown_once(keys: Any, store: str):
    status, out, err = keys("create", "--name", "My laptop")
    text = out.strip()
    assert (status, out) == (0, f"{text}\n")
    assert fingerprint(text) is not None
    key = found(store, text)
    assert key is not None
    assert (key.tenant, key.name, key.scopes, key.expires) == ("default", "My laptop", SCOPES, None)
    assert key.key_id in err
    _, listed, _ = keys("list")
    assert text not in err + listed + keys("list", "--json")[1]


def test_a_key_is_what_its_options_say(keys: Any, store: str):
    scopes = "api.responses.read, api.model.read"
    text = keys("create", "--tenant", "acme", "--scopes", scopes, "--expires", "30d")[1].strip()
    key = found(store, text)
    assert key is not None
    assert (key.tenant, key.scopes) == ("acme", {"api.responses.read", "api.model.read"})
    assert key.expires is not None
    assert key.expires - key.created in range(30 * DAY - 1, 30 * DAY + 2)


@pytest.mark.parametrize(
    ("expires", "seconds"),
    [
        ("2099-01-31", 4_073_500_800),
        ("2099-01-31T12:00", 4_073_544_000),
        ("2099-01-31T12:00:00+01:00", 4_073_540_400),
        ("2099-01-31T12:00:00Z", 4_073_544_000),
    ],
)
def test_a_date_is_one_of_utc_unless_it_says_otherwise(keys: Any, store: str, expires: str, seconds: int):
    key = found(store, keys("create", "--expires", expires)[1].strip())
    assert key is not None
    assert key.expires == seconds


def test_a_revoked_key_is_listed_as_such_and_opens_nothing(keys: Any, store: str):
    text = keys("create", "--tenant", "acme")[1].strip()
    other = keys("create")[1].strip()
    [key_id, _] = [entry["key_id"] for entry in sorted_by_tenant(keys)]
    status, out, _ = keys("revoke", key_id)
    assert (status, key_id in out) == (0, True)
    assert found(store, text) is None
    assert found(store, other) is not None
    assert [entry["state"] for entry in sorted_by_tenant(keys)] == ["revoked", "valid"]
    assert keys("revoke", key_id)[0] == 0


def sorted_by_tenant(keys: Any) -> list[dict[str, Any]]:
    return sorted(json.loads(keys("list", "--json")[1]), key=lambda entry: entry["tenant"])


def test_the_list_tells_all_that_is_known_of_a_key(keys: Any):
    text = keys("create", "--name", "Ci", "--scopes", "api.model.read", "--expires", "2099-01-31")[1].strip()
    [entry] = json.loads(keys("list", "--json")[1])
    assert KEY_ID.fullmatch(entry.pop("key_id"))
    assert isinstance(entry.pop("created_at"), int)
    assert entry == {
        "tenant": "default",
        "name": "Ci",
        "last_characters": text[-4:],
        "scopes": ["api.model.read"],
        "mcp_servers": None,
        "mcp_urls": False,
        "state": "valid",
        "expires_at": 4_073_500_800,
        "revoked_at": None,
    }
    heading, line = keys("list")[1].splitlines()
    assert heading.split()[:3] == ["key", "tenant", "name"]
    assert line.split()[1:] == [
        "default",
        "Ci",
        f"…{text[-4:]}",
        *line.split()[4:5],
        "2099-01-31",
        "valid",
        "api.model.read",
        "all",
    ]


@pytest.mark.parametrize(
    ("given", "servers", "urls", "shown"),
    [
        (["--mcp-servers", "dice, wiki/find"], ["dice", "wiki/find"], False, "dice,wiki/find"),
        (["--mcp-servers", ""], [], False, "none"),
        (["--mcp-urls"], None, True, "all,by address"),
        (["--mcp-servers=", "--mcp-urls"], [], True, "by address"),
    ],
)
def test_a_key_names_the_servers_that_it_was_made_for(
    keys: Any, store: str, given: list[str], servers: list[str] | None, urls: bool, shown: str
):
    key = found(store, keys("create", *given)[1].strip())
    assert key is not None
    assert key.mcp_servers == (None if servers is None else set(servers))
    [entry] = json.loads(keys("list", "--json")[1])
    assert (entry["mcp_servers"], entry["mcp_urls"], key.mcp_urls) == (servers, urls, urls)
    assert keys("list")[1].splitlines()[1].endswith(shown)


@pytest.mark.parametrize("servers", ["https://dice.example", "dice/", "a" * 65, ",".join(["dice"] * 401)])
def test_what_names_no_server_makes_no_key(keys: Any, servers: str):
    status, out, err = keys("create", "--mcp-servers", servers)
    assert (status, out) == (2, "")
    assert err.startswith("No key was made: ")


def test_where_there_is_no_key_the_list_says_so(keys: Any):
    assert keys("list") == (0, "", "There are no keys.\n")
    assert keys("list", "--json")[1].strip() == "[]"


def test_the_first_key_is_made_once(keys: Any):
    status, out, _ = keys("create", "--first", "--name", "first")
    assert (status, fingerprint(out.strip()) is not None) == (0, True)
    status, out, err = keys("create", "--first", "--name", "first")
    assert (status, out) == (0, "")
    assert "none was made" in err
    [entry] = json.loads(keys("list", "--json")[1])
    keys("revoke", entry["key_id"])
    assert keys("create", "--first")[1] == ""


@pytest.mark.parametrize(
    "wrong",
    [
        ["--tenant", "a#b"],
        ["--tenant", ""],
        ["--expires", "soon"],
        ["--expires", "0d"],
        ["--expires", "-1d"],
        ["--expires", "1999-01-01"],
        ["--expires", "99999999d"],
        ["--scopes", ""],
        ["--scopes", "api.admin"],
        ["--name", "a\nb"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_is_one_sentence_and_makes_no_key(keys: Any, wrong: list[str]):
    status, out, err = keys("create", *wrong)
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert err.endswith(".\n")
    assert keys("list")[1] == ""


@pytest.mark.parametrize("key_id", ["key_0123456789abcdef", "", "sk-lr-x", "é"])
def test_an_unknown_id_is_one_sentence(keys: Any, key_id: str):
    assert keys("revoke", key_id) == (1, "", "There is no key with that id.\n")


NO_AWS = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}
BROKEN = {
    "no region": ({"RESPONSES_STORE": "dynamodb://t", **NO_AWS}, 2),
    "no credentials": ({"RESPONSES_STORE": "dynamodb://t", "AWS_DEFAULT_REGION": "us-east-1", **NO_AWS}, 1),
    "a folder that is none": ({"DATA_DIR": "/dev/null/data"}, 2),
    "a store of no kind": ({"RESPONSES_STORE": "redis://x"}, 2),
    "a setting that is none": ({"RESPONSES_STOER": "sqlite:///x"}, 2),
}


@pytest.mark.parametrize(("environment", "status"), BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("command", [["create"], ["list"], ["revoke", "key_0123456789abcdef"]], ids=" ".join)
def test_a_store_that_cannot_be_used_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    environment: dict[str, str],
    status: int,
    command: list[str],
):
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_PROFILE",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
    ):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main(["keys", *command]) == status
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert said.err.endswith(".\n")


def test_a_table_that_is_not_there_is_one_sentence(
    dynamodb: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("AWS_ENDPOINT_URL", dynamodb.meta.endpoint_url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("RESPONSES_STORE", "dynamodb://nothing")
    assert main(["keys", "create"]) == 1
    assert capsys.readouterr() == ("", "The store cannot be used: ResourceNotFoundException.\n")
