"""Helm releases of the charts pinned in `versions.yaml`, and the namespaces that they have to themselves."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from infra.versions import pinned


class PodSecurity(StrEnum):
    """What a namespace's pods may ask of a node
    (https://kubernetes.io/docs/concepts/security/pod-security-standards/)."""

    RESTRICTED = "restricted"
    PRIVILEGED = "privileged"


def release_namespace(
    name: str, namespace: str, parent: pulumi.Resource, level: PodSecurity = PodSecurity.RESTRICTED
) -> kubernetes.core.v1.Namespace:
    """A namespace for one release; the API server refuses pods that ask for more than `level`."""
    return kubernetes.core.v1.Namespace(
        name,
        metadata={"name": namespace, "labels": {"pod-security.kubernetes.io/enforce": level.value}},
        opts=pulumi.ResourceOptions(parent=parent),
    )


def release(
    name: str,
    chart: str,
    *,
    namespace: pulumi.Input[str],
    values: Mapping[str, Any],
    mirror: str | None,
    opts: pulumi.ResourceOptions,
) -> kubernetes.helm.v3.Release:
    """A Helm release of the pinned chart, from its own repository or from `mirror` (`oci://host/path`).

    The release is named as its chart, so that Services and service accounts have names that can be relied on.
    """
    pin = pinned()["charts"][chart]
    source = mirror or pin["repository"]
    is_oci = source.startswith("oci://")
    return kubernetes.helm.v3.Release(
        name,
        name=chart,
        namespace=namespace,
        chart=f"{source}/{chart}" if is_oci else chart,
        version=pin["version"],
        repository_opts=None if is_oci else {"repo": source},
        values=values,
        atomic=True,
        cleanup_on_fail=True,
        timeout=900,
        opts=opts,
    )
