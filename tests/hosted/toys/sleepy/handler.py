"""A function that takes its time to start."""

from __future__ import annotations

import time

print("starting", flush=True)
time.sleep(1)


def lambda_handler(event, context):
    return {"statusCode": 200, "body": "awake"}
