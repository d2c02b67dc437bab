"""External Secrets: copies secrets from a store outside the cluster into one namespace (https://external-secrets.io)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from infra.charts import release, release_namespace
from infra.clusters.cluster import Identity, ServiceAccount
from infra.namespaces.network import entrance

NAMESPACE = "model-server-secrets"
ACCOUNT = ServiceAccount(namespace=NAMESPACE, name="external-secrets")
"""Whom the operator runs as, and asks a store as."""


@dataclass(frozen=True, kw_only=True)
class ExternalSecretsArgs:
    """The operator works in `namespace` alone, as `identity`; `after` brings the namespace.

    With `definitions` the release owns the custom resources' definitions.
    """

    namespace: str
    identity: Identity
    definitions: bool = True
    chart_mirror: str | None = None
    after: Sequence[pulumi.Resource] = ()


class ExternalSecrets(pulumi.ComponentResource):
    """An operator of its own for one namespace, with no rights in any other.

    It asks the store as its own service account, the only one whose pod EKS Pod Identity gives credentials to. Nobody
    else can borrow these: it obeys stores of its namespace and `controller_class` alone, may read and write Secrets
    there alone, and may make no tokens for other accounts. Another operator of the cluster leaves its stores alone.
    Nothing comes in, so neither do webhooks: no `up` or `destroy` waits for one.
    """

    controller_class = "model-server"

    def __init__(self, name: str, args: ExternalSecretsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:addons:ExternalSecrets", name, None, opts)
        namespace = release_namespace(name, NAMESPACE, self)
        closed = kubernetes.networking.v1.NetworkPolicy(
            name,
            metadata={"name": "default-deny-ingress", "namespace": NAMESPACE},
            spec=entrance(),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[namespace]),
        )
        release(
            name,
            "external-secrets",
            namespace=NAMESPACE,
            values=values(args.namespace, args.identity, definitions=args.definitions),
            mirror=args.chart_mirror,
            # A pod that is older than its identity has no credentials.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[closed, *args.after, *args.identity.after]),
        )
        self.register_outputs({"namespace": NAMESPACE})


def values(namespace: str, identity: Identity, *, definitions: bool) -> Mapping[str, Any]:
    """The chart's values (https://github.com/external-secrets/external-secrets/blob/main/deploy/charts/external-secrets/values.yaml)."""
    unused = ("ClusterExternalSecret", "ClusterSecretStore", "ClusterGenerator", "ClusterPushSecret", "PushSecret")
    processed = ("ClusterExternalSecret", "ClusterStore", "ClusterGenerator", "ClusterPushSecret", "PushSecret")
    return {
        "installCRDs": definitions,
        "crds": {f"create{kind}": False for kind in unused},
        **{f"process{kind}": False for kind in processed},
        "scopedNamespace": namespace,
        "scopedRBAC": True,
        "controllerClass": ExternalSecrets.controller_class,
        "rbac": {"serviceAccountTokenCreate": False, "servicebindings": {"create": False}},
        "serviceAccount": {"name": ACCOUNT.name, "annotations": dict(identity.annotations)},
        "podLabels": dict(identity.pod_labels),
        # Schemas refuse what the webhook would; its certificate's controller may read every Secret of the cluster.
        "webhook": {"create": False},
        "certController": {"create": False},
        "livenessProbe": {"enabled": True},
        "readinessProbe": {"enabled": True},
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
    }
