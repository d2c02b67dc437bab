"""What `destroy` waits for before it takes a controller of EKS away: all that only the controller can delete in AWS.

The Kubernetes provider waits until an object is gone. That is enough where a finalizer holds the object for as long as
what it stands for: Karpenter's NodeClaims, which a NodePool owns, go when their instances have ended. It is not enough
for Services that others than this program made, and for volumes, which are deleted only after their claims are gone.
"""

import asyncio
import importlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

Find = Callable[[], Sequence[str]]
"""Names of what is still there."""


class DrainError(Exception):
    """Something was not deleted in time; the text names it and says what to do."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """Seconds between two questions, and until the last one."""

    poll: float = 10
    timeout: float = 600


class Drains:
    """Hooks before the end of EKS's controllers.

    Every run of the program registers them, also that of a stack whose cluster has just left its file: without, the
    engine refuses to delete what has one. They know the cluster from the resource itself for the same reason.
    """

    def __init__(self) -> None:
        self._load_balancers = pulumi.ResourceHook("eks-drain-load-balancers", before_controller)
        self._volumes = pulumi.ResourceHook("eks-drain-volumes", before_volume_driver)

    @property
    def of_load_balancers(self) -> pulumi.ResourceHookBinding:
        """For the release of the AWS Load Balancer Controller."""
        return pulumi.ResourceHookBinding(before_delete=[self._load_balancers])

    @property
    def of_volumes(self) -> pulumi.ResourceHookBinding:
        """For the add-on of EBS's driver."""
        return pulumi.ResourceHookBinding(before_delete=[self._volumes])


async def before_controller(args: pulumi.ResourceHookArgs) -> None:
    """Wait for load balancers: with one left AWS refuses to delete the network.

    Raises `DrainError`, which keeps the controller.
    """
    values: Mapping[str, Any] = (args.old_inputs or {})["values"]
    cluster, client = values["clusterName"], _client("elbv2", values["region"])
    left = await drained("load balancers", lambda: load_balancers(client, cluster), Patience())
    if left:
        raise DrainError(
            f"still there: {', '.join(left)}, load balancers of the cluster {cluster}. Nothing of this stack asks for "
            "them any more: find who does with `kubectl get services,ingresses,gateways -A`, delete that, and run "
            "`make destroy` again."
        )


async def before_volume_driver(args: pulumi.ResourceHookArgs) -> None:
    """Wait for volumes, and name those that stay: they hold up nothing but the bill."""
    cluster, region = (args.old_inputs or {})["clusterName"], (args.old_outputs or {})["region"]
    client = _client("ec2", region)
    left = await drained("volumes", lambda: volumes(client, cluster), Patience(timeout=300))
    if left:
        pulumi.log.warn(
            f"nobody deletes the volumes {', '.join(left)} of the cluster {cluster}; `make audit` lists them"
        )


async def drained(kind: str, find: Find, patience: Patience) -> Sequence[str]:
    """What `find` still sees when patience ends; empty as soon as it sees nothing."""
    until = time.monotonic() + patience.timeout
    while left := await asyncio.to_thread(find):
        if time.monotonic() >= until:
            return left
        pulumi.log.info(f"waiting for the end of {len(left)} {kind}: {', '.join(left)}")
        await asyncio.sleep(patience.poll)
    return []


def load_balancers(client: Any, cluster: str) -> list[str]:
    """Names of those that the AWS Load Balancer Controller made for `cluster`; `client` is boto3's for `elbv2`.

    https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/service/annotations/#resource-tags
    """
    pages = client.get_paginator("describe_load_balancers").paginate(PageSize=20)  # as many as DescribeTags takes
    return [name for page in pages for name in _of_cluster(client, page["LoadBalancers"], cluster)]


def _of_cluster(client: Any, balancers: Sequence[Mapping[str, Any]], cluster: str) -> list[str]:
    names = {each["LoadBalancerArn"]: each["LoadBalancerName"] for each in balancers}
    described: list[dict[str, Any]] = client.describe_tags(ResourceArns=list(names))["TagDescriptions"] if names else []
    tag = {"Key": "elbv2.k8s.aws/cluster", "Value": cluster}
    return [names[each["ResourceArn"]] for each in described if tag in each["Tags"]]


def volumes(client: Any, cluster: str) -> list[str]:
    """IDs of those that EBS's driver made for `cluster`; `client` is boto3's for `ec2`.

    https://github.com/kubernetes-sigs/aws-ebs-csi-driver/blob/master/docs/tagging.md
    """
    owned = [
        {"Name": "tag:ebs.csi.aws.com/cluster", "Values": ["true"]},
        {"Name": f"tag:kubernetes.io/cluster/{cluster}", "Values": ["owned"]},
    ]
    pages = client.get_paginator("describe_volumes").paginate(Filters=owned)
    return [volume["VolumeId"] for page in pages for volume in page["Volumes"]]


def _client(service: str, region: str) -> Any:
    """boto3's client, with the credentials of whoever runs `destroy`; a preview needs neither."""
    boto3: Any = importlib.import_module("boto3")
    return boto3.client(service, region_name=region)
