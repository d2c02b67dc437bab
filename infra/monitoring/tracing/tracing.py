"""Traces on one cluster: the collector that takes them, Jaeger, which keeps them, and who tells of those lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from infra.monitoring import service_monitor
from infra.monitoring.alerts import telemetry
from infra.monitoring.tracing import collector, jaeger, pod
from infra.monitoring.tracing.collector import Collector, CollectorArgs
from infra.monitoring.tracing.jaeger import Jaeger, JaegerArgs
from infra.namespaces.limits import Limits
from infra.namespaces.network import peer
from infra.settings.tracing import TraceStoreSettings


@dataclass(frozen=True, kw_only=True)
class TracingArgs:
    """Pods of the namespaces `clients` send traces, beside those that the settings name.

    `namespace` brings the one of that name. Prometheus and Grafana are in the namespace `monitoring`, and `after`
    brings the definitions of Prometheus' objects; `runbooks` is where alerts send people.
    """

    settings: TraceStoreSettings
    storage_class: str
    namespace: pulumi.Resource
    clients: Sequence[str]
    monitoring: str
    runbooks: str
    after: Sequence[pulumi.Resource]


class Tracing(pulumi.ComponentResource):
    """Takes OTLP at `url` from pods of the cluster, and shows traces for a time."""

    namespace = pod.NAMESPACE
    url = collector.URL
    open = (
        f"kubectl -n {pod.NAMESPACE} port-forward svc/{jaeger.NAME} {jaeger.QUERY_PORT}, "
        f"then http://localhost:{jaeger.QUERY_PORT}"
    )

    def __init__(self, name: str, args: TracingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:monitoring:Tracing", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        sender = peer(pod.NAMESPACE, collector.LABELS)
        Jaeger(
            f"{name}-jaeger",
            JaegerArgs(
                settings=args.settings,
                storage_class=args.storage_class,
                namespace=args.namespace,
                sender=sender,
                reader=args.monitoring,
            ),
            child,
        )
        clients = [*dict.fromkeys([*args.clients, *args.settings.client_namespaces])]
        Collector(
            f"{name}-collector",
            CollectorArgs(namespace=args.namespace, clients=clients, scraper=args.monitoring),
            child,
        )
        service_monitor.define(
            name,
            {"name": pod.NAMESPACE, "namespace": args.monitoring},
            {
                "PodMonitor": pod_monitor_spec(),
                "PrometheusRule": {"groups": telemetry.tracing(pod.NAMESPACE).groups(args.runbooks)},
            },
            pulumi.ResourceOptions(parent=self, depends_on=args.after),
        )
        self.register_outputs({"url": self.url})


def pod_monitor_spec() -> dict[str, Any]:
    """Reads both programs' own metrics: spans taken, waiting, sent, refused and lost."""
    return {
        "namespaceSelector": {"matchNames": [pod.NAMESPACE]},
        "selector": {"matchLabels": pod.PART_OF},
        "jobLabel": "app.kubernetes.io/name",
        "podMetricsEndpoints": [{"port": pod.METRICS}],
    }


def tracing_limits() -> Limits:
    """Room for the replicas, each with one that is ending, and for Jaeger's volume."""
    return Limits(pods=2 * (collector.REPLICAS + 1), cpu=jaeger.CPU, memory=f"{jaeger.MEMORY_MIB}Mi", volume_claims=1)
