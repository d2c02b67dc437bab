"""Where leftovers are in Azure: in the stack's resource group, in the groups that AKS made, and by tag elsewhere."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from infra.audit.leftover import Cloud, Leftover
from infra.audit.subject import Subject
from infra.preflight.azure.client import Azure
from infra.settings.azure import AzureSettings

RESOURCES = "2021-04-01"  # https://learn.microsoft.com/rest/api/resources/resources/list
VAULTS = "2023-07-01"  # https://learn.microsoft.com/rest/api/keyvault/keyvault/vaults/list-deleted

PULUMI = "made by Pulumi: its deletion failed, or its state was lost"


def cloud(subject: Subject, settings: AzureSettings) -> Cloud:
    """The stack's subscription."""
    azure = Azure(settings.subscription_id, settings.tenant_id)

    def sign_in() -> None:
        azure.account()

    return Cloud(
        name=f"Azure {settings.subscription_id}",
        sign_in=sign_in,
        looks={
            "resource groups": lambda: in_groups(azure, subject),
            "everything with tags": lambda: tagged(azure, subject),
            "deleted key vaults": lambda: deleted_vaults(azure, subject),
        },
    )


def in_groups(azure: Azure, subject: Subject) -> Iterator[Leftover]:
    """The stack's group, those that AKS made for its clusters, and what is in them; raises `Unanswerable`."""
    for group in azure.get_all("/resourcegroups", RESOURCES):
        name, managed_by = group["name"], group.get("managedBy") or ""
        of_cluster = _in_group(managed_by, subject)
        if name.lower() != subject.name.lower() and not of_cluster:
            continue
        reason = f"made by AKS for the nodes of {managed_by.rpartition('/')[2]}" if of_cluster else PULUMI
        remove = f"az group delete --subscription {azure.subscription} --name {name}"
        known_as = frozenset({group["id"]})
        yield Leftover(kind="resource group", name=group["id"], reason=reason, remove=remove, known_as=known_as)
        for each in azure.get_all(f"/resourceGroups/{name}/resources", RESOURCES, expand="createdTime"):
            yield _resource(each, reason)


def tagged(azure: Azure, subject: Subject) -> Iterator[Leftover]:
    """What carries the stack's tags in any group; raises `Unanswerable`."""
    wanted = f"tagName eq 'stack' and tagValue eq '{subject.stack}'"
    for each in azure.get_all("/resources", RESOURCES, filter=wanted, expand="createdTime"):
        if subject.marks(each.get("tags") or {}):
            yield _resource(each, PULUMI)


def deleted_vaults(azure: Azure, subject: Subject) -> Iterator[Leftover]:
    """Key vaults that Azure keeps for a while, with their names; raises `Unanswerable`."""
    for vault in azure.get_all("/providers/Microsoft.KeyVault/deletedVaults", VAULTS):
        properties = vault["properties"]
        if _in_group(properties["vaultId"], subject):
            yield Leftover(
                kind="deleted key vault",
                name=vault["name"],
                reason="kept by Azure so that it can be brought back",
                remove=f"az keyvault purge --name {vault['name']} (refused where purge protection is on)",
                ends=f"purged on {properties['scheduledPurgeDate'][:10]}",
            )


def _in_group(resource_id: str, subject: Subject) -> bool:
    return f"/resourcegroups/{subject.name}/".lower() in resource_id.lower()


def _resource(each: Mapping[str, Any], reason: str) -> Leftover:
    created = each.get("createdTime")
    return Leftover(
        kind=each["type"],
        name=each["id"],
        reason=reason,
        remove=f"az resource delete --ids {each['id']}",
        created=datetime.fromisoformat(created[:19] + "+00:00") if created else None,
        known_as=frozenset({each["id"]}),
    )
