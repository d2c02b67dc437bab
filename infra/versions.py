"""The versions pinned in `versions.yaml`, and Helm releases made with them."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import yaml


@cache
def _versions() -> dict[str, Any]:
    return yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))


def kubernetes_versions() -> tuple[str, ...]:
    """The Kubernetes minor versions that the program is made for, oldest first."""
    return tuple(_versions()["kubernetes"])


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
    pinned = _versions()["charts"][chart]
    source = mirror or pinned["repository"]
    is_oci = source.startswith("oci://")
    return kubernetes.helm.v3.Release(
        name,
        name=chart,
        namespace=namespace,
        chart=f"{source}/{chart}" if is_oci else chart,
        version=pinned["version"],
        repository_opts=None if is_oci else {"repo": source},
        values=values,
        atomic=True,
        cleanup_on_fail=True,
        timeout=900,
        opts=opts,
    )
