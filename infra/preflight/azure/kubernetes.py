"""The Kubernetes versions that AKS offers.

https://learn.microsoft.com/rest/api/aks/managed-clusters/list-kubernetes-versions
"""

from collections.abc import Iterator

from infra.preflight.answer import Answer, failed, ok, warning
from infra.preflight.azure.client import Azure
from infra.preview import Plan

VERSION = "2025-05-01"
CLUSTER = "azure-native:containerservice:ManagedCluster"
SUPPORTED = "KubernetesOfficial"


def versions(azure: Azure, plan: Plan, location: str) -> Iterator[Answer]:
    """A row for each cluster's version."""
    path = f"/providers/Microsoft.ContainerService/locations/{location}/kubernetesVersions"
    offered = {each["version"]: each for each in azure.get(path, VERSION)["values"]}
    for cluster in plan.of_type(CLUSTER):
        wanted = cluster.inputs["kubernetesVersion"]
        asked = f"AKS with Kubernetes {wanted}"
        fix = f"set aks.kubernetesVersion to one of {', '.join(sorted(offered, key=_order))}"
        if wanted not in offered:
            yield failed(asked, f"{location} does not offer it", fix)
        elif offered[wanted].get("isPreview"):
            yield warning(asked, "a preview, without support", fix)
        elif SUPPORTED not in offered[wanted]["capabilities"]["supportPlan"]:
            yield failed(asked, "offered with long-term support only", fix)
        else:
            yield ok(asked, "offered")


def _order(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]
