"""An authorizer that believes what a token says of itself."""

from __future__ import annotations

from itertools import count

_CALLS = count(1)


def lambda_handler(event, context):
    token, arn = event["authorizationToken"], event["methodArn"]
    stage = "/".join(arn.split("/")[:2])
    match token:
        case "nobody":
            raise Exception("Unauthorized")
        case "crash":
            raise RuntimeError("something else")
        case "odd":
            return {"isAuthorized": True}
        case "nested":
            return _policy("Allow", f"{stage}/*", {"list": [1]})
        case "denied":
            return _policy("Deny", f"{stage}/*", {})
        case "reader":
            return _policy("Allow", f"{stage}/GET/*", {"calls": next(_CALLS), "yes": True, "text": "t"})
        case "elsewhere":
            return _policy("Allow", f"{stage}/GET/other", {})
    return _policy("Allow", f"{stage}/*", {"calls": next(_CALLS), "arn": arn})


def _policy(effect, resource, context):
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return {"principalId": "me", "policyDocument": document, "context": context}
