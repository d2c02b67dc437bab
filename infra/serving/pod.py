"""The model server's pod: what runs, where it may run, and what it may not do."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import pulumi
from pulumi_kubernetes.core.v1 import (
    AffinityArgsDict,
    ContainerArgsDict,
    PodSpecArgsDict,
    ProbeArgsDict,
    ResourceRequirementsArgsDict,
    TolerationArgsDict,
    TopologySpreadConstraintArgsDict,
)

from inference_app.contract import (
    GRACE_SECONDS,
    GRPC_PORT,
    PORT,
    USER_ID,
    Env,
    ExecutionProvider,
    Route,
    TraceSampler,
)
from infra.clusters.gpu import GPU_RESOURCE, NODE_LABEL
from infra.serving.environment import server_environment, stated
from infra.settings.served import ModelSettings
from infra.settings.serving import ServingSettings

PORT_NAME, GRPC_PORT_NAME = "http", "grpc"


class GpuScheduling(Protocol):
    """How the cluster marks GPU nodes; a `Cluster` satisfies it."""

    @property
    def spot_labels(self) -> Sequence[tuple[str, str]]:
        """Labels that spot nodes carry."""
        ...

    @property
    def gpu_taints(self) -> Sequence[tuple[str, str, str]]:
        """Taints that GPU nodes may carry."""
        ...


TERMINATION_GRACE_SECONDS = GRACE_SECONDS + 3
"""The server ends within its own grace; the rest is for the kubelet. Together under the 30 s of an AKS spot notice."""

LOAD_SECONDS = 300
"""How long a model may take to load and warm up before its pod is restarted."""


def environment(model: ModelSettings, settings: ServingSettings) -> dict[str, str]:
    """What the server is told on Kubernetes."""
    tracing = settings.tracing
    return server_environment(model, execution_provider(settings)) | stated(
        {
            Env.HOST: "0.0.0.0",  # noqa: S104 the pod's own network; NetworkPolicies decide who reaches it
            Env.PORT: PORT,
            Env.WORKERS: settings.workers if settings.workers > 1 else None,
            Env.GPU_MEMORY_LIMIT_MB: settings.gpu_memory_limit_mib,
            Env.CUDA_GRAPHS: "true" if settings.cuda_graphs else None,
            Env.GRPC_PORT: GRPC_PORT if settings.grpc else None,
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


def config_name(prefix: str, data: Mapping[str, str]) -> str:
    """A name that changes with the content, so that a changed setting rolls the pods."""
    digest = hashlib.sha256("\n".join(f"{key}={data[key]}" for key in sorted(data)).encode())
    return f"{prefix}-{digest.hexdigest()[:10]}"


def pod_spec(
    settings: ServingSettings,
    image: pulumi.Input[str],
    config_map: pulumi.Input[str],
    service_account: pulumi.Input[str],
    labels: Mapping[str, str],
    scheduling: GpuScheduling,
) -> PodSpecArgsDict:
    """A pod that the Pod Security level `restricted` admits and that, with GPUs, runs on GPU nodes only, spot first."""
    spec: PodSpecArgsDict = {
        "service_account_name": service_account,
        "automount_service_account_token": False,
        "enable_service_links": False,
        "termination_grace_period_seconds": TERMINATION_GRACE_SECONDS,
        "security_context": {
            "run_as_non_root": True,
            "run_as_user": USER_ID,
            "run_as_group": USER_ID,
            "fs_group": USER_ID,
            "seccomp_profile": {"type": "RuntimeDefault"},
        },
        "containers": [container(settings, image, config_map)],
        "volumes": [{"name": "tmp", "empty_dir": {"size_limit": "1Gi"}}],
        "topology_spread_constraints": spread(labels),
    }
    if settings.gpus:
        spec["node_selector"] = dict([NODE_LABEL])
        spec["tolerations"] = [toleration(*taint) for taint in scheduling.gpu_taints]
        spec["affinity"] = prefer_spot(scheduling.spot_labels)
    return spec


def container(settings: ServingSettings, image: pulumi.Input[str], config_map: pulumi.Input[str]) -> ContainerArgsDict:
    """The server itself: no privileges, nothing to write to but /tmp."""
    return {
        "name": "model-server",
        "image": image,
        "ports": [{"name": name, "container_port": port} for name, port in ports(settings).items()],
        "env_from": [{"config_map_ref": {"name": config_map}}],
        "resources": resources(settings),
        # Until the model has answered its golden input nothing else is asked; then `live` restarts and `ready` routes.
        "startup_probe": probe(Route.READY, period=5, failures=LOAD_SECONDS // 5),
        "liveness_probe": probe(Route.HEALTH, period=10, failures=3),
        "readiness_probe": probe(Route.READY, period=5, failures=2),
        "volume_mounts": [{"name": "tmp", "mount_path": "/tmp"}],  # noqa: S108 an emptyDir of the pod's own
        "security_context": {
            "allow_privilege_escalation": False,
            "read_only_root_filesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def resources(settings: ServingSettings) -> ResourceRequirementsArgsDict:
    """Memory and GPUs are limits; CPU is not, since throttling would cost tail latency."""
    limits = {"memory": settings.resources.memory}
    if settings.gpus:
        limits[GPU_RESOURCE] = str(settings.gpus)
    return {"requests": {"cpu": settings.resources.cpu, **limits}, "limits": limits}


def probe(route: Route, *, period: int, failures: int) -> ProbeArgsDict:
    """An HTTP probe every `period` seconds that gives up after `failures` in a row."""
    return {
        "http_get": {"path": route.value, "port": PORT_NAME},
        "period_seconds": period,
        "timeout_seconds": 2,
        "failure_threshold": failures,
    }


def toleration(key: str, value: str, effect: str) -> TolerationArgsDict:
    """Lets a pod onto nodes with that taint."""
    return {"key": key, "operator": "Equal", "value": value, "effect": effect}


def prefer_spot(spot_labels: Sequence[tuple[str, str]]) -> AffinityArgsDict:
    """Spot nodes first, whoever started them; any other GPU node when there is none."""
    preferences: list[Any] = [
        {"weight": 100, "preference": {"match_expressions": [{"key": key, "operator": "In", "values": [value]}]}}
        for key, value in spot_labels
    ]
    return {"node_affinity": {"preferred_during_scheduling_ignored_during_execution": preferences}}


def spread(labels: Mapping[str, str]) -> list[TopologySpreadConstraintArgsDict]:
    """Over zones and nodes as evenly as there is room; a rollout's new pods are counted by themselves."""
    return [
        {
            "max_skew": 1,
            "topology_key": key,
            "when_unsatisfiable": "ScheduleAnyway",
            "label_selector": {"match_labels": labels},
            "match_label_keys": ["pod-template-hash"],
        }
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]
