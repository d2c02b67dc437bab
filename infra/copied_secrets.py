"""Secrets of the cluster's pods: copied from where they are kept by External Secrets, never through the stack."""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from infra.clusters.cluster import Cluster, SecretStore, ServiceAccount
from infra.settings import SettingsError
from infra.settings.secrets import VaultSettings

VALUE_KEY = "value"
"""Where a secret of HashiCorp Vault, which is a map, has its value."""

# Azure takes up to ten minutes until an identity may use a role that it was given
# (https://learn.microsoft.com/azure/role-based-access-control/troubleshooting#symptom---role-assignment-changes-are-not-being-detected).
SYNC_TIMEOUT = "15m"


@dataclass(frozen=True, kw_only=True)
class CopiedSecretsArgs:
    """What is copied out of `store` into `namespace`, by the operator of `controller_class`."""

    namespace: str
    store: SecretStore
    controller_class: str
    refresh_minutes: int


def copy_secrets(
    parent: pulumi.Resource, name: str, store_name: str, args: CopiedSecretsArgs, specs: Mapping[str, Mapping[str, Any]]
) -> None:
    """A SecretStore, and an ExternalSecret for each of `specs`, by logical name; whoever waits for them finds them."""
    store = kubernetes.apiextensions.CustomResource(
        name,
        api_version="external-secrets.io/v1",
        kind="SecretStore",
        metadata={"name": store_name, "namespace": args.namespace},
        spec=store_spec(args.store, args.controller_class),
        opts=pulumi.ResourceOptions(parent=parent),
    )
    opts = pulumi.ResourceOptions(
        parent=parent,
        depends_on=[store],
        custom_timeouts=pulumi.CustomTimeouts(create=SYNC_TIMEOUT, update=SYNC_TIMEOUT),
    )
    for logical_name, spec in specs.items():
        kubernetes.apiextensions.CustomResource(
            logical_name,
            api_version="external-secrets.io/v1",
            kind="ExternalSecret",
            metadata={
                "name": spec["target"]["name"],
                "namespace": args.namespace,
                "annotations": {"pulumi.com/waitFor": "condition=Ready"},
            },
            spec=spec,
            opts=opts,
        )


def store_spec(store: SecretStore, controller_class: str) -> dict[str, Any]:
    """Where the secrets are (https://external-secrets.io/latest/api/secretstore/)."""
    return {"controller": controller_class, "provider": store.provider}


def external_secret_spec(
    args: CopiedSecretsArgs, store_name: str, target: str, names: Mapping[str, str]
) -> dict[str, Any]:
    """What is copied, `names` in the store by keys of the Secret `target` (https://external-secrets.io/latest/api/externalsecret/)."""
    key = {"property": args.store.value_key} if args.store.value_key else {}
    return {
        "refreshInterval": f"{args.refresh_minutes}m",
        "secretStoreRef": {"kind": "SecretStore", "name": store_name},
        # Deleted with the ExternalSecret, but not with what it was copied from: pods that restart still find it.
        "target": {"name": target, "creationPolicy": "Owner", "deletionPolicy": "Retain"},
        "data": [{"secretKey": kept, "remoteRef": {"key": name, **key}} for kept, name in sorted(names.items())],
    }


def store_for(
    name: str, cluster: Cluster, vault: VaultSettings | None, reader: ServiceAccount, names: Iterable[str]
) -> SecretStore:
    """Where the secrets of those names are, which `reader` may read: in the Vault, or in the cluster's own cloud.

    `name` is the logical name of what that takes. Raises SettingsError where there is neither.
    """
    if vault:
        return vault_store(vault, cluster.name)
    store = cluster.secret_store(name, reader, sorted(set(names)))
    if store is None:
        raise SettingsError(
            "secrets.vault must be given where serving.secrets, serving.gateway or monitoring name secrets and "
            f"{cluster.name} has no store of its own; add it, or aks.keyVault on aks"
        )
    return store


def vault_store(settings: VaultSettings, cluster: str) -> SecretStore:
    """HashiCorp Vault, asked with the token of the operator's own account, which the cluster vouches for.

    https://external-secrets.io/latest/provider/hashicorp-vault/#kubernetes-authentication
    """
    vault: dict[str, Any] = {
        "server": settings.server,
        "path": settings.path,
        "version": "v2",
        "auth": {"kubernetes": {"mountPath": settings.auth_mount(cluster), "role": settings.role}},
    }
    if settings.namespace:
        vault["namespace"] = settings.namespace
    if settings.ca:
        vault["caBundle"] = base64.b64encode(settings.ca.encode()).decode()
    return SecretStore(provider={"vault": vault}, value_key=VALUE_KEY)
