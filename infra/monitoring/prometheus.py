"""Prometheus, Alertmanager and Grafana on one cluster, from kube-prometheus-stack."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random

from infra.charts import PodSecurity, release, release_namespace
from infra.settings.monitoring import MonitoringSettings

NAMESPACE, NAME = "monitoring", "kube-prometheus-stack"
URL = f"http://{NAME}-prometheus.{NAMESPACE}.svc:9090"
"""Prometheus' own Service, for the programs of the cluster that ask it.

https://github.com/prometheus-community/helm-charts/blob/main/charts/kube-prometheus-stack/templates/prometheus/service.yaml
"""
GRAFANA, GRAFANA_LOGIN = "grafana", "grafana-login"


@dataclass(frozen=True, kw_only=True)
class PrometheusArgs:
    """`storage_class` is where Prometheus keeps its series."""

    settings: MonitoringSettings
    storage_class: str
    chart_mirror: str | None = None


class Prometheus(pulumi.ComponentResource):
    """Collects every ServiceMonitor and rule of its cluster; Grafana's password is made here and stays a secret."""

    grafana: Mapping[str, pulumi.Input[str]]
    namespace = NAMESPACE

    def __init__(self, name: str, args: PrometheusArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:monitoring:Prometheus", name, None, opts)
        # The node exporter reads host paths, which no stricter level allows.
        namespace = release_namespace(name, NAMESPACE, self, PodSecurity.PRIVILEGED)
        password = random.RandomPassword(name, length=32, special=False, opts=pulumi.ResourceOptions(parent=self))
        login = kubernetes.core.v1.Secret(
            f"{name}-grafana",
            metadata={"name": GRAFANA_LOGIN, "namespace": NAMESPACE},
            string_data={"admin-user": "admin", "admin-password": password.result},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[namespace]),
        )
        release(
            name,
            NAME,
            namespace=NAMESPACE,
            values=values(args.settings, args.storage_class),
            mirror=args.chart_mirror,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[login]),
        )
        self.grafana = {
            "open": f"kubectl -n {NAMESPACE} port-forward svc/{GRAFANA} 3000:80, then http://localhost:3000",
            "user": "admin",
            "password": pulumi.Output.secret(password.result),
        }
        self.register_outputs({"grafana": self.grafana})


def values(settings: MonitoringSettings, storage_class: str) -> dict[str, Any]:
    """The chart's values."""
    volume = {
        "storageClassName": storage_class,
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": settings.storage}},
    }
    return {
        "fullnameOverride": NAME,
        "prometheus": {
            "prometheusSpec": {
                "retention": f"{settings.retention_days}d",
                "storageSpec": {"volumeClaimTemplate": {"spec": volume}},
                # The volume goes with the stack; otherwise `destroy` would leave it, and its bill, behind.
                "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Retain"},
                # By default only monitors and rules of the chart's own release are read.
                "serviceMonitorSelectorNilUsesHelmValues": False,
                "podMonitorSelectorNilUsesHelmValues": False,
                "ruleSelectorNilUsesHelmValues": False,
                "resources": {"requests": {"cpu": "250m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}},
            }
        },
        "grafana": {
            "fullnameOverride": GRAFANA,
            "admin": {
                "existingSecret": GRAFANA_LOGIN,
                "userKey": "admin-user",
                "passwordKey": "admin-password",
            },
            "sidecar": {"dashboards": {"enabled": True}},
        },
        # A managed control plane shows these to nobody: their alerts would fire for ever.
        "kubeControllerManager": {"enabled": False},
        "kubeScheduler": {"enabled": False},
        "kubeEtcd": {"enabled": False},
        "kubeProxy": {"enabled": False},
    }
