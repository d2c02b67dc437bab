"""What monitoring needs to tell people and to log in elsewhere, copied from its store, never through the stack."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from infra.copied_secrets import CopiedSecretsArgs, copy_secrets, external_secret_spec
from infra.pods.configuration import config_name

STORE = "monitoring"
ALERTMANAGER, LOKI = "alertmanager", "loki"
"""Whom a Secret is for: Alertmanager mounts its own, Fluent Bit and Grafana log in at Loki."""


@dataclass(frozen=True, kw_only=True)
class MonitoringSecretsArgs(CopiedSecretsArgs):
    """`secrets` are their names in `store`, by whom they are for."""

    secrets: Mapping[str, Sequence[str]]


class MonitoringSecrets(pulumi.ComponentResource):
    """A Secret for each reader, whose keys are the secrets' names.

    `up` waits until every secret was found, before Prometheus: an Alertmanager that mounts what is not there never
    starts.
    """

    names: Mapping[str, str]
    """Each reader's Secret; another one whenever other secrets are named, so that `up` waits for those too."""

    def __init__(self, name: str, args: MonitoringSecretsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:monitoring:MonitoringSecrets", name, None, opts)
        kept = {reader: {secret: secret for secret in secrets} for reader, secrets in args.secrets.items()}
        self.names = {reader: config_name(reader, secrets) for reader, secrets in kept.items()}
        specs = {
            f"{name}-{reader}": external_secret_spec(args, STORE, self.names[reader], secrets)
            for reader, secrets in kept.items()
        }
        copy_secrets(self, name, STORE, args, specs)
        self.register_outputs({"names": self.names})
