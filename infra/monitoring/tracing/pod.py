"""What the collector and Jaeger, which is built on one, share: the namespace, ports, and the shape of their pods."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes.core.v1 import (
    ContainerArgsDict,
    PodSpecArgsDict,
    ProbeArgsDict,
    ServiceSpecArgsDict,
    VolumeArgsDict,
    VolumeMountArgsDict,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict

from infra.pods import restricted
from infra.versions import image

NAMESPACE = "tracing"
PART_OF = {"app.kubernetes.io/part-of": NAMESPACE}
GRPC, HTTP, METRICS, HEALTH = "otlp-grpc", "otlp-http", "metrics", "health"
PORTS = {GRPC: 4317, HTTP: 4318, METRICS: 8888, HEALTH: 13133}
"""https://opentelemetry.io/docs/specs/otlp/#otlpgrpc-default-port and every collector's defaults."""
CONFIG, CONFIG_FILE = "config", "config.yaml"
CONFIG_FOLDER = "/etc/tracing"
STATUS = "/status"
USER_ID = 10001
"""Of both images."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """One of the two: `image` is a name of `versions.yaml`, `config` the ConfigMap with its `config.yaml`.

    `folders` are volumes of its own by where they are mounted; `grace` is how many seconds it may take to end.
    """

    name: str
    image: str
    config: pulumi.Input[str]
    ports: Mapping[str, int]
    cpu: str
    memory_mib: int
    folders: Mapping[str, VolumeArgsDict]
    grace: int = 30


def listen(port: str) -> str:
    """Every address of the pod, as a configuration names it; who reaches the port NetworkPolicies decide."""
    return f"0.0.0.0:{PORTS[port]}"


def telemetry() -> dict[str, Any]:
    """What the program tells of itself: metrics, for Prometheus to read.

    https://opentelemetry.io/docs/collector/internal-telemetry/
    """
    listens = {"host": "0.0.0.0", "port": PORTS[METRICS]}  # noqa: S104
    # Counters end in `_total`, as the alerts and the documentation have them: by default some versions leave it out.
    exporter = {"prometheus": {**listens, "without_type_suffix": False}}
    return {"metrics": {"readers": [{"pull": {"exporter": exporter}}]}}


def memory_limiter() -> dict[str, Any]:
    """Refuses traces, which their senders then keep, before the container's limit is reached.

    https://github.com/open-telemetry/opentelemetry-collector/tree/main/processor/memorylimiterprocessor
    """
    return {"check_interval": "1s", "limit_percentage": 80, "spike_limit_percentage": 20}


def labels(name: str) -> dict[str, str]:
    """Of the objects and the pods of one program."""
    return {"app.kubernetes.io/name": name, **PART_OF}


def metadata(name: str) -> ObjectMetaArgsDict:
    """Of an object named as its program."""
    return {"name": name, "namespace": NAMESPACE, "labels": labels(name)}


def service_spec(name: str, ports: Mapping[str, int]) -> ServiceSpecArgsDict:
    """An address of the cluster for some of a program's ports, by name."""
    return {
        "type": "ClusterIP",
        "selector": labels(name),
        "ports": [{"name": port, "port": number, "target_port": port} for port, number in ports.items()],
    }


def spec(program: Program) -> PodSpecArgsDict:
    """A pod that the Pod Security level `restricted` admits."""
    volumes: list[VolumeArgsDict] = [{"name": CONFIG, "config_map": {"name": program.config}}]
    return {
        "automount_service_account_token": False,
        "enable_service_links": False,
        "termination_grace_period_seconds": program.grace,
        "security_context": restricted.pod_security(USER_ID),
        "containers": [container(program)],
        "volumes": [*volumes, *program.folders.values()],
    }


def container(program: Program) -> ContainerArgsDict:
    """The program, which reads its configuration once."""
    return {
        "name": program.name,
        "image": image(program.image),
        "args": [f"--config={CONFIG_FOLDER}/{CONFIG_FILE}"],
        # Go's collector works harder before the limit, rather than not at all after it.
        "env": [{"name": "GOMEMLIMIT", "value": f"{program.memory_mib * 8 // 10}MiB"}],
        "ports": [{"name": name, "container_port": number} for name, number in program.ports.items()],
        "resources": restricted.resources(program.cpu, f"{program.memory_mib}Mi"),
        "startup_probe": probe(period=2, failures=60),
        "liveness_probe": probe(period=10, failures=6),
        "readiness_probe": probe(period=5, failures=3),
        "volume_mounts": _mounts(program),
        "security_context": restricted.container_security(),
    }


def probe(*, period: int, failures: int) -> ProbeArgsDict:
    """Asks the health check, every `period` seconds."""
    return {
        "http_get": {"path": STATUS, "port": HEALTH},
        "period_seconds": period,
        "timeout_seconds": 5,
        "failure_threshold": failures,
    }


def _mounts(program: Program) -> Sequence[VolumeMountArgsDict]:
    own: list[VolumeMountArgsDict] = [
        {"name": volume["name"], "mount_path": path} for path, volume in program.folders.items()
    ]
    return [{"name": CONFIG, "mount_path": CONFIG_FOLDER, "read_only": True}, *own]
