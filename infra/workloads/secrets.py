"""Who brings secrets to a cluster's model server, its gateway and Alertmanager, and from where."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

import pulumi

from infra.addons.external_secrets import DELIVERY, MODEL_SERVER, MONITORING, ExternalSecrets, ExternalSecretsArgs
from infra.clusters.cluster import SecretStore, ServiceAccount
from infra.copied_secrets import store_for
from infra.delivery.credentials import Credentials, CredentialsArgs
from infra.monitoring.namespace import NAMESPACE, MonitoringNamespace
from infra.monitoring.secrets import ALERTMANAGER, LOKI, MonitoringSecrets, MonitoringSecretsArgs
from infra.serving.gateway.secrets import GatewaySecrets, GatewaySecretsArgs
from infra.serving.secrets import ServerSecrets, ServerSecretsArgs
from infra.settings.delivery import ArgoCdSettings
from infra.settings.gateway import GatewaySettings
from infra.settings.monitoring import MonitoringSettings
from infra.settings.serving import ServingSettings
from infra.workloads.place import Place

_PREFIXES = {MONITORING.namespace: f"{NAMESPACE}-", DELIVERY.namespace: "delivery-"}
"""Of the logical names of what each operator takes; the model server's, the oldest, has none."""


class _Copied(TypedDict):
    """What all copies of an operator have in common."""

    namespace: str
    store: SecretStore
    controller_class: str
    refresh_minutes: int


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """An operator in one namespace, and the store that it asks."""

    place: Place
    namespace: str
    store: SecretStore
    operator: ExternalSecrets

    def server(self, serving: ServingSettings) -> ServerSecrets:
        """The server's variables whose values are secrets."""
        args = ServerSecretsArgs(secrets=serving.secrets, **self.copied)
        return ServerSecrets(self.place.name("model-server-secrets"), args, self.place.on(self.operator))

    def gateway(self, gateway: GatewaySettings) -> GatewaySecrets:
        """Clients' keys, and a certificate that is kept in the store."""
        args = GatewaySecretsArgs(settings=gateway, **self.copied)
        return GatewaySecrets(self.place.name("gateway-secrets"), args, self.place.on(self.operator))

    def monitoring(self, secrets: Mapping[str, Sequence[str]]) -> MonitoringSecrets:
        """What Alertmanager mounts, and Loki's password; names by whom they are for."""
        args = MonitoringSecretsArgs(secrets=secrets, **self.copied)
        return MonitoringSecrets(self.place.name("monitoring-secrets"), args, self.place.on(self.operator))

    @property
    def copied(self) -> _Copied:
        """What every copy is made with."""
        return {
            "namespace": self.namespace,
            "store": self.store,
            "controller_class": self.operator.controller_class,
            "refresh_minutes": self.place.settings.secrets.refresh_minutes,
        }


def secrets_of(place: Place, serving: ServingSettings, namespace: pulumi.Resource) -> Secrets | None:
    """What brings the secrets that the settings name; None where they name none."""
    names = [*serving.secrets.values(), *(serving.gateway.secrets if serving.gateway else ())]
    return _into(place, serving.namespace, [namespace], MODEL_SERVER, names) if names else None


def monitoring_secrets(
    place: Place, settings: MonitoringSettings, namespace: MonitoringNamespace
) -> MonitoringSecrets | None:
    """What brings the secrets that the settings name; None where they name none."""
    login = settings.logs.loki.basic_auth if settings.logs and settings.logs.loki else None
    told = settings.notifications.secrets if settings.notifications else ()
    names = {ALERTMANAGER: told, LOKI: (login.password,) if login else ()}
    secrets = {reader: found for reader, found in names.items() if found}
    if not secrets:
        return None
    every = [name for found in secrets.values() for name in found]
    return _into(place, NAMESPACE, [namespace], MONITORING, every).monitoring(secrets)


def repository_credentials(
    place: Place,
    settings: ArgoCdSettings,
    token: str,
    namespace: str,
    workload: str,
    made: Sequence[pulumi.Resource],
) -> Credentials:
    """What Argo CD in `namespace`, which `made` brings, reads the manifests of `workload` with."""
    found = _into(place, namespace, made, DELIVERY, [token])
    args = CredentialsArgs(settings=settings, token=token, workload=workload, **found.copied)
    return Credentials(place.name("delivery-credentials"), args, place.on(found.operator))


def _into(
    place: Place, namespace: str, made: Sequence[pulumi.Resource], account: ServiceAccount, names: Sequence[str]
) -> Secrets:
    """An operator for the namespace that `made` brings, which runs as `account` and may read those secrets."""
    prefix = _PREFIXES.get(account.namespace, "")
    store = store_for(place.name(f"{prefix}secrets"), place.cluster, place.settings.secrets.vault, account, names)
    args = ExternalSecretsArgs(
        namespace=namespace,
        account=account,
        identity=store.identity,
        chart_mirror=place.mirror,
        after=[*made, *place.secret_definitions],
    )
    operator = ExternalSecrets(place.name(f"{prefix}external-secrets"), args, place.on())
    return Secrets(place=place, namespace=namespace, store=store, operator=operator)
