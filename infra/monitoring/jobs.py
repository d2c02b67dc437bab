"""What makes asynchronous inference seen: its workers are scraped, and its jobs judged."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict

from inference_app.contract import Route
from infra.monitoring import service_monitor
from infra.monitoring.alerts.jobs import jobs
from infra.monitoring.service_monitor import ScrapedService
from infra.settings.asynchronous import AsynchronousSettings

KEPT = "inference_jobs?_.+|process_.+"
"""A worker has the server's metrics too, of which alerts and objectives would take it for a server that clients ask."""


@dataclass(frozen=True, kw_only=True)
class JobMonitoringArgs:
    """`service` is the workers'; `namespace` is Prometheus's, which `after` brings with the definitions.

    `runbooks` is where alerts lead to.
    """

    service: ScrapedService
    asynchronous: AsynchronousSettings
    runbooks: str
    namespace: str
    after: Sequence[pulumi.Resource]


class JobMonitoring(pulumi.ComponentResource):
    """Scrapes the workers for what they say of jobs, and warns of jobs that nobody answers."""

    def __init__(self, name: str, args: JobMonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:monitoring:JobMonitoring", name, None, opts)
        child = pulumi.ResourceOptions(parent=self, depends_on=args.after)
        namespace, asked = args.service.namespace, args.asynchronous
        rules = jobs(namespace, objective_seconds=asked.wait_objective_seconds, kept_seconds=asked.wait_seconds)
        metadata: ObjectMetaArgsDict = {"name": f"{namespace}-model-worker", "namespace": args.namespace}
        service_monitor.watch(name, metadata, monitor_spec(args.service), rules.groups(args.runbooks), child)
        self.register_outputs({"namespace": namespace})


def monitor_spec(service: ScrapedService) -> dict[str, Any]:
    """https://prometheus-operator.dev/docs/api-reference/api/#relabelconfig."""
    spec = service_monitor.spec(service, Route.METRICS.value)
    keep = {"sourceLabels": ["__name__"], "regex": KEPT, "action": "keep"}
    return spec | {"endpoints": [endpoint | {"metricRelabelings": [keep]} for endpoint in spec["endpoints"]]}
