"""What the emulator leaves out when it imports the REST API: its answers to requests that reach no function.

It has them and applies them, but takes them by API Gateway's own calls alone, and into the next deployment of
the stage. So they are put there as the template says them, after each deployment of the stack.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from pathlib import Path


def put_gateway_responses(client: Any, api_id: str, stage: str, template: Path) -> None:
    """Give that API the gateway responses of a built template, and its stage a deployment that has them."""
    resources = yaml.safe_load(template.read_text(encoding="utf-8"))["Resources"]
    (api,) = (each for each in resources.values() if each["Type"] == "AWS::Serverless::Api")
    for kind, told in api["Properties"]["GatewayResponses"].items():
        headers = told["ResponseParameters"]["Headers"]
        status = {"statusCode": str(told["StatusCode"])} if "StatusCode" in told else {}
        client.put_gateway_response(
            restApiId=api_id,
            responseType=kind,
            responseParameters={f"gatewayresponse.header.{name}": value for name, value in headers.items()},
            responseTemplates=told["ResponseTemplates"],
            **status,
        )
    client.create_deployment(restApiId=api_id, stageName=stage)
