"""After an update: does the endpoint run what was asked for?

SageMaker takes an update back when instances or containers do not start, or an alarm fires, and then says InService, of
the old configuration (https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-configuration.html).
"""

import asyncio
import importlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from infra.managed.sagemaker.role import log_group

BUSY = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack"})
"""The states that pass (https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html)."""

Described = Mapping[str, Any]


class LiveCheckError(Exception):
    """The endpoint does not run what was asked for; the text says how it differs and what to do."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What an endpoint should run; `instances` is None where an autoscaler or SageMaker owns the number."""

    config: str
    image: str
    instances: int | None


@dataclass(frozen=True, kw_only=True)
class Patience:
    """Seconds between two questions, and until the last one."""

    poll: float = 15
    timeout: float = 3600


def differences(wanted: Wanted, described: Described) -> list[str]:
    """How what DescribeEndpoint says differs from what is wanted, a phrase for each; none where all is well."""
    found: list[str] = []
    if described["EndpointStatus"] != "InService":
        found.append(f"its status is {described['EndpointStatus']}, wanted InService")
    if described.get("EndpointConfigName") != wanted.config:
        found.append(f"its configuration is {described.get('EndpointConfigName')}, wanted {wanted.config}")
    if pending := described.get("PendingDeploymentSummary"):
        found.append(f"an update to {pending['EndpointConfigName']} is still under way")
    variants = described.get("ProductionVariants", [])
    if not variants:
        found.append("it has no variant")
    found += [each for variant in variants for each in _of_variant(wanted, variant)]
    reason = described.get("FailureReason")
    return [*found, f"SageMaker says: {reason}"] if found and reason else found


def _of_variant(wanted: Wanted, variant: Described) -> list[str]:
    found: list[str] = []
    deployed = variant.get("DeployedImages", [])
    images = [image[key] for image in deployed for key in ("SpecifiedImage", "ResolvedImage") if key in image]
    if wanted.image not in images:
        found.append(f"its image is {images[0] if images else 'unknown'}, wanted {wanted.image}")
    current, desired = variant.get("CurrentInstanceCount"), variant.get("DesiredInstanceCount")
    expected = desired if wanted.instances is None else wanted.instances
    if current != expected:
        found.append(f"it has {current} instances, wanted {expected}")
    return found


async def settled(describe: Callable[[], Described], patience: Patience) -> Described:
    """What `describe` says once nothing is under way, or when patience ends."""
    until = time.monotonic() + patience.timeout
    while True:
        described = await asyncio.to_thread(describe)
        busy = described["EndpointStatus"] in BUSY or "PendingDeploymentSummary" in described
        if not busy or time.monotonic() >= until:
            return described
        pulumi.log.info(f"{described['EndpointName']} is {described['EndpointStatus']}; waiting for it to settle")
        await asyncio.sleep(patience.poll)


async def check(client: Any, endpoint: str, wanted: Wanted, patience: Patience | None = None) -> None:
    """Ask `client`, boto3's for SageMaker, what `endpoint` runs.

    Raises `LiveCheckError` when that is not what is wanted, or not before patience ends.
    """
    described = await settled(lambda: client.describe_endpoint(EndpointName=endpoint), patience or Patience())
    found = differences(wanted, described)
    if found:
        listed = "".join(f"\n  - {each}" for each in found)
        raise LiveCheckError(
            f"SageMaker's endpoint {endpoint} does not run what was asked for:{listed}\n"
            f"Look at its alarms and at the log group {log_group(endpoint)}, mend the cause, and run "
            "`pulumi up --refresh`: without the refresh Pulumi takes the update for done."
        )


def live_check(
    name: str, *, endpoint: str, region: str, image: pulumi.Output[str], instances: int | None
) -> pulumi.ResourceHookBinding:
    """Hooks for the resource of `endpoint`, which fail its creation or update unless it runs what was asked for."""

    async def after(args: pulumi.ResourceHookArgs) -> None:
        config = (args.new_inputs or {})["endpointConfigName"]
        wanted = Wanted(config=config, image=str(await image.future()), instances=instances)
        await check(sagemaker_client(region), endpoint, wanted)

    hook = pulumi.ResourceHook(f"{name}-live-check", after)
    return pulumi.ResourceHookBinding(after_create=[hook], after_update=[hook])


def sagemaker_client(region: str) -> Any:
    """boto3's client, with the credentials of whoever runs `up`; a preview needs neither."""
    boto3: Any = importlib.import_module("boto3")
    return boto3.client("sagemaker", region_name=region)
