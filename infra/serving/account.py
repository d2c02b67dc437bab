"""Whom the pods that serve a model run as."""

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict

from infra.clusters.cluster import Identity


def service_account(
    name: str, metadata: ObjectMetaArgsDict, identity: Identity, opts: pulumi.ResourceOptions
) -> kubernetes.core.v1.ServiceAccount:
    """An account with that identity and no rights in the cluster."""
    return kubernetes.core.v1.ServiceAccount(
        name,
        metadata=metadata | {"annotations": identity.annotations},
        automount_service_account_token=False,
        opts=opts,
    )
