"""template.yaml as it is written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.template.cloud import read_template

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DOORS = sorted(path.parent.name for path in ROOT.glob("functions/*/handler.py"))
AUTHORIZER = "authorize"
"""Whom API Gateway asks who calls."""
UNASKED = (
    "deliver_notifications",
    "run_background_response",
    "run_queued_request",
    "sweep_background_responses",
)
"""What queues, a stream and the clock call. All other doors are operations of the API."""

TEMPLATE = read_template(ROOT / "template.yaml")
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
API: dict[str, Any] = RESOURCES["Api"]["Properties"]
FUNCTIONS = {
    name: resource["Properties"]
    for name, resource in RESOURCES.items()
    if resource["Type"] == "AWS::Serverless::Function"
}
BY_DOOR = {properties["CodeUri"].split("/")[1]: properties for properties in FUNCTIONS.values()}
OF_ALL: dict[str, Any] = TEMPLATE["Globals"]["Function"]


def variables(door: str) -> dict[str, Any]:
    """The environment of a door's function, those that all have included."""
    return OF_ALL["Environment"]["Variables"] | BY_DOOR[door].get("Environment", {}).get("Variables", {})


def events(door: str, kind: str = "Api") -> list[dict[str, Any]]:
    """The routes of a door's function, or what else calls it."""
    found = BY_DOOR[door].get("Events", {}).values()
    return [event["Properties"] for event in found if event["Type"] == kind]


def statements(door: str, *, untrue: str = "") -> Iterator[dict[str, Any]]:
    """What a door's function may do, conditions of the template taken as true, but for that one."""
    for policy in BY_DOOR[door].get("Policies", []):
        for each in _unless(policy, untrue):
            match each:
                case {"Ref": str(name)} if name in RESOURCES:
                    found = RESOURCES[name]["Properties"]["PolicyDocument"]["Statement"]
                case {"Statement": list(found)}:
                    pass
                case _:
                    raise AssertionError(f"{door}: spell the actions out, not {policy}")
            for statement in found:
                yield from _unless(statement, untrue)


def _unless(each: dict[str, Any], untrue: str) -> Iterator[dict[str, Any]]:
    """What stands there, unless its condition is the one that is not true."""
    match each:
        case {"Fn::If": [condition, then, {"Ref": "AWS::NoValue"}]}:
            if condition != untrue:
                yield then
        case _:
            yield each


def actions(statement: dict[str, Any]) -> list[str]:
    """The actions of a statement, which may be one."""
    named = statement["Action"]
    return named if isinstance(named, list) else [named]
