"""The model server's pod: what runs, where it may run, and what it may not do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import (
    ContainerArgsDict,
    EnvFromSourceArgsDict,
    EnvVarArgsDict,
    PodSpecArgsDict,
    ProbeArgsDict,
    ResourceRequirementsArgsDict,
    VolumeMountArgsDict,
)

from inference_app.contract import (
    GRACE_SECONDS,
    GRPC_PORT,
    PORT,
    REPOSITORY_PATH,
    USER_ID,
    Env,
    ExecutionProvider,
    Route,
    TraceSampler,
)
from infra.clusters.gpu import GPU_RESOURCE
from infra.pods import restricted
from infra.pods.scheduling import GpuScheduling, on_gpu_nodes, spread
from infra.serving import job_queue, result_cache
from infra.serving.environment import server_environment, stated
from infra.serving.storage import VOLUME, ModelVolume
from infra.settings.served import ModelSettings
from infra.settings.serving import ServingSettings

PORT_NAME, GRPC_PORT_NAME = "http", "grpc"


TERMINATION_GRACE_SECONDS = GRACE_SECONDS + 3
"""The server ends within its own grace; the rest is for the kubelet. Together under the 30 s of an AKS spot notice."""

LOAD_SECONDS = 300
"""How long a model may take to load and warm up before its pod is restarted."""


def environment(
    model: ModelSettings, settings: ServingSettings, latency_target_ms: float | None = None
) -> dict[str, str]:
    """What the server is told on Kubernetes; of `latency_target_ms` it counts how many requests keep it."""
    tracing = settings.tracing
    return server_environment(model, execution_provider(settings)) | stated(
        {
            Env.HOST: "0.0.0.0",  # noqa: S104 the pod's own network; NetworkPolicies decide who reaches it
            Env.PORT: PORT,
            Env.MODEL_REPOSITORY: REPOSITORY_PATH if model.source else None,
            Env.WORKERS: settings.workers if settings.workers > 1 else None,
            Env.GPU_MEMORY_LIMIT_MB: settings.gpu_memory_limit_mib,
            Env.CUDA_GRAPHS: "true" if settings.cuda_graphs else None,
            Env.GRPC_PORT: GRPC_PORT if settings.grpc else None,
            Env.LATENCY_TARGET_MS: latency_target_ms,
            **result_cache.environment(settings),
            **job_queue.environment(settings),
            Env.OTEL_EXPORTER_OTLP_ENDPOINT: tracing and tracing.endpoint,
            Env.OTEL_TRACES_SAMPLER: tracing and TraceSampler.PARENTBASED_TRACEIDRATIO,
            Env.OTEL_TRACES_SAMPLER_ARG: tracing and tracing.sample_ratio,
        }
    )


def ports(settings: ServingSettings) -> dict[str, int]:
    """What the server listens on, by name."""
    return {PORT_NAME: PORT} | ({GRPC_PORT_NAME: GRPC_PORT} if settings.grpc else {})


def execution_provider(settings: ServingSettings) -> ExecutionProvider:
    """Where the model runs: on the GPU if the pod has one."""
    return ExecutionProvider.CUDA if settings.gpus else ExecutionProvider.CPU


@dataclass(frozen=True, kw_only=True)
class PodArgs:
    """What a pod runs, as whom, and which nodes it is for.

    `config_map` and `secret` name what has the server's variables; `models` is None where the image has the models.
    `command` is run in place of the image's own, the server.
    """

    settings: ServingSettings
    image: pulumi.Input[str]
    config_map: pulumi.Input[str]
    service_account: pulumi.Input[str]
    labels: Mapping[str, str]
    scheduling: GpuScheduling
    secret: pulumi.Input[str] | None = None
    models: ModelVolume | None = None
    command: Sequence[str] = ()


def spec(args: PodArgs) -> PodSpecArgsDict:
    """A pod that the Pod Security level `restricted` admits and that, with GPUs, runs on GPU nodes only, spot first."""
    made: PodSpecArgsDict = {
        "service_account_name": args.service_account,
        "automount_service_account_token": False,
        "enable_service_links": False,
        "termination_grace_period_seconds": TERMINATION_GRACE_SECONDS,
        "security_context": restricted.pod_security(USER_ID),
        "containers": [server(args)],
        "volumes": [restricted.scratch("tmp", "1Gi"), *([args.models.volume] if args.models else [])],
        "topology_spread_constraints": spread(args.labels),
    }
    if args.models and args.models.pull:
        made["init_containers"] = [puller(args, args.models.pull)]
    return on_gpu_nodes(made, args.scheduling) if args.settings.gpus else made


def server(args: PodArgs) -> ContainerArgsDict:
    """The server itself: no privileges, nothing to write to but /tmp."""
    made: ContainerArgsDict = {
        "name": "model-server",
        "image": args.image,
        "ports": [{"name": name, "container_port": port} for name, port in ports(args.settings).items()],
        "env_from": variables(args),
        "resources": resources(args.settings, args.models),
        # Until the model has answered its golden input nothing else is asked; then `live` restarts and `ready` routes.
        "startup_probe": probe(Route.READY, period=5, failures=LOAD_SECONDS // 5),
        "liveness_probe": probe(Route.HEALTH, period=10, failures=3),
        "readiness_probe": probe(Route.READY, period=5, failures=2),
        "volume_mounts": mounts(args.models, read_only=True),
        "security_context": restricted.container_security(),
    }
    passwords = [*result_cache.password(args.settings), *job_queue.password(args.settings)]
    own = [*passwords, *(traced_as() if args.settings.tracing else [])]
    if args.command:
        made["command"] = args.command
    return {**made, "env": own} if own else made


def traced_as() -> list[EnvVarArgsDict]:
    """Which pod a trace is of, by OpenTelemetry's names (https://opentelemetry.io/docs/specs/semconv/resource/k8s/)."""
    places = {
        "POD_NAME": ("metadata.name", "k8s.pod.name"),
        "POD_NAMESPACE": ("metadata.namespace", "k8s.namespace.name"),
        "NODE_NAME": ("spec.nodeName", "k8s.node.name"),
    }
    known: list[EnvVarArgsDict] = [
        {"name": name, "value_from": {"field_ref": {"field_path": path}}} for name, (path, _) in places.items()
    ]
    attributes = ",".join(f"{attribute}=$({name})" for name, (_, attribute) in places.items())
    return [*known, {"name": "OTEL_RESOURCE_ATTRIBUTES", "value": attributes}]


def puller(args: PodArgs, pull: Mapping[str, str]) -> ContainerArgsDict:
    """Brings the models before the server starts; the server's probes wait for it.

    It has the server's share of the node but no GPU, so that it adds nothing to what the pod asks for.
    """
    return {
        "name": "pull-models",
        "image": args.image,
        "command": ["python", "-m", "inference_app.pull"],
        "env_from": variables(args),
        "env": [{"name": name, "value": value} for name, value in pull.items()],
        "resources": resources(args.settings, args.models, gpus=0),
        # What it says last is why it failed: `kubectl describe pod` shows it.
        "termination_message_policy": "FallbackToLogsOnError",
        "volume_mounts": mounts(args.models, read_only=False),
        "security_context": restricted.container_security(),
    }


def variables(args: PodArgs) -> list[EnvFromSourceArgsDict]:
    """The server's settings, and those of its variables that are secrets."""
    sources: list[EnvFromSourceArgsDict] = [{"config_map_ref": {"name": args.config_map}}]
    return [*sources, {"secret_ref": {"name": args.secret}}] if args.secret else sources


def mounts(models: ModelVolume | None, *, read_only: bool) -> list[VolumeMountArgsDict]:
    """A folder to write to, and the models where the image has none."""
    tmp: VolumeMountArgsDict = {"name": "tmp", "mount_path": restricted.TMP}
    if models is None:
        return [tmp]
    return [tmp, {"name": VOLUME, "mount_path": REPOSITORY_PATH, "read_only": read_only}]


def resources(
    settings: ServingSettings, models: ModelVolume | None, *, gpus: int | None = None
) -> ResourceRequirementsArgsDict:
    """Memory and GPUs are limits; CPU is not, since throttling would cost tail latency.

    The volume of pulled models has a limit of its own, and its room on the node is requested here
    (https://kubernetes.io/docs/concepts/storage/ephemeral-storage/).
    """
    count = settings.gpus if gpus is None else gpus
    limits = {"memory": settings.resources.memory, **({GPU_RESOURCE: str(count)} if count else {})}
    room = {"ephemeral-storage": models.space} if models and models.space else {}
    return {"requests": {"cpu": settings.resources.cpu, **limits, **room}, "limits": limits}


def probe(route: Route, *, period: int, failures: int) -> ProbeArgsDict:
    """An HTTP probe every `period` seconds that gives up after `failures` in a row."""
    return {
        "http_get": {"path": route.value, "port": PORT_NAME},
        "period_seconds": period,
        "timeout_seconds": 2,
        "failure_threshold": failures,
    }
