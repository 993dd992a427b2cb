"""Plain CloudFormation, as far as this project uses it: what becomes of a template with given parameters.

Functions and rules: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT = "123456789012"
STACK = "stack"

_NOTHING = object()
"""What `AWS::NoValue` leaves behind until its place is removed."""


class NotDeployed(Exception):
    """What CloudFormation would say instead of making anything."""


class _Loader(yaml.SafeLoader):
    """Reads short tags as the functions that they stand for."""


def _function(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> dict[str, Any]:
    name = tag if tag in ("Ref", "Condition") else f"Fn::{tag}"
    match node:
        case yaml.ScalarNode():
            return {name: loader.construct_scalar(node)}
        case yaml.SequenceNode():
            return {name: loader.construct_sequence(node, deep=True)}
        case yaml.MappingNode():
            return {name: loader.construct_mapping(node, deep=True)}
    raise AssertionError(node)


_Loader.add_multi_constructor("!", _function)


def read_template(path: Path) -> dict[str, Any]:
    """The template as data, its functions in their long form."""
    return yaml.load(path.read_text(encoding="utf-8"), _Loader)


class Stack:
    """What a template makes in a Region. Raises `NotDeployed`.

    References to resources stay names: `Ref` of one is `<name>`, an attribute of one is `<name>.<attribute>`.
    """

    def __init__(self, template: dict[str, Any], *, region: str, **given: str) -> None:
        self._conditions: dict[str, Any] = template.get("Conditions", {})
        self._mappings: dict[str, Any] = template.get("Mappings", {})
        self._values: dict[str, Any] = {
            "AWS::AccountId": ACCOUNT,
            "AWS::NoValue": _NOTHING,
            "AWS::Partition": "aws",
            "AWS::Region": region,
            "AWS::StackName": STACK,
        }
        for name, parameter in template.get("Parameters", {}).items():
            self._values[name] = _checked(name, parameter, given.pop(name, parameter.get("Default")))
        assert not given, f"no such parameters: {sorted(given)}"
        for rule in template.get("Rules", {}).values():
            self._check(rule)
        self.resources: dict[str, dict[str, Any]] = self._present(template["Resources"])
        self.outputs: dict[str, Any] = {
            name: output["Value"] for name, output in self._present(template.get("Outputs", {})).items()
        }

    def of_type(self, type: str) -> dict[str, Any]:
        """The properties of the one resource of that type."""
        (resource,) = (each for each in self.resources.values() if each["Type"] == type)
        return resource["Properties"]

    def _present(self, section: dict[str, Any]) -> dict[str, Any]:
        return {
            name: self._worked_out({key: value for key, value in each.items() if key != "Condition"})
            for name, each in section.items()
            if "Condition" not in each or self._worked_out({"Condition": each["Condition"]})
        }

    def _check(self, rule: dict[str, Any]) -> None:
        if "RuleCondition" in rule and not self._worked_out(rule["RuleCondition"]):
            return
        for assertion in rule["Assertions"]:
            if not self._worked_out(assertion["Assert"]):
                raise NotDeployed(assertion["AssertDescription"])

    def _worked_out(self, node: Any) -> Any:
        match node:
            case {"Fn::If": [condition, then, otherwise]}:
                return self._worked_out(then if self._worked_out({"Condition": condition}) else otherwise)
            case {"Fn::Sub": [text, names]}:
                return self._filled(text, self._worked_out(names))
            case {"Fn::Sub": text}:
                return self._filled(text, {})
            case {"Condition": str(name)}:
                return self._worked_out(self._conditions[name])
            case dict():
                found = {name: self._worked_out(value) for name, value in node.items()}
                return self._called({name: each for name, each in found.items() if each is not _NOTHING})
            case list():
                return [each for each in map(self._worked_out, node) if each is not _NOTHING]
            case _:
                return node

    def _called(self, node: dict[str, Any]) -> Any:
        match node:
            case {"Ref": name}:
                return self._values.get(name, f"<{name}>")
            case {"Fn::GetAtt": list(names)}:
                return f"<{'.'.join(names)}>"
            case {"Fn::GetAtt": name}:
                return f"<{name}>"
            case {"Fn::Equals": [one, other]}:
                return one == other
            case {"Fn::Not": [one]}:
                return not one
            case {"Fn::And": each}:
                return all(each)
            case {"Fn::Or": each}:
                return any(each)
            case {"Fn::Join": [separator, parts]}:
                return separator.join(map(str, parts))
            case {"Fn::Select": [index, found]}:
                return found[index]
            case {"Fn::Split": [separator, text]}:
                return text.split(separator)
            case {"Fn::FindInMap": [name, first, second]}:
                return self._mappings[name][str(first)][second]
            case _ if any(name.startswith("Fn::") for name in node):
                raise AssertionError(f"no such function here: {node}")
            case _:
                return node

    def _filled(self, text: str, names: dict[str, Any]) -> str:
        known = self._values | names
        return re.sub(r"\$\{([^}!]+)\}", lambda found: str(known.get(found[1], f"<{found[1]}>")), text)


def _checked(name: str, parameter: dict[str, Any], value: Any) -> Any:
    if value is None:
        raise NotDeployed(f"{name} must have a value")
    pattern, allowed = parameter.get("AllowedPattern"), parameter.get("AllowedValues")
    if (pattern and not re.fullmatch(pattern, value)) or (allowed and str(value) not in map(str, allowed)):
        raise NotDeployed(f"{name} must not be {value!r}")
    return value
