"""A SageMaker of our own on loopback: says what a script says, in the protocol that boto3 speaks."""

import importlib
import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.loopback import Loopback, Request, Response

NOW = 1_790_000_000
IMAGE = "registry/model@sha256:new"


def described(**changes: Any) -> dict[str, Any]:
    """DescribeEndpoint's answer of an endpoint that runs the configuration `new` with `IMAGE` on two instances."""
    variant = {
        "VariantName": "AllTraffic",
        "DeployedImages": [
            {"SpecifiedImage": "registry/model@sha256:new", "ResolvedImage": "registry/model@sha256:new"}
        ],
        "CurrentInstanceCount": 2,
        "DesiredInstanceCount": 2,
    }
    return {
        "EndpointName": "platform-test-real-time",
        "EndpointArn": "arn:aws:sagemaker:eu-west-1:111122223333:endpoint/platform-test-real-time",
        "EndpointConfigName": "new",
        "EndpointStatus": "InService",
        "ProductionVariants": [{**variant, **changes.pop("variant", {})}],
        "CreationTime": NOW,
        "LastModifiedTime": NOW,
        **changes,
    }


@dataclass
class Script:
    """Answers one by one, the last of them for ever; keeps what was asked."""

    answers: Sequence[dict[str, Any]]
    asked: list[tuple[str, Any]] = field(default_factory=list[tuple[str, Any]])

    def answer(self, target: str, request: Any) -> dict[str, Any]:
        """The next one."""
        self.asked.append((target, request))
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


@contextmanager
def scripted(script: Script) -> Generator[Any]:
    """boto3's client of an endpoint that follows `script`."""

    def answer(request: Request) -> Response:
        told = script.answer(request.headers["x-amz-target"], json.loads(request.body))
        return Response(headers={"Content-Type": "application/x-amz-json-1.1"}, body=json.dumps(told).encode())

    with Loopback(answer) as server:
        boto3: Any = importlib.import_module("boto3")
        client = boto3.client(
            "sagemaker",
            region_name="eu-west-1",
            endpoint_url=server.url,
            aws_access_key_id="none",
            aws_secret_access_key="none",
        )
        try:
            yield client
        finally:
            client.close()
