"""How people and the program reach the cluster."""

import pulumi

from infra.clusters.eks.context import EksContext


def kubeconfig(
    context: EksContext, endpoint: pulumi.Input[str], certificate_authority: pulumi.Input[str]
) -> pulumi.Output[str]:
    """A kubeconfig without credentials, the same text at every run: the AWS CLI fetches a token when it is used."""
    return pulumi.Output.json_dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": context.name,
                    "cluster": {"server": endpoint, "certificate-authority-data": certificate_authority},
                }
            ],
            "contexts": [{"name": context.name, "context": {"cluster": context.name, "user": context.name}}],
            "current-context": context.name,
            "users": [{"name": context.name, "user": {"exec": _token_command(context)}}],
        }
    )


def _token_command(context: EksContext) -> dict[str, object]:
    arguments = ["eks", "get-token", "--cluster-name", context.name, "--region", context.aws.region]
    return {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "aws",
        "args": arguments,
        "interactiveMode": "Never",
    }
