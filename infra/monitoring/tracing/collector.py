"""The OpenTelemetry collector: takes spans from servers, and keeps them until Jaeger has them.

https://opentelemetry.io/docs/collector/
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import yaml
from pulumi_kubernetes.apps.v1 import DeploymentSpecArgsDict
from pulumi_kubernetes.networking.v1 import NetworkPolicySpecArgsDict

from infra.monitoring.tracing import jaeger, pod
from infra.namespaces.network import from_namespace, from_peers, peer, policy, to_dns, to_peer
from infra.pods.configuration import config_map
from infra.pods.disruption import budget_spec
from infra.pods.scheduling import spread

NAME = "collector"
LABELS = pod.labels(NAME)
REPLICAS = 2
CPU, MEMORY_MIB = "100m", 512
URL = f"http://{NAME}.{pod.NAMESPACE}.svc:{pod.PORTS[pod.HTTP]}"
"""Where it takes OTLP over HTTP."""

TAKEN = {port: pod.PORTS[port] for port in (pod.GRPC, pod.HTTP)}

QUEUED_SPANS = 50_000
"""Spans that wait for Jaeger in each replica, about 1 KiB each; more are refused."""
RETRIES_END = "30m"


@dataclass(frozen=True, kw_only=True)
class CollectorArgs:
    """Pods of the namespaces `clients` may send; Prometheus, of the namespace `scraper`, reads the metrics.

    `namespace` brings the one that it runs in.
    """

    namespace: pulumi.Resource
    clients: Sequence[str]
    scraper: str


class Collector(pulumi.ComponentResource):
    """Two replicas, so that a node can be drained; a trace may come to both."""

    def __init__(self, name: str, args: CollectorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:monitoring:Collector", name, None, opts)
        child = pulumi.ResourceOptions(parent=self, depends_on=[args.namespace])
        metadata = pod.metadata(NAME)
        config = config_map(name, metadata, NAME, {pod.CONFIG_FILE: yaml.safe_dump(configuration())}, child)
        kubernetes.networking.v1.NetworkPolicy(name, metadata=metadata, spec=network(args), opts=child)
        kubernetes.policy.v1.PodDisruptionBudget(name, metadata=metadata, spec=budget_spec(LABELS), opts=child)
        kubernetes.apps.v1.Deployment(name, metadata=metadata, spec=deployment_spec(config), opts=child)
        kubernetes.core.v1.Service(name, metadata=metadata, spec=pod.service_spec(NAME, TAKEN), opts=child)
        self.register_outputs({"url": URL})


def configuration() -> dict[str, Any]:
    """What the collector does: every span that a server sampled goes to Jaeger.

    It drops none by itself. Whether a trace is kept was decided where it began, so replicas need not see all of it.
    https://opentelemetry.io/docs/collector/configuration/
    """
    return {
        "extensions": {"health_check": {"endpoint": pod.listen(pod.HEALTH), "path": pod.STATUS}},
        "receivers": {"otlp": {"protocols": {
            "grpc": {"endpoint": pod.listen(pod.GRPC)},
            "http": {"endpoint": pod.listen(pod.HTTP)},
        }}},
        "processors": {"memory_limiter": pod.memory_limiter()},
        "exporters": {"otlp_grpc": exporter()},
        "service": {
            "extensions": ["health_check"],
            "pipelines": {
                "traces": {"receivers": ["otlp"], "processors": ["memory_limiter"], "exporters": ["otlp_grpc"]}
            },
            "telemetry": pod.telemetry(),
        },
    }  # fmt: skip


def exporter() -> dict[str, Any]:
    """Sends to Jaeger in batches from a queue, and again while Jaeger is away.

    https://github.com/open-telemetry/opentelemetry-collector/tree/main/exporter/exporterhelper
    """
    return {
        "endpoint": jaeger.ADDRESS,
        "tls": {"insecure": True},
        "sending_queue": {
            "sizer": "items",
            "queue_size": QUEUED_SPANS,
            # Well below the 4 MiB that Jaeger takes in one call.
            "batch": {"flush_timeout": "1s", "min_size": 512, "max_size": 1024},
        },
        "retry_on_failure": {"max_interval": "10s", "max_elapsed_time": RETRIES_END},
    }


def network(args: CollectorArgs) -> NetworkPolicySpecArgsDict:
    """Spans in from the clients, and out to Jaeger."""
    clients = [peer(name) for name in args.clients]
    spans = [opening for port in TAKEN.values() for opening in from_peers(clients, port)]
    scrape = from_namespace(args.scraper, pod.PORTS[pod.METRICS])
    to_jaeger = to_peer(peer(pod.NAMESPACE, jaeger.LABELS), pod.PORTS[pod.GRPC])
    return policy(LABELS, [*spans, *scrape], [to_dns(), to_jaeger])


def deployment_spec(config: pulumi.Input[str]) -> DeploymentSpecArgsDict:
    """A new replica is ready before an old one goes; whatever waits in one is sent before it ends."""
    program = pod.Program(
        name=NAME,
        image="opentelemetry-collector",
        config=config,
        ports=pod.PORTS,
        cpu=CPU,
        memory_mib=MEMORY_MIB,
        folders={},
    )
    return {
        "replicas": REPLICAS,
        "selector": {"match_labels": LABELS},
        "strategy": {"type": "RollingUpdate", "rolling_update": {"max_surge": 1, "max_unavailable": 0}},
        "revision_history_limit": 5,
        "template": {
            "metadata": {"labels": LABELS},
            "spec": {**pod.spec(program), "topology_spread_constraints": spread(LABELS)},
        },
    }
