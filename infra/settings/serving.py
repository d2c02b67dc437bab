"""The `serving` block."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from infra.settings.access import AccessSettings
from infra.settings.asynchronous import AsynchronousSettings
from infra.settings.autoscaling import AutoscalingSettings
from infra.settings.gateway import GatewaySettings
from infra.settings.kserve import KServeSettings
from infra.settings.model import ByteQuantity, CpuQuantity, DnsLabel, Settings, unit
from infra.settings.replicas import ROLLOUT_SURGE, ReplicaSettings
from infra.settings.result_cache import ResultCacheSettings
from infra.settings.rollout import RolloutSettings, Traffic
from infra.settings.runtime import Runtime
from infra.settings.secrets import SecretVariables
from infra.settings.tensorflow_serving import TensorFlowServingSettings

RESERVED_NAMESPACES = (
    "argocd",
    "argocd-secrets",
    "azure-ml",
    "azureml",
    "cert-manager",
    "default",
    "envoy-gateway-system",
    "external-secrets",
    "falco",
    "gpu-operator",
    "keda",
    "kserve",
    "kube-node-lease",
    "kube-public",
    "kube-system",
    "mlflow",
    "model-server-secrets",
    "monitoring",
    "monitoring-secrets",
    "tracing",
    "training",
    "trivy-system",
)
"""Those that Kubernetes or other components of a stack have; two owners of one would undo each other's work."""


class Exposure(StrEnum):
    """Who can reach the server."""

    CLUSTER = "cluster"
    NETWORK = "network"


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

    endpoint: Annotated[str, AfterValidator(_in_cluster)] | None = None
    """A collector of your own for OTLP over HTTP, `http://service.namespace.svc:4318`; its pods listen on that port."""
    sample_ratio: Annotated[float, Field(ge=0, le=1), unit("share")] = 0.01
    """Share of requests traced, of those whose caller has not decided it (W3C `traceparent`); 0 to 1."""

    @property
    def collector(self) -> tuple[str, int] | None:
        """Namespace and port of the collector."""
        if self.endpoint is None:
            return None
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
    runtime: Runtime = Runtime.MODEL_SERVER
    """What answers requests: the stack's own server, or another one in its place (docs/runtimes.md)."""
    kserve: KServeSettings | None = None
    """KServe, where `runtime` is `kserve`; absent takes the defaults."""
    gpus: Annotated[int, Field(ge=0, le=8), unit("GPUs")] = 1
    """GPUs (or slices, where GPUs are shared) per replica; 0 runs on CPU. A server uses one: for more, add replicas."""
    gpu_memory_limit_mib: Annotated[int | None, Field(ge=1), unit("MiB")] = None
    """Most GPU memory that each model takes; set it where GPUs are shared, since slices do not divide memory."""
    cuda_graphs: bool = False
    """Replay captured CUDA graphs; for models in whose tensors only the batch size varies."""
    workers: Annotated[int, Field(ge=1, le=64), unit("processes")] = 1
    """Server processes per replica, on CPU; more than 1 pays for models under 1 ms. Memory and queues are for each."""
    tensor_flow_serving: TensorFlowServingSettings | None = None
    """TensorFlow Serving, where `runtime` is `tensorflow-serving`."""
    replicas: ReplicaSettings = ReplicaSettings()
    """Bounds of the replica count."""
    resources: ResourceSettings = ResourceSettings()
    """Requests and limits of one replica."""
    grpc: bool = False
    """Serve gRPC too, on a port of its own of the same Service, to the same clients."""
    cache: ResultCacheSettings | None = None
    """Cache of answers, off where absent."""
    asynchronous: AsynchronousSettings | None = None
    """Asynchronous inference, off where absent; with the stack's own server alone."""
    tracing: TracingSettings | None = None
    """Distributed tracing; absent traces nothing, but with `monitoring.tracing`, where it takes the defaults."""
    rollout: RolloutSettings | None = None
    """Versions side by side and the share of the requests that each gets; absent serves one."""
    autoscaling: AutoscalingSettings = AutoscalingSettings()
    """The horizontal pod autoscaler."""
    exposure: Exposure = Exposure.CLUSTER
    """`cluster` serves `clientNamespaces`; `network` adds an internal load balancer, open to all of the VPC."""
    client_namespaces: tuple[DnsLabel, ...] = ()
    """Namespaces of the cluster whose pods may call the server."""
    gateway: GatewaySettings | None = None
    """One URL with TLS, authentication and a rate limit, in front of the server; absent means there is none."""
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

    @model_validator(mode="after")
    def _clients_pass_what_knows_the_weights(self) -> Self:
        if self.rollout is None:
            return self
        traffic = self.rollout.traffic
        if traffic is Traffic.GATEWAY_API and not self.gateway:
            raise ValueError(
                "rollout.traffic must be istio, linkerd or blue-green where gateway is absent, got gateway-api; change "
                "it, or add gateway"
            )
        if self.gateway and traffic is not Traffic.GATEWAY_API:
            raise ValueError(
                f"rollout.traffic must be gateway-api where gateway is given, got {traffic}: the gateway's own route "
                "has the weights; change it, or remove gateway"
            )
        if traffic.is_mesh and self.exposure is Exposure.NETWORK:
            raise ValueError(
                f"exposure must be cluster where rollout.traffic is {traffic}, got network: clients outside the mesh "
                "know nothing of weights; change one"
            )
        return self

    @property
    def tracks(self) -> Mapping[str | None, Self]:
        """The settings of each track by name; without a rollout, those of the one track by None."""
        if self.rollout is None:
            return {None: self}
        return {
            name: self.model_copy(update={"rollout": None, "replicas": track.replicas or self.replicas})
            for name, track in self.rollout.tracks.items()
        }

    def traced_to(self, endpoint: str) -> Self:
        """The same, its traces sent to the stack's own collector; TensorFlow Serving sends none."""
        if self.runtime is Runtime.TENSORFLOW_SERVING:
            return self
        tracing = (self.tracing or TracingSettings()).model_copy(update={"endpoint": endpoint})
        return self.model_copy(update={"tracing": tracing})

    @property
    def most_pods(self) -> int:
        """How many pods may run at once, while tracks and workers have as many as they may and are rolled out."""
        workers = self.asynchronous.replicas.max + ROLLOUT_SURGE if self.asynchronous else 0
        return sum(track.replicas.max + ROLLOUT_SURGE for track in self.tracks.values()) + workers
