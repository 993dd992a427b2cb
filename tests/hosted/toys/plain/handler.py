"""A function for AWS's own runtime client."""

from __future__ import annotations

import base64
import json
import os
import signal
import time
from itertools import count

_CALLS = count(1)


def lambda_handler(event, context):
    parameters = event.get("pathParameters") or {}
    act = parameters.get("act") or event.get("rawPath", "").rpartition("/")[2]
    print(f"called to {act}", flush=True)
    match act:
        case "raise":
            raise ValueError("no such luck")
        case "exit":
            os._exit(3)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hang":
            time.sleep(60)  # longer than anybody waits
        case "wait":
            time.sleep(float(json.loads(event["body"])["seconds"]))
        case "large":
            return {"statusCode": 200, "body": "x" * 7_000_000}
        case "nothing":
            return None
        case "bare":
            return {"told": "without a status"}
        case "text":
            return "just text"
        case "encoded":
            return {"statusCode": 201, "body": base64.b64encode(b"\xff\0").decode(), "isBase64Encoded": True}
        case "several":
            headers = {"x-one": "1", "x-two": "single", "date": "yesterday", "content-length": "7"}
            several = {"X-Two": ["2", "3"]}
            return {"statusCode": "207", "headers": headers, "multiValueHeaders": several, "cookies": ["a=1"]}
        case "foreign":
            return {"statusCode": 299, "headers": {"x-word": " jäger "}, "body": "ä"}
        case "injected":
            return {"statusCode": 200, "headers": {"x-one": "1\r\nx-two: 2"}}
        case _:
            pass
    told = {
        "event": event,
        "environment": dict(os.environ),
        "pid": os.getpid(),
        "calls": next(_CALLS),
        "arn": context.invoked_function_arn,
        "request_id": context.aws_request_id,
        "remaining": context.get_remaining_time_in_millis(),
        "folder": os.getcwd(),
    }
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(told)}
