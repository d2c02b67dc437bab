"""External Secrets: copies secrets from a store outside the cluster into one namespace (https://external-secrets.io)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from infra.charts import release, release_namespace
from infra.clusters.cluster import Identity, ServiceAccount
from infra.namespaces.network import entrance

NAMESPACE = "external-secrets"
"""Where the release of the definitions is."""

MODEL_SERVER = ServiceAccount(namespace="model-server-secrets", name="external-secrets")
MONITORING = ServiceAccount(namespace="monitoring-secrets", name="external-secrets")
DELIVERY = ServiceAccount(namespace="argocd-secrets", name="external-secrets")
"""Whom the operators run as, and ask a store as; each has a namespace to itself."""


class ExternalSecretsDefinitions(pulumi.ComponentResource):
    """The custom resources' definitions alone, so that no operator takes them, and every copy, with it when it goes."""

    def __init__(self, name: str, chart_mirror: str | None = None, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:addons:ExternalSecretsDefinitions", name, None, opts)
        namespace = release_namespace(name, NAMESPACE, self)
        release(
            name,
            "external-secrets",
            namespace=NAMESPACE,
            values=definitions(),
            mirror=chart_mirror,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[namespace]),
        )
        self.register_outputs({"namespace": NAMESPACE})


@dataclass(frozen=True, kw_only=True)
class ExternalSecretsArgs:
    """The operator works in `namespace` alone, as `account` with `identity`.

    `after` brings that namespace and the custom resources' definitions.
    """

    namespace: str
    account: ServiceAccount
    identity: Identity
    chart_mirror: str | None = None
    after: Sequence[pulumi.Resource] = ()


class ExternalSecrets(pulumi.ComponentResource):
    """An operator of its own for one namespace, with no rights in any other.

    It asks the store as its own service account, the only one whose pod EKS Pod Identity gives credentials to. Nobody
    else can borrow these: it obeys stores of its namespace and `controller_class` alone, may read and write Secrets
    there alone, and may make no tokens for other accounts. Another operator of the cluster leaves its stores alone.
    Nothing comes in, so neither do webhooks: no `up` or `destroy` waits for one.
    """

    controller_class: str

    def __init__(self, name: str, args: ExternalSecretsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:addons:ExternalSecrets", name, None, opts)
        self.controller_class = args.account.namespace
        namespace = release_namespace(name, args.account.namespace, self)
        closed = kubernetes.networking.v1.NetworkPolicy(
            name,
            metadata={"name": "default-deny-ingress", "namespace": args.account.namespace},
            spec=entrance(),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[namespace]),
        )
        release(
            name,
            "external-secrets",
            namespace=args.account.namespace,
            values=values(args.namespace, args.account, args.identity),
            mirror=args.chart_mirror,
            # A pod that is older than its identity has no credentials.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[closed, *args.after, *args.identity.after]),
        )
        self.register_outputs({"namespace": args.account.namespace})


def definitions() -> Mapping[str, Any]:
    """The chart's values for nothing but the definitions that an operator for one namespace needs.

    https://github.com/external-secrets/external-secrets/blob/main/deploy/charts/external-secrets/values.yaml
    """
    unused = ("ClusterExternalSecret", "ClusterSecretStore", "ClusterGenerator", "ClusterPushSecret", "PushSecret")
    return {
        "installCRDs": True,
        "crds": {f"create{kind}": False for kind in unused},
        "createOperator": False,
        "rbac": {"create": False},
        "serviceAccount": {"create": False},
        "webhook": {"create": False},
        "certController": {"create": False},
    }


def values(namespace: str, account: ServiceAccount, identity: Identity) -> Mapping[str, Any]:
    """The chart's values for an operator."""
    unused = ("ClusterExternalSecret", "ClusterStore", "ClusterGenerator", "ClusterPushSecret", "PushSecret")
    return {
        "installCRDs": False,
        **{f"process{kind}": False for kind in unused},
        "scopedNamespace": namespace,
        "scopedRBAC": True,
        "controllerClass": account.namespace,
        "rbac": {"serviceAccountTokenCreate": False, "servicebindings": {"create": False}},
        "serviceAccount": {"name": account.name, "annotations": dict(identity.annotations)},
        "podLabels": dict(identity.pod_labels),
        # Schemas refuse what the webhook would; its certificate's controller may read every Secret of the cluster.
        "webhook": {"create": False},
        "certController": {"create": False},
        "livenessProbe": {"enabled": True},
        "readinessProbe": {"enabled": True},
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
    }
