"""cert-manager: gets certificates, and renews them in time (https://cert-manager.io)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from infra.charts import release, release_namespace
from infra.clusters.cluster import Identity, ServiceAccount

NAMESPACE = "cert-manager"
ACCOUNT = ServiceAccount(namespace=NAMESPACE, name="cert-manager")
"""Whom the controller runs as, and changes DNS records as."""


@dataclass(frozen=True, kw_only=True)
class CertManagerArgs:
    """The controller changes DNS records as `identity`."""

    identity: Identity
    chart_mirror: str | None = None


class CertManager(pulumi.ComponentResource):
    """The controller, its webhook, and the definitions of its custom resources."""

    def __init__(self, name: str, args: CertManagerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:addons:CertManager", name, None, opts)
        namespace = release_namespace(name, NAMESPACE, self)
        release(
            name,
            "cert-manager",
            namespace=NAMESPACE,
            values=values(args.identity),
            mirror=args.chart_mirror,
            # A pod that is older than its identity has no credentials.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[namespace, *args.identity.after]),
        )
        self.register_outputs({"namespace": NAMESPACE})


def values(identity: Identity) -> Mapping[str, Any]:
    """The chart's values (https://github.com/cert-manager/cert-manager/blob/v1.21.2/deploy/charts/cert-manager/values.yaml)."""
    return {
        # Kept when the release goes: with them would go every certificate of the cluster.
        "crds": {"enabled": True, "keep": True},
        # The default, kube-system, takes a right there.
        "global": {"leaderElection": {"namespace": NAMESPACE}},
        "serviceAccount": {"name": ACCOUNT.name, "annotations": dict(identity.annotations)},
        "podLabels": dict(identity.pod_labels),
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
    }
