"""template.yaml as SAM's translator, which CloudFormation runs, makes CloudFormation of it."""

from __future__ import annotations

import functools
import warnings
from typing import TYPE_CHECKING, Any

import boto3

from tests.template.cloud import Stack
from tests.template.declared import TEMPLATE

if TYPE_CHECKING:
    from collections.abc import Callable

REGION = "eu-central-1"


def deployed(template: dict[str, Any] = TEMPLATE, *, layer: str = "layer", **parameters: str) -> Stack:
    """What that template makes with those parameters, and with that layer. Raises `NotDeployed`."""
    packaged = _packaged(template, layer)
    Stack(packaged, region=REGION, **parameters)  # parameters and rules are judged before anything is made
    return Stack(_translator()(packaged, parameters), region=REGION, **parameters)


def in_long_form(value: Any) -> Any:
    """A copy whose attributes are named by lists, as `sam build` and CloudFormation hand them on to SAM."""
    match value:
        case {"Fn::GetAtt": str(name)}:
            return {"Fn::GetAtt": name.split(".", 1)}
        case dict():
            return {name: in_long_form(each) for name, each in value.items()}
        case list():
            return [in_long_form(each) for each in value]
        case _:
            return value


def _packaged(template: dict[str, Any], layer: str) -> dict[str, Any]:
    """The template with its artefacts where `sam package` puts them, under names that say what is in them."""
    packaged = in_long_form(template)
    for resource in packaged["Resources"].values():
        for name, content in (("CodeUri", "door"), ("ContentUri", layer)):
            if name in resource["Properties"]:
                resource["Properties"][name] = f"s3://bucket/{content}"
    return packaged


@functools.cache
def _translator() -> Callable[[dict[str, Any], dict[str, str]], dict[str, Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pydantic's first version, which it uses, on the newest Pythons
        from samtranslator.parser.parser import Parser
        from samtranslator.translator.translator import Translator

        return Translator({}, Parser(), boto_session=boto3.Session(region_name=REGION)).translate
