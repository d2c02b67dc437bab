"""The gateway's secrets, clients' keys and the certificate: copied from their store, never through the stack."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from infra.copied_secrets import CopiedSecretsArgs, copy_secrets, external_secret_spec
from infra.settings.gateway import GatewaySettings

STORE = "gateway"
KEYS_SECRET, TLS_SECRET = "gateway-api-keys", "gateway-tls"


@dataclass(frozen=True, kw_only=True)
class GatewaySecretsArgs(CopiedSecretsArgs):
    """`settings` name the secrets in `store`."""

    settings: GatewaySettings


class GatewaySecrets(pulumi.ComponentResource):
    """Secrets that External Secrets keeps up to date: a key or a certificate that changes is taken over in time.

    Whoever depends on it finds every one of them there.
    """

    def __init__(self, name: str, args: GatewaySecretsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:serving:GatewaySecrets", name, None, opts)
        specs = secret_specs(args)
        copy_secrets(self, name, STORE, args, {f"{name}-{target}": spec for target, spec in specs.items()})
        self.register_outputs({"secretNames": list(specs)})


def secret_specs(args: GatewaySecretsArgs) -> Mapping[str, Mapping[str, Any]]:
    """What is copied, by the Secret that it goes to."""
    keys = args.settings.authentication.api_keys if args.settings.authentication else None
    stored = args.settings.tls.stored
    specs: dict[str, Mapping[str, Any]] = {}
    if keys:
        specs[KEYS_SECRET] = external_secret_spec(args, STORE, KEYS_SECRET, keys)
    if stored:
        names = {"tls.crt": stored.certificate, "tls.key": stored.key}
        spec = external_secret_spec(args, STORE, TLS_SECRET, names)
        specs[TLS_SECRET] = {**spec, "target": {**spec["target"], "template": {"type": "kubernetes.io/tls"}}}
    return specs
