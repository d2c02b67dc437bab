"""Trivy operator: scans the images that run in namespaces of ours (https://aquasecurity.github.io/trivy-operator/)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.networking.v1 import NetworkPolicySpecArgsDict

from infra.charts import release, release_namespace
from infra.clusters.cluster import Identity, ServiceAccount
from infra.namespaces.network import entrance, from_namespace
from infra.settings.security import TrivySettings

NAMESPACE = "trivy-system"
ACCOUNT = ServiceAccount(namespace=NAMESPACE, name="trivy-operator")
"""Whom the operator and its scans run as; it must be able to pull what they scan."""

METRICS_PORT = 8080

# The operator's image has this user; Trivy's runs as any.
USER_ID = 10000

RESTRICTED_POD = {
    "runAsNonRoot": True,
    "runAsUser": USER_ID,
    "runAsGroup": USER_ID,
    "fsGroup": USER_ID,
    "seccompProfile": {"type": "RuntimeDefault"},
}


@dataclass(frozen=True, kw_only=True)
class TrivyOperatorArgs:
    """`namespaces` are scanned; `identity` lets `ACCOUNT` pull their images.

    `scraper` is the namespace whose Prometheus reads the metrics; `after` brings it and its definitions.
    """

    settings: TrivySettings
    namespaces: Sequence[str]
    identity: Identity = field(default_factory=Identity)
    scraper: str | None = None
    chart_mirror: str | None = None
    after: Sequence[pulumi.Resource] = ()


class TrivyOperator(pulumi.ComponentResource):
    """Reports each image's vulnerable packages and forgotten secrets, in custom resources beside its workload."""

    def __init__(self, name: str, args: TrivyOperatorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:addons:TrivyOperator", name, None, opts)
        namespace = release_namespace(name, NAMESPACE, self)
        closed = kubernetes.networking.v1.NetworkPolicy(
            name,
            metadata={"name": ACCOUNT.name, "namespace": NAMESPACE},
            spec=network_policy(args.scraper),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[namespace]),
        )
        release(
            name,
            "trivy-operator",
            namespace=NAMESPACE,
            values=values(args.settings, args.namespaces, args.identity, scraped=args.scraper is not None),
            mirror=args.chart_mirror,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[closed, *args.identity.after, *args.after]),
        )
        self.register_outputs({"namespace": NAMESPACE})


def network_policy(scraper: str | None) -> NetworkPolicySpecArgsDict:
    """Nothing in but a scrape. Out is open: registries and the Kubernetes API have addresses that nobody knows here."""
    return entrance(from_namespace(scraper, METRICS_PORT))


def values(settings: TrivySettings, namespaces: Sequence[str], identity: Identity, *, scraped: bool) -> dict[str, Any]:
    """The chart's values (https://github.com/aquasecurity/trivy-operator/blob/main/deploy/helm/values.yaml)."""
    return {
        "targetNamespaces": ",".join(namespaces),
        "operator": operator_values(),
        "compliance": {"specs": []},
        "trivyOperator": {
            "scanJobPodTemplatePodSecurityContext": RESTRICTED_POD,
            "scanJobPodTemplateLabels": ",".join(f"{key}={value}" for key, value in identity.pod_labels.items()),
        },
        "trivy": trivy_values(settings),
        "serviceAccount": {"name": ACCOUNT.name, "annotations": dict(identity.annotations)},
        "podLabels": dict(identity.pod_labels),
        "podSecurityContext": RESTRICTED_POD,
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}},
        "serviceMonitor": {"enabled": scraped},
    }


def operator_values() -> dict[str, Any]:
    """Images are scanned, and nothing else: no node, no role, no configuration, and no Secret is read."""
    return {
        "configAuditScannerEnabled": False,
        "rbacAssessmentScannerEnabled": False,
        "infraAssessmentScannerEnabled": False,
        "clusterComplianceEnabled": False,
        "sbomGenerationEnabled": False,
        "accessGlobalSecretsAndServiceAccount": False,
        # An image with CUDA takes minutes, and a few gibibytes of a system node's disk.
        "scanJobsConcurrentLimit": 1,
        "scanJobTimeout": "30m",
    }


def trivy_values(settings: TrivySettings) -> dict[str, Any]:
    """How an image is scanned, and where the databases come from.

    Scans have no tolerations: they pull the image by themselves, on a system node, and leave GPU nodes alone.
    """
    registry, _, path = settings.databases.partition("/")
    return {
        "severity": ",".join(settings.severities),
        "timeout": "30m0s",
        "dbRegistry": registry,
        "dbRepository": f"{path}/trivy-db",
        "javaDbRegistry": registry,
        "javaDbRepository": f"{path}/trivy-java-db",
        "offlineScan": True,
        "resources": {"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"cpu": "1", "memory": "2Gi"}},
    }
