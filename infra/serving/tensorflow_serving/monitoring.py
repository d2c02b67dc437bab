"""What makes TensorFlow Serving seen: a ServiceMonitor, and alerts from the metrics of its own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import pulumi
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict

from infra.monitoring import service_monitor
from infra.monitoring.alerts import Alert, RuleSet, Watched, cluster, gpu, servers
from infra.monitoring.alerts import objectives as promises
from infra.monitoring.cluster_metrics import DEPLOYMENT_AVAILABLE
from infra.monitoring.dashboards import GpuNodes
from infra.monitoring.queries import wanted_replicas
from infra.monitoring.service_monitor import ScrapedService
from infra.serving.tensorflow_serving.config import METRICS_PATH
from infra.serving.tensorflow_serving.queries import (
    REFUSED,
    REQUESTS,
    asked_per_second,
    error_ratio,
    failed_per_second,
    latency_quantile,
)
from infra.settings.monitoring import MonitoringSettings, ObjectiveSettings


class TensorFlowService(ScrapedService, Protocol):
    """A Service of TensorFlow Serving."""

    @property
    def deployment(self) -> str:
        """Name of the Deployment."""
        ...

    @property
    def rests(self) -> bool:
        """Whether all its pods may be gone for a time, at night for one."""
        ...


@dataclass(frozen=True, kw_only=True)
class TensorFlowServingMonitoringArgs:
    """The monitor and the rules lie in Prometheus's `namespace`; `after` brings it and their definitions.

    `gpus` are the nodes of its pods, None where they need no GPU.
    """

    settings: MonitoringSettings
    service: TensorFlowService
    gpus: GpuNodes | None
    namespace: str
    after: Sequence[pulumi.Resource]


class TensorFlowServingMonitoring(pulumi.ComponentResource):
    """Scrapes TensorFlow Serving, and warns when its objectives are broken."""

    def __init__(
        self, name: str, args: TensorFlowServingMonitoringArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("inference:serving:TensorFlowServingMonitoring", name, None, opts)
        child = pulumi.ResourceOptions(parent=self, depends_on=args.after)
        service, settings = args.service, args.settings
        metadata: ObjectMetaArgsDict = {
            "name": f"{service.namespace}-{service.deployment}",
            "namespace": args.namespace,
        }
        groups = rule_set(settings, service, args.gpus).groups(settings.runbooks)
        service_monitor.watch(name, metadata, service_monitor.spec(service, METRICS_PATH), groups, child)
        self.register_outputs({"namespace": service.namespace})


def rule_set(settings: MonitoringSettings, service: TensorFlowService, gpus: GpuNodes | None) -> RuleSet:
    """What Prometheus records and judges of it. Its histogram has no bound at the target: no latency budget burns."""
    wanted = wanted_replicas(service.namespace, service.deployment) if service.rests else None
    watched = Watched(labels={"namespace": service.namespace}, expected={"": wanted})
    return RuleSet(
        name="tensorflow-serving",
        labels=watched.labels,
        recordings=promises.recordings(
            asked=asked_per_second(watched.selector, "5m"), failed=failed_per_second(watched.selector, "5m")
        ),
        alerts=[
            *_alerts_of_requests(settings.objectives, watched),
            *_alerts_of_pods(service, watched, wanted),
            *cluster.alerts(watched),
            *(_alerts_of_gpus(watched, gpus) if gpus else []),
        ],
    )


def _alerts_of_requests(objectives: ObjectiveSettings, watched: Watched) -> Iterator[Alert]:
    yield from promises.availability_burns(objectives, watched)
    yield promises.high_latency(objectives, f"{latency_quantile(watched.selector, 0.95)} / 1e6")
    yield promises.high_error_rate(objectives, error_ratio(watched.selector))
    yield promises.no_traffic(watched)
    yield servers.requests_refused(f"sum(rate({REQUESTS}{{{watched.selector},{REFUSED}}}[5m]))")


def _alerts_of_pods(service: TensorFlowService, watched: Watched, wanted: str | None) -> Iterator[Alert]:
    available = f'sum({DEPLOYMENT_AVAILABLE}{{{watched.selector},deployment="{service.deployment}"}})'
    yield servers.no_server_ready(available, wanted)
    yield from servers.metrics_missing(watched, REQUESTS)
    yield servers.scrape_failing(watched)


def _alerts_of_gpus(watched: Watched, gpus: GpuNodes) -> list[Alert]:
    """Not on memory, of which TensorFlow takes all that it may at its start."""
    return [gpu.idle(watched), gpu.errors(), *cluster.spot_nodes_reclaimed(watched, gpus.spot_labels)]
