"""The `serving` block."""

import re
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from infra.settings.model import ByteQuantity, CpuQuantity, DnsLabel, Settings, unit

MAX_BODY_MIB = 256
"""What a server holds of the bodies of all unanswered requests; a larger body would always be refused."""

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
    """How requests are grouped into model calls; absent keys are left to each model's tuning, then to the server."""

    max_size: Annotated[int | None, Field(ge=1, le=1024), unit("examples")] = None
    """Most examples in one model call."""
    max_delay_ms: Annotated[float | None, Field(ge=0, le=1000), unit("milliseconds")] = None
    """Milliseconds that a free model waits for company; 0 never waits."""
    max_queue: Annotated[int | None, Field(ge=1), unit("examples")] = None
    """Examples that may wait; past it clients get 429 with Retry-After."""


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
    """Name of the model in the image's repository; the one that answers `/predict` and `/invocations`."""
    model_version: Annotated[str, Field(pattern=r"^[0-9]+$")] | None = None
    """Its version, in quotes; absent means the repository's active one."""
    extra_models: tuple[DnsLabel, ...] = ()
    """Further models of the repository, in their active versions; every replica holds all of them in its memory."""
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
    batching: BatchingSettings = BatchingSettings()
    """Dynamic batching."""
    request_timeout_seconds: Annotated[float | None, Field(gt=0, le=3600), unit("seconds")] = None
    """How long a request may wait for the model; then it gets 504. Absent means the server's default."""
    max_body_mib: Annotated[int | None, Field(ge=1, le=MAX_BODY_MIB), unit("MiB")] = None
    """Largest request body; larger ones get 413. Absent means the server's default."""
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

    @model_validator(mode="after")
    def _models_differ(self) -> Self:
        models = (self.model, *self.extra_models)
        twice = [name for name in models if models.count(name) > 1]
        if twice:
            raise ValueError(f"extraModels must name each model once, model included, got {twice[0]} twice")
        return self

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
