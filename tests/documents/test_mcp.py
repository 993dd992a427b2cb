"""What docs/mcp.md says of the file of servers is what is read."""

from __future__ import annotations

import json
import re

from lambda_responses.tools.servers.registry import Limits
from lambda_responses.tools.servers.servers_file import AUTH, SERVER, read_servers_file
from tests.documents.pages import ROOT, code

PAGE = (ROOT / "docs" / "mcp.md").read_text()


def first_cells(heading: str) -> set[str]:
    """What the table below that line is about, as code."""
    table = PAGE.partition(heading)[2].partition("\n\n")[0]
    return {name for line in table.splitlines() for name in re.findall("`([a-z_0-9]+)`", line.split("|")[1])}


def test_the_example_is_a_file_that_can_be_used():
    example = json.loads(code(PAGE, "json")[0])
    secrets = dict(re.findall(r"\$\{(\w+)()\}", json.dumps(example)))
    servers = read_servers_file(
        example, secrets=dict.fromkeys(secrets, "secret"), limits=Limits(), programs=True
    )
    assert list(servers) == list(example["mcpServers"])


def test_every_member_of_a_server_has_its_line():
    assert first_cells("| member | default | is |\n") == SERVER["fields"].keys()


def test_every_kind_of_credentials_has_its_line():
    table = PAGE.partition("| `type` | with | |\n")[2].partition("\n\n")[0]
    rows = [
        [re.findall("`([a-z_0-9]+)`", cell) for cell in line.split("|")[1:3]]
        for line in table.splitlines()[1:]
    ]
    members = [set(choice["fields"]) - {"type"} for choice in AUTH["choices"].values()]
    assert [set(named) for _, named in rows] == members
    assert [kind for [kind], _ in rows] == [
        "bearer",
        "header",
        "oauth_client_credentials",
        "sigv4",
        "passthrough",
    ]
