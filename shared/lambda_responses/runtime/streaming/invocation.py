"""One invocation, as the Runtime API hands it over, and what Lambda tells of it to a function."""

from __future__ import annotations

import json
import os
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from email.message import Message

TRACE_ID = "_X_AMZN_TRACE_ID"


class Invocation:
    """An invocation that has not been looked into: everything but its id may turn out unreadable."""

    def __init__(self, headers: Message, payload: bytes) -> None:
        self._headers = headers
        self._payload = payload
        self.id = headers.get("Lambda-Runtime-Aws-Request-Id", "")
        self.echoed = tuple(
            f"{name}: {headers[name]}" for name in ("Lambda-Runtime-Invocation-Id",) if name in headers
        )
        """Headers that go back with the answer, as AWS's own client sends them since its version 4.2."""
        self._deadline = int(headers.get("Lambda-Runtime-Deadline-Ms", 0)) / 1000

    def remaining(self) -> float:
        """Seconds until the environment is stopped, if it still answers."""
        return self._deadline - time.time()

    def event(self) -> Any:
        """The event. Raises `ValueError`."""
        return json.loads(self._payload)

    def context(self) -> Context:
        """What a handler would be called with. Raises `ValueError`."""
        return Context(self._headers, self._deadline)

    def trace(self) -> None:
        """Let whoever makes a request know which trace it belongs to."""
        if (trace_id := self._headers.get("Lambda-Runtime-Trace-Id")) is None:
            os.environ.pop(TRACE_ID, None)
        else:
            os.environ[TRACE_ID] = trace_id


class Context:
    """The context object of https://docs.aws.amazon.com/lambda/latest/dg/python-context.html"""

    def __init__(self, headers: Message, deadline: float) -> None:
        """`deadline` in seconds since 1970. Raises `ValueError` where a header is not JSON."""
        environment = os.environ
        self.aws_request_id = headers.get("Lambda-Runtime-Aws-Request-Id")
        self.invoked_function_arn = headers.get("Lambda-Runtime-Invoked-Function-Arn")
        self.tenant_id = headers.get("Lambda-Runtime-Aws-Tenant-Id")
        self.function_name = environment.get("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = environment.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = environment.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = environment.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.identity = _identity(headers.get("Lambda-Runtime-Cognito-Identity"))
        self.client_context = _client_context(headers.get("Lambda-Runtime-Client-Context"))
        self._deadline = deadline

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the environment is stopped, never fewer than none."""
        return max(0, int((self._deadline - time.time()) * 1000))


CLIENT = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")


def _identity(header: str | None) -> SimpleNamespace:
    told = json.loads(header or "{}")
    return SimpleNamespace(
        cognito_identity_id=told.get("cognitoIdentityId"),
        cognito_identity_pool_id=told.get("cognitoIdentityPoolId"),
    )


def _client_context(header: str | None) -> SimpleNamespace | None:
    if not header:
        return None
    told = json.loads(header)
    client = told.get("client")
    return SimpleNamespace(
        custom=told.get("custom"),
        env=told.get("env"),
        client=client and SimpleNamespace(**{name: client.get(name) for name in CLIENT}),
    )
