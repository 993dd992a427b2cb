"""Forms of the template that no parameter can express: SAM decides on them before parameters have values.

    buffered   every answer leaves in one piece, for where nothing streams (the emulator)
    http       the buckets are reached without TLS, where there is none (the emulator)
    iam        callers sign with AWS credentials; there is no authorizer, and nobody has a key
    rest       there are no function URLs: the REST API, and what stands before it, is the one way in
    arm64      functions run on the processor that this was built for, and nobody is asked for another
    x86_64     the same for that one

Takes the template that `sam build` wrote, and writes the form beside it, because paths in it are relative:

    python -m infra.variants iam          .aws-sam/build/template.yaml -> .aws-sam/build/iam.yaml

What a form replaces has to be there. Where it is not, the template has changed and the form has not: that is
an error, rather than a stack that is open or streams into nowhere.
"""

from __future__ import annotations

import argparse
import re
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Json = dict[str, Any]

BUILT = Path(__file__).parents[1] / ".aws-sam" / "build" / "template.yaml"
_PLACEHOLDER = re.compile(r"\$\{([A-Za-z0-9]+)")


class VariantError(Exception):
    """The form cannot be made; the message says why in one sentence."""


def write_variant(built: Path, *forms: str) -> Path:
    """Write those forms of a built template, one upon the other; where it is. Raises `VariantError`."""
    try:
        template: Any = yaml.safe_load(built.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise VariantError(f"{built} is not what `sam build` writes: {error}") from None
    for form in forms:
        FORMS[form](template)
    place = built.with_name("-".join(forms) + ".yaml")
    place.write_text(yaml.safe_dump(template, sort_keys=False, width=120), encoding="utf-8")
    return place


def buffer(template: Json) -> None:
    """Let no route and no function URL stream, and Lambda's own loop run every function."""
    streaming = [each for each in _functions(template) if _streams(each)]
    if not streaming:
        raise VariantError("No function of the template streams.")
    for function in streaming:
        for route in _streaming_routes(function):
            _take(route, "ResponseTransferMode")
            _take(route, "TimeoutInMillis")
        _take(function, "Timeout")  # which leaves it the one that all functions have
        _take(function, "Environment", "Variables", "AWS_LAMBDA_EXEC_WRAPPER")
        if "FunctionUrlConfig" in function:
            _replace(function, "FunctionUrlConfig", "InvokeMode", by="BUFFERED")


def unseal(template: Json) -> None:
    """Let functions reach the buckets without TLS, which their policies forbid and do nothing else."""
    for policy in ("MediaPolicy", "ExchangePolicy"):
        statements = _at(template, "Resources", policy, "Properties", "PolicyDocument", "Statement")
        if [each.get("Condition") for each in statements] != [{"Bool": {"aws:SecureTransport": "false"}}]:
            raise VariantError(f"{policy} says more than that there has to be TLS.")
        _take(template, "Resources", policy)


def sign(template: Json) -> None:
    """Let AWS check signatures in front of the REST API and of function URLs."""
    (api,) = _properties(template, "AWS::Serverless::Api")
    for authorizer in _take(api, "Auth", "Authorizers").values():
        function, _ = _at(authorizer, "FunctionArn", "Fn::GetAtt")
        _take(template, "Resources", function)
    _replace(api, "Auth", "DefaultAuthorizer", by="AWS_IAM")
    api["Auth"]["InvokeRole"] = "NONE"  # a caller needs no right on the functions themselves
    # API Gateway has one name for a request that is not signed and one for no route.
    _replace(api, "GatewayResponses", "MISSING_AUTHENTICATION_TOKEN", "StatusCode", by=401)
    _replace(api, "GatewayResponses", "MISSING_AUTHENTICATION_TOKEN", "ResponseTemplates", by=_UNSIGNED)
    for function in _functions(template):
        if "FunctionUrlConfig" in function:
            _replace(function, "FunctionUrlConfig", "AuthType", by="AWS_IAM")
    _settle_auth(template)


def close_urls(template: Json) -> None:
    """Leave the REST API as the one way in: no function URL, and no looking up of keys behind one."""
    named = {f"{name}Url" for name in _at(template, "Resources")}
    with_url = [function for function in _functions(template) if "FunctionUrlConfig" in function]
    if not with_url:
        raise VariantError("No function of the template has a URL.")
    for function in with_url:
        _take(function, "FunctionUrlConfig")
        kept = [each for each in _at(function, "Policies") if "TakesKeys" not in _references(each)]
        _replace(function, "Policies", by=kept)
    outputs = _at(template, "Outputs")
    _replace(
        template, "Outputs", by={k: each for k, each in outputs.items() if not named & _references(each)}
    )
    if left := named & _references(template):
        raise VariantError(f"The template uses {', '.join(sorted(left))} where nobody expected it.")


def run_on(processor: str, template: Json) -> None:
    """Let nobody choose a processor any more: the layer's libraries are built for this one."""
    _take(template, "Parameters", "Architecture")
    named = {"Ref": "Architecture"}
    template |= cast("Json", _replaced(template, named, by=processor))
    if "Architecture" in _references(template):
        raise VariantError("The template uses Architecture where nobody expected it.")


def _settle_auth(template: Json) -> None:
    """Take the choice between keys and tokens from whoever deploys, and from all that depends on it."""
    choices = {name for name in _at(template, "Parameters") if name == "Auth" or name.startswith("Jwt")}
    gone = choices | {name for name in _at(template, "Conditions") if name.startswith("Takes")}
    _replace(template, "Outputs", "Auth", "Value", by="iam")
    _replace(template, "Globals", "Function", "Environment", "Variables", "RESPONSES_AUTH", by="iam")
    variables = ("Globals", "Function", "Environment", "Variables")
    for section in (("Parameters",), ("Conditions",), ("Rules",), variables):
        told = _at(template, *section)
        kept = {name: value for name, value in told.items() if not gone & {name, *_references(value)}}
        _replace(template, *section, by=kept)
    if not template["Rules"]:
        _take(template, "Rules")
    resources = _at(template, "Resources")
    kept = {name: each for name, each in resources.items() if each.get("Condition") not in gone}
    _replace(template, "Resources", by=kept)
    for function in _functions(template):
        if "Policies" in function:
            kept = [each for each in _at(function, "Policies") if not gone & _references(each)]
            _replace(function, "Policies", by=kept)
        if "VersionDescription" in function:
            separator, parts = _at(function, "VersionDescription", "Fn::Join")
            parts = [part for part in parts if not gone & _references(part)]
            _replace(function, "VersionDescription", "Fn::Join", by=[separator, parts])
    if left := gone & _references(template):
        raise VariantError(f"The template uses {', '.join(sorted(left))} where nobody expected it.")


PROCESSORS = ("arm64", "x86_64")
FORMS: dict[str, Callable[[Json], None]] = {
    "buffered": buffer,
    "http": unseal,
    "iam": sign,
    "rest": close_urls,
    **{processor: partial(run_on, processor) for processor in PROCESSORS},
}

_UNSIGNED = {
    "application/json": (
        '{"error": {"message": "The request is not signed with AWS credentials, or there is no such route.",'
        ' "type": "invalid_request_error", "param": null, "code": "invalid_api_key"}}'
    )
}


def _functions(template: Json) -> Iterator[Json]:
    return _properties(template, "AWS::Serverless::Function")


def _properties(template: Json, kind: str) -> Iterator[Json]:
    for resource in _at(template, "Resources").values():
        if resource["Type"] == kind:
            yield resource["Properties"]


def _streams(function: Json) -> bool:
    url: Json = function.get("FunctionUrlConfig", {})
    return any(_streaming_routes(function)) or url.get("InvokeMode") == "RESPONSE_STREAM"


def _streaming_routes(function: Json) -> Iterator[Json]:
    for event in function.get("Events", {}).values():
        if "ResponseTransferMode" in event["Properties"]:
            yield event["Properties"]


def _at(place: Json, *path: str) -> Any:
    """What is there. Raises `VariantError` where nothing is."""
    found: Any = place
    for name in path:
        if not isinstance(found, dict) or name not in found:
            raise VariantError(f"The template no longer has {'.'.join(path)}.")
        found = cast("Json", found)[name]
    return found


def _take(place: Json, *path: str) -> Any:
    """What is there, which is then gone. Raises `VariantError` where nothing is."""
    found = _at(place, *path)
    del _at(place, *path[:-1])[path[-1]]
    return found


def _replace(place: Json, *path: str, by: Any) -> None:
    """Put something in the place of what is there. Raises `VariantError` where nothing is."""
    _at(place, *path)
    _at(place, *path[:-1])[path[-1]] = by


def _replaced(value: Any, old: Any, *, by: Any) -> Any:
    """The same with something else wherever that is in it."""
    if value == old:
        return by
    match value:
        case dict():
            return {name: _replaced(each, old, by=by) for name, each in cast("Json", value).items()}
        case list():
            return [_replaced(each, old, by=by) for each in cast("list[Any]", value)]
        case _:
            return value


def _references(value: Any) -> set[str]:
    """All parameters, conditions and resources that it names."""
    match value:
        case {"Ref": str(name)}:
            return {name}
        case {"Condition": str(name), **rest}:
            return {name} | _references(rest)
        case {"Fn::If": [str(condition), *rest]}:
            return {condition} | _references(rest)
        case {"Fn::GetAtt": [str(name), *_]}:
            return {name}
        case {"Fn::Sub": str(text)}:
            return set(_PLACEHOLDER.findall(text))
        case {"Fn::Sub": [str(text), more]}:
            return set(_PLACEHOLDER.findall(text)) | _references(more)
        case dict():
            return set[str]().union(*map(_references, cast("Json", value).values()))
        case list():
            return set[str]().union(*map(_references, cast("list[Any]", value)))
        case _:
            return set()


def main() -> int:
    """Write one template; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m infra.variants", description=__doc__)
    parser.add_argument("forms", nargs="+", choices=FORMS)
    parser.add_argument("--of", type=Path, default=BUILT, metavar="TEMPLATE", help="as `sam build` wrote it")
    given = parser.parse_args()
    try:
        write_variant(given.of, *given.forms)
    except VariantError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
