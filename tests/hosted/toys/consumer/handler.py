"""A function for events that no client sends: it prints them, and does what their messages ask for."""

from __future__ import annotations

import json


def lambda_handler(event, context):
    print(json.dumps(event), flush=True)
    bodies = {record["messageId"]: record["body"] for record in event.get("Records", ())}
    if "raise" in bodies.values():
        raise ValueError("no such luck")
    if "mumble" in bodies.values():
        return {"batchItemFailures": [{"itemIdentifier": "somebody else"}]}
    return {"batchItemFailures": [{"itemIdentifier": id} for id, body in bodies.items() if body == "fail"]}
