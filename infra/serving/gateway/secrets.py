"""The gateway's secrets, clients' keys and the certificate: copied from their store, never through the stack."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from infra.clusters.cluster import SecretStore
from infra.serving.secrets import SYNC_TIMEOUT, ServerSecretsArgs, external_secret_spec, store_spec
from infra.settings.gateway import GatewaySettings

STORE = "gateway"
KEYS_SECRET, TLS_SECRET = "gateway-api-keys", "gateway-tls"


@dataclass(frozen=True, kw_only=True)
class GatewaySecretsArgs:
    """`store` is where the secrets that `settings` name are; the operator is the one of `controller_class`."""

    settings: GatewaySettings
    namespace: str
    store: SecretStore
    controller_class: str
    refresh_minutes: int


class GatewaySecrets(pulumi.ComponentResource):
    """Secrets that External Secrets keeps up to date: a key or a certificate that changes is taken over in time.

    Whoever depends on it finds every one of them there.
    """

    def __init__(self, name: str, args: GatewaySecretsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:serving:GatewaySecrets", name, None, opts)
        store = kubernetes.apiextensions.CustomResource(
            name,
            api_version="external-secrets.io/v1",
            kind="SecretStore",
            metadata={"name": STORE, "namespace": args.namespace},
            spec=store_spec(args.store, args.controller_class),
            opts=pulumi.ResourceOptions(parent=self),
        )
        specs = secret_specs(args)
        for target, spec in specs.items():
            kubernetes.apiextensions.CustomResource(
                f"{name}-{target}",
                api_version="external-secrets.io/v1",
                kind="ExternalSecret",
                metadata={
                    "name": target,
                    "namespace": args.namespace,
                    "annotations": {"pulumi.com/waitFor": "condition=Ready"},
                },
                spec=spec,
                opts=pulumi.ResourceOptions(
                    parent=self,
                    depends_on=[store],
                    custom_timeouts=pulumi.CustomTimeouts(create=SYNC_TIMEOUT, update=SYNC_TIMEOUT),
                ),
            )
        self.register_outputs({"secretNames": list(specs)})


def secret_specs(args: GatewaySecretsArgs) -> Mapping[str, Mapping[str, Any]]:
    """What is copied, by the Secret that it goes to."""
    keys = args.settings.authentication.api_keys if args.settings.authentication else None
    stored = args.settings.tls.stored
    specs: dict[str, Mapping[str, Any]] = {}
    if keys:
        specs[KEYS_SECRET] = _spec(args, KEYS_SECRET, keys)
    if stored:
        spec = _spec(args, TLS_SECRET, {"tls.crt": stored.certificate, "tls.key": stored.key})
        specs[TLS_SECRET] = {**spec, "target": {**spec["target"], "template": {"type": "kubernetes.io/tls"}}}
    return specs


def _spec(args: GatewaySecretsArgs, target: str, names: Mapping[str, str]) -> dict[str, Any]:
    """As the server's own secrets, but from the gateway's store."""
    copied = ServerSecretsArgs(
        namespace=args.namespace,
        secrets=names,
        store=args.store,
        controller_class=args.controller_class,
        refresh_minutes=args.refresh_minutes,
    )
    spec = external_secret_spec(copied, target)
    return {**spec, "secretStoreRef": {**spec["secretStoreRef"], "name": STORE}}
