"""How people and programs reach an AKS cluster: without credentials, by the Entra login they already have."""

import base64
import binascii
from typing import Any

import pulumi
import yaml

# The application that every AKS cluster's API is, in every tenant
# (https://azure.github.io/kubelogin/concepts/aks.html).
AKS_SERVER_ID = "6dae42f8-4368-4678-94ff-3960e28e3630"


def kubeconfig(
    name: str, tenant_id: str, server: pulumi.Input[str], certificate_authority: pulumi.Input[str]
) -> pulumi.Output[str]:
    """A kubeconfig that is the same text at every run: `kubelogin` asks the Azure CLI for a token when it is used."""
    return pulumi.Output.json_dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": name, "cluster": {"server": server, "certificate-authority-data": certificate_authority}}
            ],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
            "users": [{"name": name, "user": {"exec": token_command(tenant_id)}}],
        }
    )


def token_command(tenant_id: str) -> dict[str, object]:
    """The exec plugin; AAD_LOGIN_METHOD chooses another login, as in CI (https://azure.github.io/kubelogin/cli/get-token.html)."""
    return {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "kubelogin",
        "args": ["get-token", "--login", "azurecli", "--server-id", AKS_SERVER_ID, "--tenant-id", tenant_id],
        "interactiveMode": "Never",
    }


def certificate_authority(encoded: str) -> str:
    """The API's certificate authority, PEM in base64, from the kubeconfig in base64 that Azure hands out.

    A placeholder of a preview, `${...}`, stays as it is. Raises `pulumi.RunError` for anything else.
    """
    if encoded.startswith("${"):
        return encoded
    try:
        document: Any = yaml.safe_load(base64.b64decode(encoded, validate=True))
        return str(document["clusters"][0]["cluster"]["certificate-authority-data"])
    except (binascii.Error, yaml.YAMLError, KeyError, IndexError, TypeError) as error:
        raise pulumi.RunError(
            "Azure's kubeconfig of the cluster names no certificate authority; is it ready?"
        ) from error
