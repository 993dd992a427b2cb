"""Templates that `infra.host` may be given in place of the real one, made of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from infra.host.environment import what_lacks
from infra.host.template import load_template

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]

ROOT = Path(__file__).parents[2]


def skip_where_functions_cannot_run() -> None:
    if (lack := what_lacks()) is not None:
        pytest.skip(lack)


def with_variables(folder: Path, **variables: str) -> Path:
    """The template, with these environment variables for every function."""

    def add(template: Json) -> None:
        template["Globals"]["Function"]["Environment"]["Variables"] |= variables

    return _changed(folder, add)


def faulty_functions(folder: Path) -> Path:
    """The template, with functions in which `tests.fakes.faulty` breaks what it is told to."""

    def spoil(template: Json) -> None:
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::Serverless::Function":
                real = Path(resource["Properties"]["CodeUri"])
                place = folder / "functions" / real.name
                place.mkdir(parents=True)
                handler = (real / "handler.py").read_text()
                (place / "handler.py").write_text(f"import tests.fakes.faulty\n{handler}")
                resource["Properties"]["CodeUri"] = str(place)

    return _changed(folder, spoil)


def _changed(folder: Path, change: Callable[[Json], None]) -> Path:
    template = load_template(ROOT / "template.yaml")
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        for name in {"CodeUri", "ContentUri"} & properties.keys():
            properties[name] = str(ROOT / properties[name])
    change(template)
    path = folder / "template.yaml"
    path.write_text(yaml.safe_dump(template, sort_keys=False))
    return path
