"""A `sagemaker` block with every kind of endpoint, and what a stack makes of it."""

import json
from copy import deepcopy
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_aws_native as aws_native

from infra.clouds.aws.network import Network, NetworkArgs
from infra.managed.sagemaker import SageMakerEndpoints, SageMakerEndpointsArgs
from infra.preview import Plan, run
from infra.settings.aws import AwsSettings
from infra.settings.monitoring import ObjectiveSettings
from infra.settings.office_hours import OfficeHoursSettings
from infra.settings.sagemaker import SageMakerSettings
from infra.settings.served import ModelSettings

DIGEST = "sha256:" + "0" * 64
REPOSITORY = "platform-test/model-server"
IMAGE = f"111122223333.dkr.ecr.eu-west-1.amazonaws.com/{REPOSITORY}@{DIGEST}"

BLOCK: dict[str, Any] = {
    "realTime": {
        "instanceType": "ml.g5.xlarge",
        "inNetwork": True,
        "instances": {"min": 2, "max": 4, "minOutsideOfficeHours": 1},
        "autoscaling": {"requestsPerInstance": 200},
        "rollout": {"strategy": "canary", "percent": 20, "bakeSeconds": 300},
        "dataCapture": {"percent": 5},
    },
    "asynchronous": {"instanceType": "ml.m5.large", "instances": {"min": 0, "max": 3}, "maxConcurrency": 4},
    "serverless": {"maxConcurrency": 20, "provisionedConcurrency": {"min": 2, "max": 8}},
}


def block(changes: dict[str, Any] | None = None) -> dict[str, Any]:
    """The block with all kinds of endpoint, changed at dotted paths; None takes a key away."""
    changed = deepcopy(BLOCK)
    for path, value in (changes or {}).items():
        *parents, last = path.split(".")
        part = changed
        for parent in parents:
            part = part[parent]
        if value is None:
            del part[last]
        else:
            part[last] = value
    return changed


def settings(changes: dict[str, Any] | None = None) -> SageMakerSettings:
    return SageMakerSettings.model_validate_json(json.dumps(block(changes)))


def aws_settings(region: str = "eu-west-1") -> AwsSettings:
    network = {"cidr": "10.0.0.0/16", "zones": [f"{region}a", f"{region}b"]}
    given = {"region": region, "accountId": "111122223333", "network": network}
    return AwsSettings.model_validate_json(json.dumps(given))


def preview_endpoints(
    changes: dict[str, Any] | None = None,
    *,
    region: str = "eu-west-1",
    objectives: bool = True,
    office_hours: bool = True,
    preview: bool = False,
) -> Plan:
    account = aws_settings(region)
    hours = OfficeHoursSettings.model_validate({"timeZone": "Europe/Berlin"})

    def program() -> None:
        providers: list[pulumi.ProviderResource] = [
            aws.Provider("aws", region=region),
            aws_native.Provider("aws-native", region=region),
        ]
        opts = pulumi.ResourceOptions(providers=providers)
        assert account.network
        network = Network("aws", NetworkArgs(settings=account.network, name="platform-test"), opts)
        args = SageMakerEndpointsArgs(
            settings=settings(changes),
            aws=account,
            model=ModelSettings.model_validate({"name": "digits", "batching": {"maxSize": 16}}),
            image=IMAGE,
            repository=REPOSITORY,
            name="platform-test",
            network=network,
            office_hours=hours if office_hours else None,
            objectives=ObjectiveSettings() if objectives else None,
            alarm_actions=["arn:aws:sns:eu-west-1:111122223333:alarms"],
        )
        endpoints = SageMakerEndpoints("sagemaker", args, opts).endpoints
        pulumi.export("endpoints", {name: endpoint.exported() for name, endpoint in endpoints.items()})

    return run(program, {}, preview=preview)
