"""A SAM template as data: short tags in their long form, globals merged into what they are for.

Takes the template of the repository and the one that `sam build` writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import yaml

if TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, Any]

_GLOBALS = {"AWS::Serverless::Function": "Function", "AWS::Serverless::Api": "Api"}
_BARE = ("Ref", "Condition")
"""Intrinsics whose long form has no `Fn::`."""


class TemplateError(Exception):
    """The template cannot be hosted; the message says why in one sentence."""


def read_template(path: Path) -> Json:
    """The template with its globals merged in. Raises `TemplateError`."""
    return _with_globals(load_template(path))


def load_template(path: Path) -> Json:
    """The template as it stands, with tags in their long form. Raises `TemplateError`."""
    try:
        # A subclass of SafeLoader: it makes plain data, and nothing but.
        content: Any = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except (OSError, yaml.YAMLError) as error:
        raise TemplateError(f"The template {path} cannot be read: {error}.") from None
    match content:
        case {"Resources": dict()}:
            return cast("Json", content)
        case _:
            raise TemplateError(f"{path} is no template: it has no resources.")


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short tags (`!Ref Table`) as their long form (`{"Ref": "Table"}`)."""


def _long_form(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> Json:
    name = tag if tag in _BARE else f"Fn::{tag}"
    match node:
        case yaml.ScalarNode():
            value: Any = loader.construct_scalar(node)
        case yaml.SequenceNode():
            value = loader.construct_sequence(node, deep=True)
        case _:
            value = cast("Json", loader.construct_mapping(cast("yaml.MappingNode", node), deep=True))
    if tag == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name: value}


cast("Any", _Loader).add_multi_constructor("!", _long_form)  # untyped in the stubs


def _with_globals(template: Json) -> Json:
    shared: Json = template.get("Globals", {})
    resources = {
        name: {**resource, "Properties": _merged(shared.get(kind, {}), resource.get("Properties") or {})}
        if (kind := _GLOBALS.get(resource["Type"]))
        else resource
        for name, resource in template["Resources"].items()
    }
    return {**template, "Resources": resources}


def _merged(common: Any, own: Any) -> Any:
    """As SAM merges: maps by key, lists one after the other, and otherwise what is nearer."""
    match common, own:
        case dict(), dict():
            one, two = cast("Json", common), cast("Json", own)
            if _is_intrinsic(one) or _is_intrinsic(two):
                return two
            both = {name: _merged(one[name], two[name]) for name in one.keys() & two.keys()}
            return {**one, **two, **both}
        case list(), list():
            return [*cast("list[Any]", common), *cast("list[Any]", own)]
        case _:
            return cast("object", own)


def _is_intrinsic(value: Json) -> bool:
    return len(value) == 1 and next(iter(value)).startswith(("Ref", "Fn::"))
