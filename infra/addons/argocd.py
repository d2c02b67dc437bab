"""Argo CD: keeps a namespace as a repository says (https://argo-cd.readthedocs.io)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from infra.charts import release, release_namespace
from infra.clusters.cluster import ServiceAccount

NAMESPACE = "argocd"
CONTROLLER = ServiceAccount(namespace=NAMESPACE, name="argocd-application-controller")
"""Whom the controller runs as; it may do what this account is given, and nothing else."""

IN_CLUSTER = "https://kubernetes.default.svc"
"""What Argo CD calls the cluster that it runs on."""


@dataclass(frozen=True, kw_only=True)
class ArgoCdArgs:
    """It keeps `namespace` and no other."""

    namespace: str
    chart_mirror: str | None = None


class ArgoCd(pulumi.ComponentResource):
    """The controller, what reads repositories for it, and a cache; no interface that anybody could log in to.

    https://argo-cd.readthedocs.io/en/release-3.5/operator-manual/core/
    """

    def __init__(self, name: str, args: ArgoCdArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:addons:ArgoCd", name, None, opts)
        namespace = release_namespace(name, NAMESPACE, self)
        release(
            name,
            "argo-cd",
            namespace=NAMESPACE,
            values=values(args.namespace),
            mirror=args.chart_mirror,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[namespace]),
        )
        self.register_outputs({"namespace": NAMESPACE})


def values(namespace: str) -> Mapping[str, Any]:
    """The chart's values (https://github.com/argoproj/argo-helm/blob/argo-cd-10.9.1/charts/argo-cd/values.yaml).

    By default the controller may do everything everywhere. Here it has no right of the whole cluster, and is told so.
    """
    return {
        "fullnameOverride": "argocd",
        "createClusterRoles": False,
        "global": {"networkPolicy": {"create": True, "defaultDenyIngress": True}},
        "configs": {
            "cm": {"admin.enabled": False, "resource.respectRBAC": "normal"},
            "clusterCredentials": {
                "in-cluster": {
                    "server": IN_CLUSTER,
                    "namespaces": namespace,
                    "config": {"tlsClientConfig": {"insecure": False}},
                }
            },
        },
        "controller": {"resources": _resources("100m", "256Mi", "1Gi")},
        "repoServer": {"resources": _resources("50m", "128Mi", "512Mi")},
        "redis": {"resources": _resources("10m", "32Mi", "128Mi")},
        "redisSecretInit": {"resources": _resources("10m", "64Mi", "256Mi")},
        "server": {"replicas": 0},
        "applicationSet": {"replicas": 0},
        "dex": {"enabled": False},
        "notifications": {"enabled": False},
    }


def _resources(cpu: str, memory: str, most_memory: str) -> Mapping[str, Any]:
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": most_memory}}
