"""What pods are told, in a form that rolls them when it changes."""

import hashlib
from collections.abc import Mapping

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict


def config_name(prefix: str, data: Mapping[str, str]) -> str:
    """A name that changes with the content, so that a changed setting rolls the pods."""
    digest = hashlib.sha256("\n".join(f"{key}={data[key]}" for key in sorted(data)).encode())
    return f"{prefix}-{digest.hexdigest()[:10]}"


def config_map(
    name: str, metadata: ObjectMetaArgsDict, prefix: str, data: Mapping[str, str], opts: pulumi.ResourceOptions
) -> pulumi.Output[str]:
    """The name of an immutable ConfigMap; another one, after `prefix`, for other data."""
    made = kubernetes.core.v1.ConfigMap(
        name,
        metadata=metadata | {"name": config_name(prefix, data)},
        data=data,
        immutable=True,
        opts=opts,
    )
    return made.metadata.name.apply(str)
