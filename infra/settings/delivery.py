"""The `delivery` block: who makes what serves the model on every cluster of the stack."""

import re
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from infra.settings.model import DnsLabel, Settings
from infra.settings.secrets import SecretName, unshown


class Owner(StrEnum):
    """Who makes the Deployments, the Services and all that belongs to them."""

    PROGRAM = "program"
    """`up`; what it made stays when somebody else takes over."""
    ARGOCD = "argocd"
    """Argo CD, out of a repository; the stack has none of these objects."""


# Argo CD takes no folder outside of what it fetched.
_PATH = r"^(\.|[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*)$"
_REPOSITORY = r"(https|oci)://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)+"
_FORMS = "as https://git.example.com/ml/manifests.git or oci://registry.example.com/ml/manifests"


def _is_repository(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(_REPOSITORY, value) is not None


class ArgoCdSettings(Settings):
    """Argo CD on each cluster, which keeps the cluster as the repository says."""

    repository: Annotated[str, unshown(_is_repository, f"must be {_FORMS}, without a user or a password")]
    """What holds the manifests: a git repository, `https://git.example.com/ml/manifests.git`, or an OCI artefact,
    `oci://registry.example.com/ml/manifests`."""
    revision: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$")] = "main"
    """Branch of a git repository, or tag of an OCI artefact."""
    path: Annotated[str, Field(pattern=_PATH)] = "."
    """Folder there; each cluster has its own below it, named as the cluster's block, as `eks`."""
    token: SecretName | None = None
    """Name of the secret, in the store of `secrets`, that reads the repository; absent for a public one."""
    user: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$")] = "git"
    """User name that goes with `token`; hosts of git that know a token by itself take any."""
    namespace: DnsLabel | None = None
    """Namespace of an Argo CD that the clusters have already; absent installs one."""

    @property
    def is_artefact(self) -> bool:
        """Whether the manifests are an OCI artefact."""
        return self.repository.startswith("oci://")


class DeliverySettings(Settings):
    """Another owner for what serves the model; the stack keeps the ground that it stands on."""

    owner: Owner = Owner.PROGRAM
    """`argocd` leaves the workload to Argo CD. `program` makes all ready for that, so that a stack that runs can change
    its owner without a pause (docs/delivery.md)."""
    argocd: ArgoCdSettings
    """Argo CD, and where it finds the manifests."""

    @property
    def is_elsewhere(self) -> bool:
        """Whether somebody else than the program makes the workload."""
        return self.owner is not Owner.PROGRAM
