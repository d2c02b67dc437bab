"""What makes one service seen: a ServiceMonitor, alerts and a dashboard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict

from inference_app.contract import ExecutionProvider, Route
from infra.monitoring.alerts import rule_groups
from infra.monitoring.dashboard import dashboard
from infra.monitoring.queries import SCRAPE_SECONDS, TRACK_LABEL, pods_of, wanted_replicas
from infra.settings.monitoring import ObjectiveSettings

# Grafana's sidecar loads every ConfigMap that carries it (kube-prometheus-stack, grafana.sidecar.dashboards.label).
DASHBOARD_LABEL = {"grafana_dashboard": "1"}


class MonitoredService(Protocol):
    """A Service whose pods export the metrics of `inference_app.contract`."""

    @property
    def namespace(self) -> str:
        """Its namespace."""
        ...

    @property
    def labels(self) -> Mapping[str, str]:
        """Labels of the Service and its pods, and of nothing else in the namespace."""
        ...

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

    @property
    def port_name(self) -> str:
        """Name of the port that answers with metrics."""
        ...


@dataclass(frozen=True, kw_only=True)
class ServiceMonitoringArgs:
    """Monitors, rules and dashboards lie in Prometheus's `namespace`; `after` brings it and their definitions."""

    objectives: ObjectiveSettings
    service: MonitoredService
    namespace: str
    after: Sequence[pulumi.Resource]


class ServiceMonitoring(pulumi.ComponentResource):
    """Scrapes a model server's Service, warns when its objectives are broken, and draws it."""

    def __init__(self, name: str, args: ServiceMonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:monitoring:ServiceMonitoring", name, None, opts)
        child = pulumi.ResourceOptions(parent=self, depends_on=args.after)
        service = args.service
        selector = pods_of(service.namespace)
        metadata: ObjectMetaArgsDict = {"name": f"{service.namespace}-model-server", "namespace": args.namespace}
        kubernetes.apiextensions.CustomResource(
            name,
            api_version="monitoring.coreos.com/v1",
            kind="ServiceMonitor",
            metadata=metadata,
            spec=service_monitor_spec(service),
            opts=child,
        )
        tracks = {name: _wanted(service, rests_as) for name, rests_as in service.tracks.items()}
        wanted = _wanted(service, service.rests_as)
        kubernetes.apiextensions.CustomResource(
            name,
            api_version="monitoring.coreos.com/v1",
            kind="PrometheusRule",
            metadata=metadata,
            spec={"groups": rule_groups(args.objectives, selector, service.execution_provider, wanted, tracks)},
            opts=child,
        )
        kubernetes.core.v1.ConfigMap(
            f"{name}-dashboard",
            metadata=metadata | {"labels": DASHBOARD_LABEL},
            data={"model-server.json": dashboard("Model server", selector, by_track=bool(tracks))},
            opts=child,
        )
        self.register_outputs({"namespace": service.namespace})


def service_monitor_spec(service: MonitoredService) -> dict[str, Any]:
    """Scrapes every pod behind the Service, or behind those of the tracks; a Service for all of them is left out.

    It would scrape each pod again (https://prometheus-operator.dev/docs/api-reference/api/#servicemonitorspec).
    """
    selector: dict[str, Any] = {"matchLabels": dict(service.labels)}
    spec: dict[str, Any] = {
        "namespaceSelector": {"matchNames": [service.namespace]},
        "selector": selector,
        "endpoints": [{"port": service.port_name, "path": Route.METRICS.value, "interval": f"{SCRAPE_SECONDS}s"}],
    }
    if not service.tracks:
        return spec
    selector["matchExpressions"] = [{"key": TRACK_LABEL, "operator": "Exists"}]
    return spec | {"podTargetLabels": [TRACK_LABEL]}


def _wanted(service: MonitoredService, rests_as: str | None) -> str | None:
    return wanted_replicas(service.namespace, rests_as) if rests_as else None
