"""How Argo CD reads a repository that is not public: a token, copied from its store, never through the stack."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from infra.copied_secrets import CopiedSecretsArgs, copy_secrets, external_secret_spec
from infra.settings.delivery import ArgoCdSettings

STORE = "delivery"
LABELS = {"argocd.argoproj.io/secret-type": "repository"}
"""What Argo CD finds its repositories' secrets by."""


@dataclass(frozen=True, kw_only=True)
class CredentialsArgs(CopiedSecretsArgs):
    """`token` is the secret's name in `store`; the copy is named after `workload`, the namespace that is kept."""

    settings: ArgoCdSettings
    token: str
    workload: str


class Credentials(pulumi.ComponentResource):
    """A Secret with the repository's address, a user and the token; `up` waits until the token was found."""

    def __init__(self, name: str, args: CredentialsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:delivery:Credentials", name, None, opts)
        copy_secrets(self, name, STORE, args, {name: credentials_spec(args)})
        self.register_outputs({"workload": args.workload})


def credentials_spec(args: CredentialsArgs) -> Mapping[str, Any]:
    """https://argo-cd.readthedocs.io/en/release-3.5/operator-manual/declarative-setup/#repositories."""
    spec = external_secret_spec(args, STORE, f"{args.workload}-repository", {"password": args.token})
    kept = {
        "type": "oci" if args.settings.is_artefact else "git",
        "url": args.settings.repository,
        "username": args.settings.user,
        "password": "{{ .password }}",
    }
    template = {"metadata": {"labels": LABELS}, "data": kept}
    return spec | {"target": spec["target"] | {"template": template}}
