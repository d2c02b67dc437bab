"""The model server's secrets: copied into its namespace from where they are kept, never through the stack."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from infra.copied_secrets import CopiedSecretsArgs, copy_secrets, external_secret_spec
from infra.pods.configuration import config_name

STORE = "model-server"


@dataclass(frozen=True, kw_only=True)
class ServerSecretsArgs(CopiedSecretsArgs):
    """`secrets` has the names in `store` by the server's variables."""

    secrets: Mapping[str, str]


class ServerSecrets(pulumi.ComponentResource):
    """A Secret with the server's variables, kept up to date by External Secrets, and gone with the stack.

    Pods take it with `env_from`, after this component: `up` waits until every secret was found, and says which was not.
    """

    secret_name: str
    """The Secret's name; another one whenever the variables or the names behind them change, so that pods follow."""

    def __init__(self, name: str, args: ServerSecretsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:serving:ServerSecrets", name, None, opts)
        self.secret_name = config_name("model-server", args.secrets)
        copy_secrets(self, name, STORE, args, {name: external_secret_spec(args, STORE, self.secret_name, args.secrets)})
        self.register_outputs({"secretName": self.secret_name})
