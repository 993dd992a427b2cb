"""Threads from Python: listed, exported and imported, from plain code and from coroutines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import lambda_responses
from lambda_responses import (
    BadRequestError,
    NotFoundError,
    aexport_thread,
    aimport_thread,
    alist_thread,
    delete_responses,
    export_thread,
    get_responses,
    import_thread,
    list_thread,
    responses,
)

if TYPE_CHECKING:
    from pathlib import Path


def say(text: str, after: str | None = None) -> str:
    return responses(model="scripted/echo", input=text, previous_response_id=after).id


@pytest.fixture
def tree() -> list[str]:
    """A root, what continues it, a fork, and what continues that."""
    root = say("root")
    left, right = say("left", root), say("right", root)
    return [root, left, right, say("after right", right)]


def moved(tmp_path: Path) -> None:
    """From here on, another store."""
    lambda_responses.configure({"RESPONSES_STORE": f"sqlite:///{tmp_path}/elsewhere.db"})


def test_a_tree_is_listed_from_any_response(tree: list[str]):
    root, left, right, last = tree
    for response_id in tree:
        first, following = list_thread(response_id).data
        [[fork, end]] = first.forks
        assert [first.id, following.id, fork.id, end.id] == [root, left, right, last]
        assert (first.previous_response_id, fork.previous_response_id) == (None, root)
        assert (first.preview, end.preview, end.model) == ("root", "after right", "scripted/echo")
        assert end.status == "completed"
        assert first.expires_at - first.created_at in range(30 * 86_400 - 1, 30 * 86_400 + 3)


def test_a_deleted_turn_is_shown_without_what_it_said(tree: list[str]):
    _, _, right, last = tree
    delete_responses(right)
    first, _ = list_thread(last).data
    gone = first.forks[0][0]
    assert (gone.id, gone.status, gone.preview) == (right, "deleted", "")


def test_an_export_is_imported_into_another_store(tree: list[str], tmp_path: Path):
    lines = list(export_thread(tree[3]))
    told = {response_id: get_responses(response_id).model_dump() for response_id in tree}
    moved(tmp_path)
    assert import_thread(lines).model_dump() == {"object": "thread.import", "imported": 4, "present": 0}
    assert {response_id: get_responses(response_id).model_dump() for response_id in tree} == told
    assert import_thread(line.encode() for line in lines).present == 4
    assert responses(model="scripted/echo", input="on", previous_response_id=tree[3]).output_text == "on"


@pytest.mark.anyio
async def test_coroutines_do_the_same(tmp_path: Path):
    root = (await lambda_responses.aresponses(model="scripted/echo", input="root")).id
    lines = [line async for line in aexport_thread(root, origins=False)]
    assert "origins" not in json.loads(lines[0])
    listed = await alist_thread(root)
    moved(tmp_path)
    assert (await aimport_thread(lines)).imported == 1
    assert [turn.id for turn in (await alist_thread(root)).data] == [turn.id for turn in listed.data]


def test_an_export_that_nobody_reads_to_its_end_is_let_go(tree: list[str]):
    lines = export_thread(tree[0])
    assert json.loads(next(lines))["id"] == tree[0]
    lines.close()
    assert list(lines) == []


def test_what_is_not_there_is_told():
    nobody = "resp_" + "0" * 48
    with pytest.raises(NotFoundError):
        list_thread(nobody)
    with pytest.raises(NotFoundError):
        next(export_thread(nobody))
    with pytest.raises(BadRequestError, match=r"Line 2 cannot be imported: it is not JSON"):
        import_thread(["", "{"])
