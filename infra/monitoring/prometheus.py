"""Prometheus, Alertmanager and Grafana on one cluster, from kube-prometheus-stack."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random

from inference_app.contract import TRACE_ID
from infra.charts import release
from infra.clusters.gpu import NODE_LABEL, POOL_LABEL
from infra.monitoring.alertmanager import alertmanager_values
from infra.monitoring.cluster_metrics import INSTANCE_TYPE
from infra.monitoring.logging import loki as loki_logs
from infra.monitoring.namespace import NAMESPACE
from infra.monitoring.secrets import ALERTMANAGER, LOKI
from infra.settings.logs import LokiSettings
from infra.settings.monitoring import MonitoringSettings

NAME = "kube-prometheus-stack"
URL = f"http://{NAME}-prometheus.{NAMESPACE}.svc:9090"
"""Prometheus' own Service, for the programs of the cluster that ask it.

https://github.com/prometheus-community/helm-charts/blob/main/charts/kube-prometheus-stack/templates/prometheus/service.yaml
"""
GRAFANA, GRAFANA_LOGIN = "grafana", "grafana-login"
PROMETHEUS_UID, JAEGER_UID = "prometheus", "jaeger"
"""What dashboards call Grafana's data sources."""


@dataclass(frozen=True, kw_only=True)
class PrometheusArgs:
    """`storage_class` is where Prometheus keeps its series, `jaeger` the URL of Jaeger's queries.

    Every alert bears `labels`. `secrets` are names of Secrets by whom they are for: Alertmanager's has those of
    `settings.notifications`, Loki's its password. `after` brings the namespace and those Secrets. `spot_labels` are
    those of which a spot node has one.
    """

    settings: MonitoringSettings
    storage_class: str
    labels: Mapping[str, str]
    after: Sequence[pulumi.Resource]
    secrets: Mapping[str, str] = field(default_factory=dict[str, str])
    jaeger: str | None = None
    spot_labels: Sequence[tuple[str, str]] = ()
    chart_mirror: str | None = None


class Prometheus(pulumi.ComponentResource):
    """Collects every ServiceMonitor and rule of its cluster; Grafana's password is made here and stays a secret."""

    grafana: Mapping[str, pulumi.Input[str]]
    namespace = NAMESPACE

    def __init__(self, name: str, args: PrometheusArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:monitoring:Prometheus", name, None, opts)
        password = random.RandomPassword(name, length=32, special=False, opts=pulumi.ResourceOptions(parent=self))
        login = kubernetes.core.v1.Secret(
            f"{name}-grafana",
            metadata={"name": GRAFANA_LOGIN, "namespace": NAMESPACE},
            string_data={"admin-user": "admin", "admin-password": password.result},
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.after),
        )
        release(
            name,
            NAME,
            namespace=NAMESPACE,
            values=values(args),
            mirror=args.chart_mirror,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[login]),
        )
        self.grafana = {
            "open": f"kubectl -n {NAMESPACE} port-forward svc/{GRAFANA} 3000:80, then http://localhost:3000",
            "user": "admin",
            "password": pulumi.Output.secret(password.result),
        }
        self.register_outputs({"grafana": self.grafana})


def values(args: PrometheusArgs) -> dict[str, Any]:
    """The chart's values."""
    settings = args.settings
    return {
        "fullnameOverride": NAME,
        "prometheus": {
            "prometheusSpec": {
                "externalLabels": dict(args.labels),
                "enableFeatures": ["exemplar-storage"],
                "retention": f"{settings.retention_days}d",
                "storageSpec": storage(args.storage_class, settings.storage),
                # The volume goes with the stack; otherwise `destroy` would leave it, and its bill, behind.
                "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Retain"},
                # By default only monitors and rules of the chart's own release are read.
                "serviceMonitorSelectorNilUsesHelmValues": False,
                "podMonitorSelectorNilUsesHelmValues": False,
                "ruleSelectorNilUsesHelmValues": False,
                "resources": {"requests": {"cpu": "250m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}},
            }
        },
        "alertmanager": alertmanager_values(
            settings.notifications, args.secrets.get(ALERTMANAGER), storage(args.storage_class, "1Gi")
        ),
        "grafana": grafana_values(args.jaeger, settings.logs and settings.logs.loki, args.secrets.get(LOKI)),
        "kube-state-metrics": {"metricLabelsAllowlist": [node_labels(args.spot_labels)]},
        # Ours fires only where the autoscaler wants more than its maximum, and leads to its runbook.
        "defaultRules": {"disabled": {"KubeHpaMaxedOut": True}},
        # A managed control plane shows these to nobody: their alerts would fire for ever.
        "kubeControllerManager": {"enabled": False},
        "kubeScheduler": {"enabled": False},
        "kubeEtcd": {"enabled": False},
        "kubeProxy": {"enabled": False},
    }


def node_labels(spot_labels: Sequence[tuple[str, str]]) -> str:
    """Nodes' labels that kube-state-metrics is to tell: which nodes they are, and how they are paid for.

    https://github.com/kubernetes/kube-state-metrics/blob/main/docs/developer/cli-arguments.md
    """
    keys = [NODE_LABEL[0], POOL_LABEL, INSTANCE_TYPE, *(key for key, _ in spot_labels)]
    return f"nodes=[{','.join(keys)}]"


def grafana_values(
    jaeger: str | None = None, loki: LokiSettings | None = None, secret: str | None = None
) -> dict[str, Any]:
    """The values of the chart's Grafana; with Jaeger's URL it shows traces, also from an exemplar, and with Loki lines.

    `secret` has Loki's password.
    """
    given: dict[str, Any] = {
        "fullnameOverride": GRAFANA,
        "admin": {"existingSecret": GRAFANA_LOGIN, "userKey": "admin-user", "passwordKey": "admin-password"},
        "sidecar": {"dashboards": {"enabled": True}, "datasources": {"uid": PROMETHEUS_UID}},
    }
    sources: list[dict[str, Any]] = []
    if jaeger:
        sources.append({"name": "Jaeger", "type": "jaeger", "uid": JAEGER_UID, "access": "proxy", "url": jaeger})
        given["sidecar"]["datasources"]["exemplarTraceIdDestinations"] = {
            "datasourceUid": JAEGER_UID,
            "traceIdLabelName": TRACE_ID,
            "urlDisplayLabel": "Trace",
        }
    if loki:
        sources.append(loki_logs.data_source(loki, JAEGER_UID if jaeger else None))
    if loki and loki.basic_auth and secret:
        given["envValueFrom"] = {
            loki_logs.PASSWORD: {"secretKeyRef": {"name": secret, "key": loki.basic_auth.password}}
        }
    return given | ({"additionalDataSources": sources} if sources else {})


def storage(storage_class: str, size: str) -> dict[str, Any]:
    """A volume as Prometheus' operator makes it."""
    spec = {
        "storageClassName": storage_class,
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": size}},
    }
    return {"volumeClaimTemplate": {"spec": spec}}
