"""The `access` blocks: which groups of people may look at a namespace, and which may change what runs in it."""

from typing import Annotated

from pydantic import AfterValidator, Field

from infra.settings.model import Settings, distinct

RESERVED_PREFIX = "system:"
"""Kubernetes' own groups: `system:authenticated` is everybody, `system:masters` may do everything."""


def _not_of_kubernetes_itself(name: str) -> str:
    if name.startswith(RESERVED_PREFIX):
        raise ValueError(f"must not begin with {RESERVED_PREFIX}, Kubernetes' own groups; name a group of people")
    return name


GroupName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,127}$"), AfterValidator(_not_of_kubernetes_itself)
]
Groups = Annotated[tuple[GroupName, ...], AfterValidator(distinct)]


class AccessSettings(Settings):
    """Groups of people with rights in a namespace: of `eks.groups`, of `aks.groups`, or an existing cluster's own."""

    viewers: Groups = ()
    """Groups that may see everything but Secrets, logs and metrics included, and change nothing."""
    deployers: Groups = ()
    """Groups that may also update, restart, scale and roll back the Deployments. So they choose what the pods run, and
    reach whatever the pods reach."""

    @property
    def groups(self) -> tuple[str, ...]:
        """All of them, each once."""
        return tuple(dict.fromkeys([*self.viewers, *self.deployers]))
