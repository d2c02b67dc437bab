"""The `secrets` block, and how settings name secrets: never by their values."""

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from inference_app.contract import Env
from infra.settings.model import Settings, unit

SECRET_VARIABLES = (Env.ADMIN_TOKEN, Env.API_KEYS, Env.RESULT_CACHE_PASSWORD)
"""The server's own settings that are secrets; the stack sets the others, and a secret must not take their place."""

UNSHOWN = "unshown"
"""Type of a mistake whose message leaves the value out: somebody may have put a secret where its name belongs."""


def unshown(fits: Callable[[object], bool], rule: str) -> BeforeValidator:
    """Refuses what does not fit with `rule` alone, so that the value is printed nowhere."""

    def check(value: object) -> object:
        if not fits(value):
            raise PydanticCustomError(UNSHOWN, "{rule}", {"rule": rule})
        return value

    return BeforeValidator(check)


def _text(pattern: str) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def is_map(value: object) -> bool:
    """Whether a value of the file is a block of names."""
    return isinstance(value, dict)


def _no_other_setting(variable: str) -> str:
    if variable in tuple(Env) and variable not in SECRET_VARIABLES:
        raise ValueError(f"must be {', '.join(SECRET_VARIABLES)} or a name of your own: the stack sets the server's")
    return variable


VariableName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,62}$"), AfterValidator(_no_other_setting)]

# What Key Vault takes (https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#vault-name-and-object-name),
# and Secrets Manager and Vault do too; in lower case, since Key Vault tells no case apart and the others do.
SecretName = Annotated[
    str,
    unshown(
        _text(r"[a-z0-9]([-a-z0-9]{0,125}[a-z0-9])?"),
        "must be the name of a secret in the store: at most 127 lower-case letters, digits and hyphens",
    ),
]

SecretVariables = Annotated[
    dict[VariableName, SecretName],
    Field(default_factory=dict),
    unshown(is_map, "must be variables, each with the name of a secret, as {ADMIN_TOKEN: model-server-admin-token}"),
]


class ClusterBlock(StrEnum):
    """The blocks of a stack file that are clusters."""

    EKS = "eks"
    AKS = "aks"
    EXISTING = "existing"


# Mounts, roles and namespaces are path segments of Vault's API.
VaultPath = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$")]

PEM = r"-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+\n-----END CERTIFICATE-----"


class VaultSettings(Settings):
    """A HashiCorp Vault that trusts the clusters' service accounts; the value is at the key `value` of each secret."""

    server: Annotated[
        str, unshown(_text(r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?"), "must be as https://vault.example.com:8200")
    ]
    """Its address, as `https://vault.example.com:8200`."""
    role: VaultPath
    """Role of Kubernetes auth, bound to account `external-secrets` of namespace `model-server-secrets`, of
    `monitoring-secrets` where `monitoring.notifications` name secrets, and of `argocd-secrets` where
    `delivery.argocd.token` does."""
    path: VaultPath = "secret"
    """Where the key-value engine, version 2, is mounted."""
    auth_mounts: Annotated[dict[ClusterBlock, VaultPath], Field(default_factory=dict)]
    """Where Kubernetes auth is mounted, by the block of the cluster; absent means `kubernetes`."""
    namespace: VaultPath | None = None
    """Vault's own namespace; absent where it has none."""
    ca: Annotated[str, unshown(_text(f"({PEM}\n*)+"), "must be certificates in PEM")] | None = None
    """Certificates, PEM, that its own is signed with; absent means a public authority's."""

    def auth_mount(self, cluster: str) -> str:
        """Where Vault keeps Kubernetes auth for the cluster of that name."""
        return self.auth_mounts.get(ClusterBlock(cluster), "kubernetes")


class SecretSettings(Settings):
    """Where the values are that settings name; without `vault`, in the store of each cluster's cloud."""

    refresh_minutes: Annotated[int, Field(ge=1, le=1440), unit("minutes")] = 60
    """How old a copy in a cluster may be; each refresh reads every secret. Running pods keep what they began with."""
    vault: VaultSettings | None = None
    """HashiCorp Vault, for all clusters of the stack; a cluster of `existing` has no other store."""
