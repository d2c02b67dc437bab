"""Who asks: the subscription, its resource providers, and what the caller may do in it."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

from infra.preflight.answer import Answer, failed, ok
from infra.preflight.azure.client import Azure
from infra.preflight.azure.compute import group_name
from infra.preflight.errors import Absent
from infra.preview import Plan

PROVIDERS, PERMISSIONS = "2021-04-01", "2022-04-01"

NAMESPACES = {
    "applicationinsights": ("Microsoft.Insights",),
    "containerinstance": ("Microsoft.ContainerInstance",),
    "containerregistry": ("Microsoft.ContainerRegistry",),
    "containerservice": ("Microsoft.ContainerService", "Microsoft.Compute"),
    "keyvault": ("Microsoft.KeyVault",),
    "machinelearningservices": ("Microsoft.MachineLearningServices",),
    "managedidentity": ("Microsoft.ManagedIdentity",),
    "monitor": ("Microsoft.Insights",),
    "network": ("Microsoft.Network",),
    "operationalinsights": ("Microsoft.OperationalInsights",),
    "storage": ("Microsoft.Storage",),
}
"""What a module of the provider needs registered; the others always are."""

WRITES = {
    "authorization:RoleAssignment": "Microsoft.Authorization/roleAssignments/write",
    "containerinstance:ContainerGroup": "Microsoft.ContainerInstance/containerGroups/write",
    "containerregistry:Registry": "Microsoft.ContainerRegistry/registries/write",
    "containerservice:ManagedCluster": "Microsoft.ContainerService/managedClusters/write",
    "keyvault:Vault": "Microsoft.KeyVault/vaults/write",
    "machinelearningservices:Workspace": "Microsoft.MachineLearningServices/workspaces/write",
    "managedidentity:UserAssignedIdentity": "Microsoft.ManagedIdentity/userAssignedIdentities/write",
    "network:VirtualNetwork": "Microsoft.Network/virtualNetworks/write",
    "operationalinsights:Workspace": "Microsoft.OperationalInsights/workspaces/write",
    "resources:ResourceGroup": "Microsoft.Resources/subscriptions/resourceGroups/write",
    "storage:StorageAccount": "Microsoft.Storage/storageAccounts/write",
}
"""What makes each type, beside what reads, changes and deletes it."""


def subscription(azure: Azure) -> Iterator[Answer]:
    """Whether the CLI knows the stack's subscription, in its tenant and enabled."""
    found = azure.account()
    said = f"{found['name']}, {found['state'].lower()}, in tenant {found['tenantId']}"
    if found["tenantId"] != azure.tenant:
        yield failed("subscription", f"{said}; the stack's is {azure.tenant}", "correct azure.tenantId")
    elif found["state"] != "Enabled":
        yield failed("subscription", said, "enable it in the portal, or use another")
    else:
        yield ok("subscription", said)


def providers(azure: Azure, plan: Plan) -> Iterator[Answer]:
    """One row: the resource providers that the plan's types belong to are registered."""
    modules = {resource.type.split(":")[1] for resource in plan.resources if resource.package == "azure-native"}
    wanted = sorted({name for module in modules for name in NAMESPACES.get(module, ())})
    listed = azure.get_all("/providers", PROVIDERS)
    registered = {each["namespace"].lower() for each in listed if each["registrationState"] == "Registered"}
    lacking = [name for name in wanted if name.lower() not in registered]
    asked = "resource providers"
    if lacking:
        fix = "; ".join(f"az provider register --wait --namespace {name}" for name in lacking)
        yield failed(asked, f"not registered: {', '.join(lacking)}", fix)
    else:
        yield ok(asked, f"{len(wanted)} registered")


def permissions(azure: Azure, plan: Plan) -> Iterator[Answer]:
    """One row: the caller may make the plan's types, in the stack's resource group or else in the subscription."""
    types = {resource.type.removeprefix("azure-native:") for resource in plan.resources}
    granted = _granted(azure, plan)
    denied = [action for name, action in WRITES.items() if name in types and not _allows(granted, action)]
    if denied:
        fix = "give the caller Contributor, and Role Based Access Control Administrator for role assignments"
        yield failed("permissions", f"not granted: {', '.join(denied)}", fix)
    else:
        yield ok("permissions", f"{len(types & WRITES.keys())} kinds of resources may be made")


def _granted(azure: Azure, plan: Plan) -> Sequence[dict[str, Any]]:
    asked = "/providers/Microsoft.Authorization/permissions"
    try:
        return azure.get_all(f"/resourceGroups/{group_name(plan)}{asked}", PERMISSIONS)
    except Absent:
        return azure.get_all(asked, PERMISSIONS)


def _allows(granted: Sequence[dict[str, Any]], action: str) -> bool:
    """Whether one of the permissions has the action and does not take it away again."""
    return any(_has(each["actions"], action) and not _has(each.get("notActions") or [], action) for each in granted)


def _has(patterns: Sequence[str], action: str) -> bool:
    return any(fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)
