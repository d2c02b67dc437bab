"""How much may run in a namespace: a quota for all of it, and limits of each container."""

import re
from dataclasses import dataclass
from decimal import Decimal

from pulumi_kubernetes.core.v1 import LimitRangeItemArgsDict, LimitRangeSpecArgsDict, ResourceQuotaSpecArgsDict

from infra.clusters.gpu import GPU_RESOURCE

# What a container gets that states nothing.
DEFAULT_CPU, DEFAULT_MEMORY = "100m", "256Mi"

_QUANTITY = re.compile(r"([0-9.]+)([A-Za-z]*)")
_BYTES = {"Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a namespace may hold: so many pods at once, those that are ending included, and what each may take.

    `cpu` is requested, `memory` requested and at most used; `gpus` may be slices. Init containers that take no more
    than the pod's containers together add nothing to it
    (https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers).
    """

    pods: int
    cpu: str
    memory: str
    gpus: int = 0
    load_balancers: int = 0
    node_ports: int = 0
    volume_claims: int = 0


def quota_spec(limits: Limits) -> ResourceQuotaSpecArgsDict:
    """Each pod's share times the pods (https://kubernetes.io/docs/concepts/policy/resource-quotas/).

    CPU has no limit, as the server has none. A load balancer's ports count as node ports too.
    """
    memory = times(limits.memory, limits.pods)
    return {
        "hard": {
            "pods": str(limits.pods),
            "requests.cpu": times(limits.cpu, limits.pods),
            "requests.memory": memory,
            "limits.memory": memory,
            f"requests.{GPU_RESOURCE}": str(limits.gpus * limits.pods),
            "services.loadbalancers": str(limits.load_balancers),
            "services.nodeports": str(limits.node_ports),
            "persistentvolumeclaims": str(limits.volume_claims),
        }
    }


def limit_range_spec(limits: Limits) -> LimitRangeSpecArgsDict:
    """What a container may take at most, and what it gets where it states nothing, which the quota would refuse.

    A most is a default limit too (https://kubernetes.io/docs/concepts/policy/limit-range/): one of CPU would throttle
    the server, and one of GPUs would give every container some. The quota bounds both.
    """
    memory = min(limits.memory, DEFAULT_MEMORY, key=in_bytes)
    container: LimitRangeItemArgsDict = {
        "type": "Container",
        "max": {"memory": limits.memory},
        "default": {"memory": memory},
        "default_request": {"cpu": DEFAULT_CPU, "memory": memory},
    }
    return {"limits": [container]}


def times(quantity: str, count: int) -> str:
    """So many times a quantity, in its own unit: 22 times `8Gi` is `176Gi`."""
    number, suffix = _QUANTITY.findall(quantity)[0]
    return f"{(Decimal(number) * count).normalize():f}{suffix}"


def in_bytes(quantity: str) -> int:
    """A `ByteQuantity` in bytes."""
    number, suffix = _QUANTITY.findall(quantity)[0]
    return int(number) * _BYTES[suffix]
