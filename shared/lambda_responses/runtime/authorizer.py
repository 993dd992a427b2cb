"""What API Gateway asks before it lets a request through to any door: a TOKEN authorizer of the whole stage.

The answer is kept by API Gateway for as long as the template says, by credential and for every route, so it
allows the stage and not the one route that was asked for; what a credential may do on a route is the door's
to judge, from the scopes that come with the answer. Event and answer:
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html

Powertools has classes for both, which cost a tenth of a DynamoDB client to import, for the few lines below.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

from lambda_responses.runtime.logs import lines_of, logger, place_of
from lambda_responses.runtime.metrics import publish_refusal
from lambda_responses.runtime.principals.bearers import read_authorization
from lambda_responses.runtime.principals.vouched import render_context
from lambda_responses.runtime.runtime import process_runtime
from lambda_responses.runtime.settings import SettingsError
from lambda_responses.runtime.starting import starting
from lambda_responses.storage.keyed.port import StoreUnavailable
from lambda_responses.wire.errors import AuthenticationError

if TYPE_CHECKING:
    from lambda_responses.lifecycle.ports import Principal
    from lambda_responses.runtime.runtime import Runtime
    from lambda_responses.wire.json import Json

UNAUTHORIZED = "Unauthorized"
"""The one text of an exception that API Gateway makes a 401 of; any other is a 500."""


class NoVerdict(Exception):
    """Nobody can say who calls. It tells the kind and place of a fault: Lambda writes down what it says."""


class Authorizer:
    """The Lambda handler."""

    def __call__(self, event: Json, context: Any, *, using: Runtime | None = None) -> Json:
        """The policy for the holder of `event["authorizationToken"]`. Tests pass `using=`; Lambda never does.

        Raises `Exception("Unauthorized")`, `SettingsError`, and `NoVerdict` for whatever else is at fault.
        """
        runtime = using or process_runtime()
        with lines_of(None, context):  # the request has no id yet: that is the door's to give
            try:
                credential = read_authorization(event["authorizationToken"])
                principal = asyncio.run(runtime.callers.bearers.holder(credential))
            except AuthenticationError:
                logger.info("refused")
                publish_refusal()  # Lambda counts an error; the alarm on this function takes these from those
                raise Exception(UNAUTHORIZED) from None
            except SettingsError:
                raise
            except StoreUnavailable as error:
                logger.error("store unavailable", fault=str(error), at=place_of(error))
                raise NoVerdict(f"StoreUnavailable at {place_of(error)}") from None
            except Exception as error:
                raise NoVerdict(f"{type(error).__name__} at {place_of(error)}") from None
            logger.info("authorized", tenant=principal.tenant, key_id=principal.key_id)
        return render_policy(principal, event["methodArn"])


def authorizer() -> Authorizer:
    """The handler; on Lambda, what the first request would wait for is made at once."""
    if "AWS_LAMBDA_RUNTIME_API" in os.environ:
        with starting():
            _ = process_runtime().callers.bearers
    return Authorizer()


def render_policy(principal: Principal, method_arn: str) -> Json:
    """Leave to call everything in the stage of `arn:…:{api}/{stage}/{method}/{path}`, and who asks."""
    api, stage, *_ = method_arn.split("/")
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": [f"{api}/{stage}/*"]}
    return {
        "principalId": principal.key_id or principal.tenant,
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": render_context(principal),
    }
