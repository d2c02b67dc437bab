"""Disks and file shares that pods ask for."""

from collections.abc import Iterator
from typing import Any

from infra.cost.prices import Cloud
from infra.preview.plan import Plan, Resource
from infra.preview.wire import is_list, is_map

EKS_CLUSTER = "aws:eks/cluster:Cluster"
MANAGED_CLUSTER = "azure-native:containerservice:ManagedCluster"
CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"
STATEFUL_SET = "kubernetes:apps/v1:StatefulSet"
RELEASE = "kubernetes:helm.sh/v3:Release"
STORAGE_CLASS = "kubernetes:storage.k8s.io/v1:StorageClass"

# https://learn.microsoft.com/azure/virtual-machines/disks-types: a disk is billed as the smallest size that holds it.
_SIZES = {1: 4, 2: 8, 3: 16, 4: 32, 6: 64, 10: 128, 15: 256, 20: 512, 30: 1024, 40: 2048, 50: 4096, 60: 8192}

SMALLEST_SHARE = 100
"""GiB that a share of premium files has at least (https://learn.microsoft.com/azure/storage/files/understanding-billing)."""
_UNITS = {"Mi": 1 / 1024, "Gi": 1.0, "Ti": 1024.0}


def cloud_of(resource: Resource, plan: Plan) -> Cloud | None:
    """The cloud whose cluster a Kubernetes object is in; None on a cluster that somebody else made."""
    clusters = {EKS_CLUSTER: Cloud.AWS, MANAGED_CLUSTER: Cloud.AZURE}
    found = [
        cloud for kind, cloud in clusters.items() for it in plan.of_type(kind) if it.name == resource.provider_name
    ]
    return found[0] if found else None


def gib(quantity: str) -> float:
    """A Kubernetes quantity such as `50Gi`, in GiB."""
    return float(quantity[:-2]) * _UNITS[quantity[-2:]]


def disk_size(letter: str, size: float) -> str:
    """The billed size of an Azure disk of `size` GiB: `P10` for a premium one of 100."""
    number = next((number for number, most in _SIZES.items() if size <= most), max(_SIZES))
    return f"disk {letter}{number}"


def claims(resource: Resource) -> Iterator[dict[str, Any]]:
    """The specs of the claims that an object, or a chart's values, asks for; once for each replica."""
    if resource.type == CLAIM:
        yield resource.inputs["spec"]
    elif resource.type == STATEFUL_SET:
        spec = resource.inputs["spec"]
        templates: list[dict[str, Any]] = spec.get("volumeClaimTemplates", [])
        yield from (template["spec"] for template in templates * int(spec.get("replicas", 1)))
    elif resource.type == RELEASE:
        yield from _templates(resource.inputs.get("values"))


def volume_item(spec: dict[str, Any], resource: Resource, plan: Plan, cloud: Cloud) -> tuple[str, float] | None:
    """What a claim is billed as, and how much of it; None where only what is stored is billed."""
    size = gib(spec["resources"]["requests"]["storage"])
    found = _storage_class(spec.get("storageClassName"), resource, plan)
    provisioner = found.get("provisioner", "")
    if cloud is Cloud.AWS:
        return None if provisioner == "efs.csi.aws.com" else ("gp3 volumes", size)
    if provisioner == "file.csi.azure.com":
        return "premium files", max(size, SMALLEST_SHARE)
    return disk_size("E", size), 1


def _storage_class(name: str | None, resource: Resource, plan: Plan) -> dict[str, Any]:
    for found in plan.of_type(STORAGE_CLASS):
        if found.inputs["metadata"]["name"] == name and found.provider == resource.provider:
            return dict(found.inputs)
    return {}


def _templates(values: Any) -> Iterator[dict[str, Any]]:
    """Every `volumeClaimTemplate` in a chart's values."""
    if is_map(values):
        for key, value in values.items():
            if key == "volumeClaimTemplate" and is_map(value):
                yield dict(value["spec"])
            else:
                yield from _templates(value)
    elif is_list(values):
        for value in values:
            yield from _templates(value)
