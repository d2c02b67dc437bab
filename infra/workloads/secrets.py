"""Who brings secrets to a cluster's model server and its gateway, and from where."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from infra.addons import external_secrets
from infra.addons.external_secrets import ExternalSecrets, ExternalSecretsArgs
from infra.clusters.cluster import SecretStore
from infra.serving.gateway.secrets import GatewaySecrets, GatewaySecretsArgs
from infra.serving.secrets import ServerSecrets, ServerSecretsArgs, store_for
from infra.settings.gateway import GatewaySettings
from infra.settings.serving import ServingSettings
from infra.workloads.place import Place


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """An operator in one namespace, and the store that it asks."""

    place: Place
    namespace: str
    store: SecretStore
    operator: ExternalSecrets

    def server(self, serving: ServingSettings) -> ServerSecrets:
        """The server's variables whose values are secrets."""
        args = ServerSecretsArgs(
            namespace=self.namespace,
            secrets=serving.secrets,
            store=self.store,
            controller_class=self.operator.controller_class,
            refresh_minutes=self.place.settings.secrets.refresh_minutes,
        )
        return ServerSecrets(self.place.name("model-server-secrets"), args, self.place.on(self.operator))

    def gateway(self, gateway: GatewaySettings) -> GatewaySecrets:
        """Clients' keys, and a certificate that is kept in the store."""
        args = GatewaySecretsArgs(
            settings=gateway,
            namespace=self.namespace,
            store=self.store,
            controller_class=self.operator.controller_class,
            refresh_minutes=self.place.settings.secrets.refresh_minutes,
        )
        return GatewaySecrets(self.place.name("gateway-secrets"), args, self.place.on(self.operator))


def secrets_of(place: Place, serving: ServingSettings, namespace: pulumi.Resource) -> Secrets | None:
    """What brings the secrets that the settings name; None where they name none."""
    names: Sequence[str] = [*serving.secrets.values(), *(serving.gateway.secrets if serving.gateway else ())]
    if not names:
        return None
    store = store_for(place.cluster, place.settings.secrets.vault, external_secrets.ACCOUNT, names)
    args = ExternalSecretsArgs(
        namespace=serving.namespace,
        identity=store.identity,
        definitions=not place.cluster.has_external_secrets,
        chart_mirror=place.mirror,
        after=[namespace],
    )
    operator = ExternalSecrets(place.name("external-secrets"), args, place.on())
    return Secrets(place=place, namespace=serving.namespace, store=store, operator=operator)
