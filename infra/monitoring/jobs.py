"""What makes the workers of asynchronous inference seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict

from inference_app.contract import Route
from infra.monitoring import service_monitor
from infra.monitoring.service_monitor import ScrapedService

KEPT = "inference_jobs?_.+|process_.+"
"""A worker has the server's metrics too, of which alerts and objectives would take it for a server that clients ask."""


@dataclass(frozen=True, kw_only=True)
class JobMonitoringArgs:
    """`namespace` is Prometheus's, which `after` brings with the definitions."""

    service: ScrapedService
    namespace: str
    after: Sequence[pulumi.Resource]


class JobMonitoring(pulumi.ComponentResource):
    """Scrapes the workers for what they say of jobs."""

    def __init__(self, name: str, args: JobMonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:monitoring:JobMonitoring", name, None, opts)
        child = pulumi.ResourceOptions(parent=self, depends_on=args.after)
        namespace = args.service.namespace
        metadata: ObjectMetaArgsDict = {"name": f"{namespace}-model-worker", "namespace": args.namespace}
        service_monitor.define(name, metadata, {"ServiceMonitor": monitor_spec(args.service)}, child)
        self.register_outputs({"namespace": namespace})


def monitor_spec(service: ScrapedService) -> dict[str, Any]:
    """https://prometheus-operator.dev/docs/api-reference/api/#relabelconfig."""
    spec = service_monitor.spec(service, Route.METRICS.value)
    keep = {"sourceLabels": ["__name__"], "regex": KEPT, "action": "keep"}
    return spec | {"endpoints": [endpoint | {"metricRelabelings": [keep]} for endpoint in spec["endpoints"]]}
