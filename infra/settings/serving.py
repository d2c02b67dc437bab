"""The `serving` block."""

import re
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from infra.settings.access import AccessSettings
from infra.settings.autoscaling import AutoscalingSettings
from infra.settings.model import Bounds, ByteQuantity, CpuQuantity, DnsLabel, Settings, unit
from infra.settings.secrets import SecretVariables

ROLLOUT_SURGE = 1
"""Pods above `replicas.max` while a rollout is under way."""

RESERVED_NAMESPACES = (
    "azure-ml",
    "azureml",
    "default",
    "falco",
    "gpu-operator",
    "keda",
    "kube-node-lease",
    "kube-public",
    "kube-system",
    "mlflow",
    "model-server-secrets",
    "monitoring",
    "training",
    "trivy-system",
)
"""Those that Kubernetes or other components of a stack have; two owners of one would undo each other's work."""


class Exposure(StrEnum):
    """Who can reach the server."""

    CLUSTER = "cluster"
    NETWORK = "network"


class ReplicaSettings(Bounds):
    """How many copies of the server run; the autoscaler moves between the bounds."""

    min: Annotated[int, Field(ge=1), unit("replicas")] = 1
    """Fewest replicas."""
    max: Annotated[int, Field(ge=1), unit("replicas")] = 2
    """Most replicas; with the one extra that a rollout needs they must fit the GPU pools."""
    min_outside_office_hours: Annotated[int | None, Field(ge=0), unit("replicas")] = None
    """Fewest replicas outside `officeHours`; absent means `min` around the clock. At 0 nothing answers then, whatever
    the load."""


class ResourceSettings(Settings):
    """What one replica may use."""

    cpu: CpuQuantity = "2"
    """CPU requested: cores in quotes, `"2"`, or millicores, `500m`. No limit is set: throttling costs tail latency."""
    memory: ByteQuantity = "4Gi"
    """Memory requested and at most used, for example `4Gi`."""


_COLLECTOR = re.compile(r"http://[a-z0-9-]+\.([a-z0-9-]+)\.svc(?:\.cluster\.local)?:([0-9]{1,5})")


def _in_cluster(endpoint: str) -> str:
    match = _COLLECTOR.fullmatch(endpoint)
    if not match or not 0 < int(match[2]) < 65536:
        raise ValueError("must be a Service of the cluster with its port, as http://collector.tracing.svc:4318")
    return endpoint


class TracingSettings(Settings):
    """Traces of some requests, sent to an OpenTelemetry collector that runs in the cluster."""

    endpoint: Annotated[str, AfterValidator(_in_cluster)]
    """Where it takes OTLP over HTTP, as `http://service.namespace.svc:4318`; its pods must listen on the same port."""
    sample_ratio: Annotated[float, Field(ge=0, le=1), unit("share")] = 0.01
    """Share of requests traced, of those whose caller has not decided it (W3C `traceparent`); 0 to 1."""

    @property
    def collector(self) -> tuple[str, int]:
        """Namespace and port of the collector."""
        namespace, port = _COLLECTOR.findall(self.endpoint)[0]
        return namespace, int(port)


def _own(namespace: str) -> str:
    if namespace in RESERVED_NAMESPACES:
        raise ValueError(f"must be a namespace of its own, none of {', '.join(RESERVED_NAMESPACES)}")
    return namespace


class ServingSettings(Settings):
    """The model server on Kubernetes."""

    namespace: Annotated[DnsLabel, AfterValidator(_own)] = "serving"
    """Kubernetes namespace that the stack creates for it."""
    gpus: Annotated[int, Field(ge=0, le=8), unit("GPUs")] = 1
    """GPUs (or slices, where GPUs are shared) per replica; 0 runs on CPU. A server uses one: for more, add replicas."""
    gpu_memory_limit_mib: Annotated[int | None, Field(ge=1), unit("MiB")] = None
    """Most GPU memory that each model takes; set it where GPUs are shared, since slices do not divide memory."""
    cuda_graphs: bool = False
    """Replay captured CUDA graphs; for models in whose tensors only the batch size varies."""
    workers: Annotated[int, Field(ge=1, le=64), unit("processes")] = 1
    """Server processes per replica, on CPU; more than 1 pays for models under 1 ms. Memory and queues are for each."""
    replicas: ReplicaSettings = ReplicaSettings()
    """Bounds of the replica count."""
    resources: ResourceSettings = ResourceSettings()
    """Requests and limits of one replica."""
    grpc: bool = False
    """Serve gRPC too, on a port of its own of the same Service, to the same clients."""
    tracing: TracingSettings | None = None
    """Distributed tracing; absent traces nothing."""
    autoscaling: AutoscalingSettings = AutoscalingSettings()
    """The horizontal pod autoscaler."""
    exposure: Exposure = Exposure.CLUSTER
    """`cluster` serves `clientNamespaces`; `network` adds an internal load balancer, open to all of the VPC."""
    client_namespaces: tuple[DnsLabel, ...] = ()
    """Namespaces of the cluster whose pods may call the server."""
    secrets: SecretVariables
    """Variables of the server whose values are secrets, by their names there: `{ADMIN_TOKEN: model-server-token}`."""
    access: AccessSettings = AccessSettings()
    """Who may look at the namespace, and who may change what runs in it; nobody but administrators where left out."""

    @model_validator(mode="after")
    def _gpu_settings_have_a_gpu(self) -> Self:
        given = {"gpuMemoryLimitMib": self.gpu_memory_limit_mib, "cudaGraphs": self.cuda_graphs}
        for key, value in given.items():
            if value and not self.gpus:
                shown = str(value).lower()
                raise ValueError(f"{key} must be absent where gpus is 0, got {shown}; remove it or raise gpus")
        if self.gpus and self.workers > 1:
            raise ValueError(f"workers must be 1 where gpus is above 0, got {self.workers}; add replicas instead")
        return self
