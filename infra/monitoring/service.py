"""What makes one service seen: a ServiceMonitor, rules and dashboards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict

from inference_app.contract import ExecutionProvider, Route
from infra.monitoring import service_monitor
from infra.monitoring.alerts import Alert, RuleSet, Watched, cluster, gpu, servers
from infra.monitoring.dashboards import GpuNodes, Subject, dashboards
from infra.monitoring.queries import TRACK_LABEL, pods_of, wanted_replicas
from infra.monitoring.service_monitor import ScrapedService
from infra.settings.monitoring import MonitoringSettings

# Grafana's sidecar loads every ConfigMap that carries it (kube-prometheus-stack, grafana.sidecar.dashboards.label).
DASHBOARD_LABEL = {"grafana_dashboard": "1"}


class MonitoredService(ScrapedService, Protocol):
    """A Service whose pods export the metrics of `inference_app.contract`."""

    @property
    def execution_provider(self) -> ExecutionProvider:
        """Where its models are meant to run."""
        ...

    @property
    def rests_as(self) -> str | None:
        """Name of the Deployment whose pods may all be gone for a time, at night for one; None where some stay."""
        ...

    @property
    def tracks(self) -> Mapping[str, str | None]:
        """By name of track what `rests_as` says of it; empty where the pods are in no track.

        Every track's Service and pods then have the track's name as a label, beside `labels`.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class ServiceMonitoringArgs:
    """Monitors, rules and dashboards lie in Prometheus's `namespace`; `after` brings it and their definitions.

    `gpus` are the nodes of the service's pods, None where they need no GPU.
    """

    settings: MonitoringSettings
    service: MonitoredService
    gpus: GpuNodes | None
    namespace: str
    after: Sequence[pulumi.Resource]


class ServiceMonitoring(pulumi.ComponentResource):
    """Scrapes a model server's Service, warns when its objectives are broken, and draws it."""

    def __init__(self, name: str, args: ServiceMonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:monitoring:ServiceMonitoring", name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self, depends_on=args.after)
        service, settings = args.service, args.settings
        metadata: ObjectMetaArgsDict = {"name": f"{service.namespace}-model-server", "namespace": args.namespace}
        groups = rule_set(settings, service, args.gpus).groups(settings.runbooks)
        service_monitor.watch(name, metadata, service_monitor_spec(service), groups, self._child)
        self._dashboards(name, args)
        self.register_outputs({"namespace": service.namespace})

    def _dashboards(self, name: str, args: ServiceMonitoringArgs) -> None:
        """One ConfigMap for each: together they might outgrow the most that one may hold, 1 MiB."""
        subject = Subject(
            name=args.service.namespace,
            selector=pods_of(args.service.namespace),
            settings=args.settings,
            by_track=bool(args.service.tracks),
            gpus=args.gpus,
        )
        for file, content in dashboards(subject).items():
            board = file.removesuffix(".json")
            kubernetes.core.v1.ConfigMap(
                f"{name}-{board}",
                metadata={"name": board, "namespace": args.namespace, "labels": DASHBOARD_LABEL},
                data={file: content},
                opts=self._child,
            )


def service_monitor_spec(service: MonitoredService) -> dict[str, Any]:
    """Scrapes every pod behind the Service, or behind those of the tracks: one for all would double what is scraped."""
    spec = service_monitor.spec(service, Route.METRICS.value)
    if not service.tracks:
        return spec
    spec["selector"]["matchExpressions"] = [{"key": TRACK_LABEL, "operator": "Exists"}]
    return spec | {"podTargetLabels": [TRACK_LABEL]}


def rule_set(settings: MonitoringSettings, service: MonitoredService, gpus: GpuNodes | None) -> RuleSet:
    """What Prometheus records and judges of the service; of one in tracks, of each track."""
    resting = service.tracks or {"": service.rests_as}
    watched = Watched(
        labels={"namespace": service.namespace},
        by=TRACK_LABEL if service.tracks else "",
        expected={track: name and wanted_replicas(service.namespace, name) for track, name in resting.items()},
    )
    return RuleSet(
        name="model-server",
        labels=watched.labels,
        recordings=servers.recordings(settings.objectives, watched),
        alerts=[
            *servers.alerts(settings.objectives, watched, service.execution_provider),
            *cluster.alerts(watched),
            *(_of_gpus(watched, gpus) if gpus else []),
        ],
    )


def _of_gpus(watched: Watched, gpus: GpuNodes) -> list[Alert]:
    own = [gpu.memory_nearly_full(watched), gpu.saturated(watched), gpu.idle(watched), gpu.errors()]
    return [*own, *cluster.spot_nodes_reclaimed(watched, gpus.spot_labels)]
