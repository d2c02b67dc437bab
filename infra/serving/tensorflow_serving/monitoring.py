"""What makes TensorFlow Serving seen: a ServiceMonitor, and alerts from the metrics of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict

from infra.monitoring.alerts import alert
from infra.monitoring.queries import SCRAPE_SECONDS, pods_of, wanted_replicas
from infra.serving.tensorflow_serving.config import METRICS_PATH
from infra.serving.tensorflow_serving.queries import REFUSED, REQUESTS, error_ratio, latency_quantile
from infra.settings.monitoring import ObjectiveSettings


class TensorFlowService(Protocol):
    """A Service of TensorFlow Serving."""

    @property
    def namespace(self) -> str:
        """Its namespace."""
        ...

    @property
    def labels(self) -> Mapping[str, str]:
        """Labels of the Service and its pods, and of nothing else in the namespace."""
        ...

    @property
    def deployment(self) -> str:
        """Name of the Deployment."""
        ...

    @property
    def rests(self) -> bool:
        """Whether all its pods may be gone for a time, at night for one."""
        ...

    @property
    def port_name(self) -> str:
        """Name of the REST port, which has the metrics too."""
        ...


@dataclass(frozen=True, kw_only=True)
class TensorFlowServingMonitoringArgs:
    """The monitor and the rules lie in Prometheus's `namespace`; `after` brings it and their definitions."""

    objectives: ObjectiveSettings
    service: TensorFlowService
    namespace: str
    after: Sequence[pulumi.Resource]


class TensorFlowServingMonitoring(pulumi.ComponentResource):
    """Scrapes TensorFlow Serving, and warns when its objectives are broken."""

    def __init__(
        self, name: str, args: TensorFlowServingMonitoringArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("inference:serving:TensorFlowServingMonitoring", name, None, opts)
        child = pulumi.ResourceOptions(parent=self, depends_on=args.after)
        service = args.service
        metadata: ObjectMetaArgsDict = {
            "name": f"{service.namespace}-{service.deployment}",
            "namespace": args.namespace,
        }
        specs = {
            "ServiceMonitor": service_monitor_spec(service),
            "PrometheusRule": {"groups": rule_groups(args.objectives, service)},
        }
        for kind, spec in specs.items():
            kubernetes.apiextensions.CustomResource(
                name, api_version="monitoring.coreos.com/v1", kind=kind, metadata=metadata, spec=spec, opts=child
            )
        self.register_outputs({"namespace": service.namespace})


def service_monitor_spec(service: TensorFlowService) -> dict[str, Any]:
    """Scrapes every pod behind the Service."""
    return {
        "namespaceSelector": {"matchNames": [service.namespace]},
        "selector": {"matchLabels": dict(service.labels)},
        "endpoints": [{"port": service.port_name, "path": METRICS_PATH, "interval": f"{SCRAPE_SECONDS}s"}],
    }


def rule_groups(objectives: ObjectiveSettings, service: TensorFlowService) -> list[dict[str, Any]]:
    """The PrometheusRule's groups; nobody is missed while no pod should run."""
    selector = pods_of(service.namespace)
    rules = [*_alerts_of_requests(objectives, selector), *_alerts_of_pods(service, selector)]
    return [{"name": "tensorflow-serving", "rules": rules}]


def _alerts_of_requests(objectives: ObjectiveSettings, selector: str) -> list[dict[str, Any]]:
    return [
        alert(
            "HighLatency",
            f"{latency_quantile(selector, 0.95)} > {objectives.p95_latency_ms * 1000:g}",
            10,
            "warning",
            f"95 % of predictions should take less than {objectives.p95_latency_ms:g} ms",
        ),
        alert(
            "HighErrorRate",
            f"{error_ratio(selector)} > {objectives.error_percent / 100:g}",
            5,
            "critical",
            f"More than {objectives.error_percent:g} % of predictions fail",
        ),
        alert(
            "RequestsRefused",
            f"sum(rate({REQUESTS}{{{selector},{REFUSED}}}[5m])) > 0",
            10,
            "warning",
            "The batching queue is full and requests are refused; raise replicas.max or the pools",
        ),
    ]


def _alerts_of_pods(service: TensorFlowService, selector: str) -> list[dict[str, Any]]:
    pods = f'{selector},deployment="{service.deployment}"'
    wanted = f" and on() {wanted_replicas(service.namespace, service.deployment)} > 0" if service.rests else ""
    return [
        alert(
            "NoServerReady",
            f"sum(kube_deployment_status_replicas_available{{{pods}}}) < 1{wanted}",
            2,
            "critical",
            "No TensorFlow Serving is ready",
        ),
        alert(
            "MetricsMissing",
            f"absent({REQUESTS}{{{selector}}}){wanted}",
            5,
            "critical",
            "No TensorFlow Serving has been scraped",
        ),
    ]
