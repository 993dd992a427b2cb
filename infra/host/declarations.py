"""From a template to what it deploys."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from infra.host.deployment import (
    IAM,
    WRAPPER,
    Authorizer,
    Cors,
    Deployment,
    Function,
    FunctionUrl,
    GatewayResponse,
    RestApi,
    Route,
    unquoted,
)
from infra.host.intrinsics import Intrinsics
from infra.host.sources import read_sources
from infra.host.template import Json, TemplateError, read_template

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_BUFFERED_SECONDS = 29.0
"""How long API Gateway waits for an integration, unless its route says otherwise."""
_AUTHORIZER_SECONDS = 300
"""How long API Gateway keeps what an authorizer said, unless told otherwise."""
_LAMBDA_SECONDS = 3
_MEGABYTES = 128


def read_deployment(
    template: Path, parameters: Mapping[str, str] | None = None, *, region: str = "us-east-1"
) -> Deployment:
    """What that template deploys with those parameters. Raises `TemplateError`."""
    intrinsics = Intrinsics(read_template(template), parameters or {}, region=region)
    apis = [name for name, each in intrinsics.resources.items() if each["Type"] == "AWS::Serverless::Api"]
    if len(apis) != 1:
        raise TemplateError(f"{template} has {len(apis)} REST APIs; this host serves templates of one.")
    functions = {name: _function(name, intrinsics, template.parent) for name in _functions(intrinsics)}
    api = intrinsics.properties(apis[0], *_API)
    sources = read_sources(functions, intrinsics)
    return Deployment(functions, _rest_api(api, functions, intrinsics), sources, region)


_API = ("Auth", "BinaryMediaTypes", "Cors", "GatewayResponses", "StageName")
_FUNCTION = (
    "AutoPublishAlias",
    "CodeUri",
    "Environment",
    "FunctionUrlConfig",
    "Handler",
    "Layers",
    "LoggingConfig",
    "MemorySize",
    "ReservedConcurrentExecutions",
    "Runtime",
    "SnapStart",
    "Timeout",
)
"""The properties that this host heeds."""


def _functions(intrinsics: Intrinsics) -> Iterator[str]:
    for name, resource in intrinsics.resources.items():
        if resource["Type"] == "AWS::Serverless::Function":
            yield name


def _function(logical_id: str, intrinsics: Intrinsics, home: Path) -> Function:
    told = intrinsics.properties(logical_id, *_FUNCTION)
    alias, arn = told.get("AutoPublishAlias"), intrinsics.function_arn(logical_id)
    name = intrinsics.function_name(logical_id)
    logging: Json = told.get("LoggingConfig", {})
    url: Json = told.get("FunctionUrlConfig", {})
    variables: Json = told.get("Environment", {}).get("Variables", {})
    reserved = told.get("ReservedConcurrentExecutions")
    usual = "RESPONSE_STREAM" if WRAPPER in variables and not url else "BUFFERED"
    try:
        return Function(
            logical_id=logical_id,
            name=name,
            arn=f"{arn}:{alias}" if alias else arn,
            region=intrinsics.region,
            version="1" if alias else "$LATEST",
            runtime=told["Runtime"],
            handler=told["Handler"],
            folder=(home / told["CodeUri"]).resolve(),
            layers=tuple(_layers(told.get("Layers", ()), intrinsics, home)),
            timeout=float(told.get("Timeout", _LAMBDA_SECONDS)),
            memory=int(told.get("MemorySize", _MEGABYTES)),
            environment={name: _text(value) for name, value in variables.items()},
            log_group=logging.get("LogGroup", f"/aws/lambda/{name}"),
            log_format=logging.get("LogFormat", "Text").upper(),
            snap_start=told.get("SnapStart", {}).get("ApplyOn") == "PublishedVersions",
            url=FunctionUrl(url.get("AuthType", "NONE"), url.get("InvokeMode", usual) == "RESPONSE_STREAM"),
            limit=int(reserved) if reserved is not None else None,
        )
    except KeyError as error:
        raise TemplateError(f"{logical_id} has no {error.args[0]}.") from None


def _layers(arns: list[str], intrinsics: Intrinsics, home: Path) -> Iterator[Path]:
    for arn in arns:
        name = arn.split(":")[-2]
        if name in intrinsics.resources:
            yield (home / intrinsics.properties(name, "ContentUri")["ContentUri"]).resolve()


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _rest_api(properties: Json, functions: Mapping[str, Function], intrinsics: Intrinsics) -> RestApi:
    auth: Json = properties.get("Auth", {})
    default: str | None = auth.get("DefaultAuthorizer")
    routes = [route for name in functions for route in _routes(functions[name], intrinsics, default)]
    authorizers = {
        name: _authorizer(name, each, functions, intrinsics)
        for name, each in auth.get("Authorizers", {}).items()
    }
    for route in routes:
        if route.authorizer not in (None, IAM, *authorizers):
            raise TemplateError(f"{route.path} names the authorizer {route.authorizer}, which is not there.")
    responses: Json = properties.get("GatewayResponses", {})
    return RestApi(
        stage=properties["StageName"],
        routes=tuple(routes),
        authorizers=authorizers,
        default_authorizer=default,
        cors=_cors(properties.get("Cors"), auth),
        responses={kind: _gateway_response(each) for kind, each in responses.items()},
        binary=tuple(each.replace("~1", "/") for each in properties.get("BinaryMediaTypes", ())),
    )


def _routes(function: Function, intrinsics: Intrinsics, default: str | None) -> Iterator[Route]:
    events: Json = intrinsics.properties(function.logical_id, "Events").get("Events", {})
    for event in events.values():
        if event["Type"] != "Api":
            continue
        told: Json = event["Properties"]
        authorizer: str | None = told.get("Auth", {}).get("Authorizer", default)
        milliseconds = told.get("TimeoutInMillis")
        yield Route(
            method=told["Method"].upper(),
            path=told["Path"],
            function=function,
            authorizer=None if authorizer == "NONE" else authorizer,
            streams=told.get("ResponseTransferMode") == "RESPONSE_STREAM",
            timeout=int(milliseconds) / 1000 if milliseconds else _BUFFERED_SECONDS,
        )


def _authorizer(
    name: str, told: Json, functions: Mapping[str, Function], intrinsics: Intrinsics
) -> Authorizer:
    arn = told.get("FunctionArn")
    function = next((functions[each] for each in functions if intrinsics.function_arn(each) == arn), None)
    if told.get("FunctionPayloadType", "TOKEN") != "TOKEN" or function is None:
        raise TemplateError(f"The authorizer {name} is not a TOKEN authorizer of a function of the template.")
    identity: Json = told.get("Identity", {})
    pattern = identity.get("ValidationExpression")
    return Authorizer(
        function=function,
        header=identity.get("Header", "Authorization"),
        pattern=re.compile(pattern) if pattern else None,
        seconds=int(identity.get("ReauthorizeEvery", _AUTHORIZER_SECONDS)),
    )


def _cors(told: Any, auth: Json) -> Cors | None:
    match told:
        case None:
            return None
        case str(origin):
            properties: Json = {"AllowOrigin": origin}
        case _:
            properties = told
    headers = {
        "Access-Control-Allow-Origin": properties.get("AllowOrigin"),
        "Access-Control-Allow-Headers": properties.get("AllowHeaders"),
        "Access-Control-Max-Age": properties.get("MaxAge"),
        "Access-Control-Allow-Credentials": "'true'" if properties.get("AllowCredentials") is True else None,
    }
    return Cors(
        {name: unquoted(str(value)) for name, value in headers.items() if value},
        unquoted(properties["AllowMethods"]) if "AllowMethods" in properties else None,
        bool(auth.get("DefaultAuthorizer")) and auth.get("AddDefaultAuthorizerToCorsPreflight") is not False,
    )


def _gateway_response(told: Json) -> GatewayResponse:
    status = told.get("StatusCode")
    return GatewayResponse(
        int(status) if status else None,
        told.get("ResponseParameters", {}).get("Headers", {}),
        told.get("ResponseTemplates", {}).get("application/json"),
    )
