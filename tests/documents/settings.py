"""The table of settings, as the class states them: names, defaults, and the docstrings below them."""

from __future__ import annotations

import ast
import inspect
from dataclasses import fields
from typing import Any

from lambda_responses.runtime.settings import PREFIX, Settings
from tests.documents.pages import table


def settings_table() -> str:
    """One line a setting, in the order of the class."""
    meanings = _docstrings(Settings)
    rows = [
        [f"`{PREFIX}{field.name.upper()}`", _shown(field.default), meanings.get(field.name, "")]
        for field in fields(Settings)
    ]
    return table(["variable", "default", "meaning"], rows)


def _shown(default: Any) -> str:
    match default:
        case None:
            return "none"
        case bool():
            return f"`{default}`".lower()
        case _:
            return f"`{default}`"


def _docstrings(cls: type) -> dict[str, str]:
    """By attribute, the string that stands below it. Python forgets these, so the source is read."""
    found: dict[str, str] = {}
    body = ast.parse(inspect.getsource(cls)).body[0]
    assert isinstance(body, ast.ClassDef)
    attribute = ""
    for statement in body.body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=attribute)):
                continue
            case ast.Expr(value=ast.Constant(value=str(text))) if attribute:
                found[attribute] = " ".join(text.split())
        attribute = ""
    return found
