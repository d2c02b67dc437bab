"""The `serving` block."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from infra.settings.model import ByteQuantity, CpuQuantity, DnsLabel, Settings, unit

RESERVED_NAMESPACES = ("default", "gpu-operator", "kube-node-lease", "kube-public", "kube-system", "monitoring")
"""Those that Kubernetes or other components of a stack have; two owners of one would undo each other's work."""


class Exposure(StrEnum):
    """Who can reach the server."""

    CLUSTER = "cluster"
    NETWORK = "network"


class ReplicaSettings(Settings):
    """How many copies of the server run; the autoscaler moves between the bounds."""

    min: Annotated[int, Field(ge=1), unit("replicas")] = 1
    """Fewest replicas."""
    max: Annotated[int, Field(ge=1), unit("replicas")] = 2
    """Most replicas; with the one extra that a rollout needs they must fit the GPU pools."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max < self.min:
            raise ValueError(f"max must be at least min, {self.min}, got {self.max}")
        return self


class ResourceSettings(Settings):
    """What one replica may use."""

    cpu: CpuQuantity = "2"
    """CPU requested: cores in quotes, `"2"`, or millicores, `500m`. No limit is set: throttling costs tail latency."""
    memory: ByteQuantity = "4Gi"
    """Memory requested and at most used, for example `4Gi`."""


class BatchingSettings(Settings):
    """How requests are grouped into model calls."""

    max_size: Annotated[int, Field(ge=1, le=1024), unit("examples")] = 32
    """Most examples in one model call."""
    max_delay_ms: Annotated[float, Field(ge=0, le=1000), unit("milliseconds")] = 0
    """Milliseconds that a free model waits for company; 0 never waits."""
    max_queue: Annotated[int, Field(ge=1), unit("examples")] = 256
    """Examples that may wait; past it clients get 429 with Retry-After."""


class AutoscalingSettings(Settings):
    """When replicas are added."""

    cpu_utilisation: Annotated[int, Field(ge=10, le=95), unit("percent")] = 70
    """Average CPU use over requests, percent, that the autoscaler aims at."""
    scale_down_seconds: Annotated[int, Field(ge=0, le=3600), unit("seconds")] = 300
    """Seconds of lower load before replicas go."""


def _own(namespace: str) -> str:
    if namespace in RESERVED_NAMESPACES:
        raise ValueError(f"must be a namespace of its own, none of {', '.join(RESERVED_NAMESPACES)}")
    return namespace


class ServingSettings(Settings):
    """The model server."""

    model: DnsLabel
    """Name of the model in the image's repository."""
    model_version: Annotated[str, Field(pattern=r"^[0-9]+$")] | None = None
    """Version to serve, in quotes; absent means the repository's active one."""
    namespace: Annotated[DnsLabel, AfterValidator(_own)] = "serving"
    """Kubernetes namespace that the stack creates for it."""
    gpus: Annotated[int, Field(ge=0, le=8), unit("GPUs")] = 1
    """GPUs (or slices, where GPUs are shared) per replica; 0 runs on CPU."""
    replicas: ReplicaSettings = ReplicaSettings()
    """Bounds of the replica count."""
    resources: ResourceSettings = ResourceSettings()
    """Requests and limits of one replica."""
    batching: BatchingSettings = BatchingSettings()
    """Dynamic batching."""
    autoscaling: AutoscalingSettings = AutoscalingSettings()
    """The horizontal pod autoscaler."""
    exposure: Exposure = Exposure.CLUSTER
    """`cluster` serves `clientNamespaces`; `network` adds an internal load balancer, open to all of the VPC."""
    client_namespaces: tuple[DnsLabel, ...] = ()
    """Namespaces of the cluster whose pods may call the server."""
