"""The rules for what keeps secrets and lines outside a cluster; each returns what is wrong, or None."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from infra.settings.secrets import ClusterBlock

if TYPE_CHECKING:
    from infra.settings.stack import StackSettings


def secrets_have_a_store(stack: StackSettings) -> str | None:
    """Every cluster can ask somebody for the secrets that settings name."""
    key = next(_naming_secrets(stack), None)
    if key is None or stack.secrets.vault:
        return None
    if stack.existing:
        return (
            f"secrets.vault must be given where {key} and existing are: that cluster has no store of its own; add it "
            f"or remove {key}"
        )
    if stack.aks and not stack.aks.key_vault:
        return f"aks.keyVault must be given where {key} and aks are; add aks.keyVault: {{}} or secrets.vault"
    return None


def lines_have_a_store(stack: StackSettings) -> str | None:
    """A cluster that no cloud of the stack runs keeps its lines where the settings say."""
    logs = stack.monitoring.logs if stack.monitoring else None
    if not (stack.existing and logs and logs.cloud):
        return None
    return (
        "monitoring.logs.cloud must be absent where existing is: no cloud of the stack runs that cluster; set "
        "monitoring.logs.loki"
    )


def _naming_secrets(stack: StackSettings) -> Iterator[str]:
    serving, monitoring = stack.serving, stack.monitoring
    if serving and serving.secrets:
        yield "serving.secrets"
    if serving and serving.gateway and serving.gateway.secrets:
        yield "serving.gateway"
    if monitoring and monitoring.notifications and monitoring.notifications.secrets:
        yield "monitoring.notifications"
    if monitoring and monitoring.logs and monitoring.logs.loki and monitoring.logs.loki.basic_auth:
        yield "monitoring.logs.loki.basicAuth"
    if stack.delivery and stack.delivery.argocd.token:
        yield "delivery.argocd.token"


def vault_tells_clusters_apart(stack: StackSettings) -> str | None:
    """No cluster's accounts pass for another's."""
    if not stack.secrets.vault:
        return None
    names = [block.value for block in ClusterBlock if getattr(stack, block.value)]
    mounts = [stack.secrets.vault.auth_mount(name) for name in names]
    if len(set(mounts)) == len(mounts):
        return None
    return (
        "secrets.vault.authMounts must give each cluster a mount of its own, got "
        f"{', '.join(mounts)} for {', '.join(names)}"
    )


RULES: tuple[Callable[[StackSettings], str | None], ...] = (
    secrets_have_a_store,
    lines_have_a_store,
    vault_tells_clusters_apart,
)
