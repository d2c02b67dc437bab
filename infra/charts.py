"""Helm releases of the charts pinned in `versions.yaml`."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from infra.versions import pinned


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
