"""Jaeger: keeps traces on a volume, and shows them.

https://www.jaegertracing.io/docs/latest/architecture/
"""

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import yaml
from pulumi_kubernetes.apps.v1 import DeploymentSpecArgsDict
from pulumi_kubernetes.networking.v1 import NetworkPolicyPeerArgsDict, NetworkPolicySpecArgsDict

from infra.monitoring.tracing import pod
from infra.namespaces.network import from_namespace, from_peers, policy
from infra.pods import restricted
from infra.pods.configuration import config_map
from infra.settings.tracing import TraceStoreSettings

NAME = "jaeger"
LABELS = pod.labels(NAME)
# A million spans at 2,000 a second took the heap to 1 GiB; the limiter refuses from 60 % of the pod's memory.
CPU, MEMORY_MIB = "100m", 2048
QUERY, QUERY_PORT = "query", 16686
ADDRESS = f"{NAME}.{pod.NAMESPACE}.svc:{pod.PORTS[pod.GRPC]}"
"""Where it takes OTLP over gRPC."""
URL = f"http://{NAME}.{pod.NAMESPACE}.svc:{QUERY_PORT}"
"""Its pages and its API, for Grafana."""
PORTS = {pod.GRPC: pod.PORTS[pod.GRPC], QUERY: QUERY_PORT}

DATA = "/data"
STORE = "badger"


@dataclass(frozen=True, kw_only=True)
class JaegerArgs:
    """`storage_class` is of its volume; `sender` may send spans; Prometheus and Grafana are of the namespace `reader`.

    `namespace` brings the one that it runs in.
    """

    settings: TraceStoreSettings
    storage_class: str
    namespace: pulumi.Resource
    sender: NetworkPolicyPeerArgsDict
    reader: str


class Jaeger(pulumi.ComponentResource):
    """One pod with one volume, which goes with the stack; whoever reaches it sees every trace."""

    def __init__(self, name: str, args: JaegerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:monitoring:Jaeger", name, None, opts)
        child = pulumi.ResourceOptions(parent=self, depends_on=[args.namespace])
        metadata = pod.metadata(NAME)
        text = yaml.safe_dump(configuration(args.settings))
        config = config_map(name, metadata, NAME, {pod.CONFIG_FILE: text}, child)
        kubernetes.networking.v1.NetworkPolicy(name, metadata=metadata, spec=network(args), opts=child)
        kubernetes.core.v1.PersistentVolumeClaim(
            name,
            metadata=metadata,
            spec={
                "storage_class_name": args.storage_class,
                "access_modes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": args.settings.storage}},
            },
            opts=child,
        )
        kubernetes.apps.v1.Deployment(name, metadata=metadata, spec=deployment_spec(config), opts=child)
        kubernetes.core.v1.Service(name, metadata=metadata, spec=pod.service_spec(NAME, PORTS), opts=child)
        self.register_outputs({"url": URL})


def configuration(settings: TraceStoreSettings) -> dict[str, Any]:
    """What Jaeger does: spans in by OTLP over gRPC, into Badger, and out to whoever asks.

    A span is taken when it is written: there is no queue, so that the collector keeps what Jaeger has not.
    https://www.jaegertracing.io/docs/latest/deployment/configuration/
    """
    return {
        "extensions": {
            "healthcheckv2": {"use_v2": True, "http": {"endpoint": pod.listen(pod.HEALTH)}},
            "jaeger_storage": {"backends": {STORE: {"badger": badger(settings)}}},
            "jaeger_query": {
                "storage": {"traces": STORE},
                "http": {"endpoint": f"0.0.0.0:{QUERY_PORT}"},
                # Nobody asks by gRPC, and answers are not themselves traced.
                "grpc": {"endpoint": "localhost:16685"},
                "enable_tracing": False,
            },
        },
        "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": pod.listen(pod.GRPC)}}}},
        "processors": {"memory_limiter": pod.memory_limiter()},
        "exporters": {"jaeger_storage_exporter": {"trace_storage": STORE}},
        "service": {
            "extensions": ["healthcheckv2", "jaeger_storage", "jaeger_query"],
            "pipelines": {
                "traces": {
                    "receivers": ["otlp"],
                    "processors": ["memory_limiter"],
                    "exporters": ["jaeger_storage_exporter"],
                }
            },
            "telemetry": {"resource": {"service.name": NAME}, **pod.telemetry()},
        },
    }


def badger(settings: TraceStoreSettings) -> dict[str, Any]:
    """Keeps spans for so long, then drops them by itself (https://www.jaegertracing.io/docs/latest/storage/badger/)."""
    return {
        "directories": {"keys": f"{DATA}/keys", "values": f"{DATA}/values"},
        "ephemeral": False,
        "ttl": {"spans": f"{settings.retention_hours}h"},
    }


def network(args: JaegerArgs) -> NetworkPolicySpecArgsDict:
    """Spans in from the collector, questions from Grafana, and nothing out."""
    spans = from_peers([args.sender], PORTS[pod.GRPC])
    asked = [opening for port in (QUERY_PORT, pod.PORTS[pod.METRICS]) for opening in from_namespace(args.reader, port)]
    return policy(LABELS, [*spans, *asked])


def deployment_spec(config: pulumi.Input[str]) -> DeploymentSpecArgsDict:
    """One pod, and never two on the volume."""
    program = pod.Program(
        name=NAME,
        image=NAME,
        config=config,
        ports={**PORTS, **{port: pod.PORTS[port] for port in (pod.METRICS, pod.HEALTH)}},
        cpu=CPU,
        memory_mib=MEMORY_MIB,
        folders={DATA: restricted.claimed("data", NAME), restricted.TMP: restricted.scratch("tmp", "64Mi")},
        # Badger writes down what it holds.
        grace=60,
    )
    return {
        "replicas": 1,
        "selector": {"match_labels": LABELS},
        "strategy": {"type": "Recreate"},
        "revision_history_limit": 5,
        "template": {"metadata": {"labels": LABELS}, "spec": pod.spec(program)},
    }
