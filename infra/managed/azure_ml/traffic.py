"""How an endpoint's requests are shared out, once its deployments are there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_azure_native as azure
from pulumi_azure_native.machinelearningservices import EndpointAuthMode, OnlineEndpointPropertiesArgsDict

from infra.managed.azure_ml.workspace import public_network_access
from infra.settings.azure_ml import AzureMlSettings, Compute

API_VERSION = "2025-12-01"
"""The version of the REST API that the SDK's own endpoint speaks."""

_SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"


@dataclass(frozen=True, kw_only=True)
class TrafficArgs:
    """`endpoint` was made with the identity `identity_id`; `tags` are all of the endpoint's.

    `compute_id` is the cluster it is on; None means managed machines.
    """

    settings: AzureMlSettings
    endpoint: azure.machinelearningservices.OnlineEndpoint
    workspace_name: pulumi.Input[str]
    identity_id: pulumi.Input[str]
    resource_group_name: pulumi.Input[str]
    tags: Mapping[str, str]
    compute_id: pulumi.Input[str] | None


def set_traffic(name: str, args: TrafficArgs, opts: pulumi.ResourceOptions | None = None) -> azure.resources.Deployment:
    """Put the endpoint's whole state, shares included, by a template of Azure's resource manager.

    An endpoint cannot name deployments that do not exist yet, and they need the endpoint: so it is made without
    shares, and this, which waits for the deployments, is what states and later changes it.
    """
    return azure.resources.Deployment(
        name,
        resource_group_name=args.resource_group_name,
        properties={"mode": azure.resources.DeploymentMode.INCREMENTAL, "template": template(args)},
        opts=opts,
    )


def template(args: TrafficArgs) -> dict[str, Any]:
    """The template, with the endpoint as its only resource.

    https://learn.microsoft.com/azure/templates/microsoft.machinelearningservices/workspaces/onlineendpoints
    """
    identities = pulumi.Output.from_input(args.identity_id).apply(lambda id_: {id_: dict[str, str]()})
    endpoint = {
        "type": "Microsoft.MachineLearningServices/workspaces/onlineEndpoints",
        "apiVersion": API_VERSION,
        "name": pulumi.Output.concat(args.workspace_name, "/", args.endpoint.name),
        "location": args.endpoint.location,
        "tags": args.tags,
        "identity": {"type": "UserAssigned", "userAssignedIdentities": identities},
        "properties": {
            "authMode": auth_mode(args.settings).value,
            **place(args),
            "traffic": shares(args.settings),
        },
    }
    return {"$schema": _SCHEMA, "contentVersion": "1.0.0.0", "resources": [endpoint]}


def place(args: TrafficArgs) -> dict[str, pulumi.Input[str]]:
    """The cluster that the endpoint is on; for managed machines, whether it answers on the internet."""
    if args.compute_id is not None:
        return {"compute": args.compute_id}
    return {"publicNetworkAccess": public_network_access(args.settings).value}


def shares(settings: AzureMlSettings) -> dict[str, int]:
    """Percent of the requests, by deployment."""
    return {name: deployment.percent for name, deployment in settings.deployments.items()}


def first_properties(
    settings: AzureMlSettings, compute_id: pulumi.Input[str] | None
) -> OnlineEndpointPropertiesArgsDict:
    """What the endpoint is made with: no shares yet, and tokens instead of keys."""
    if compute_id is not None:
        return {"auth_mode": auth_mode(settings), "compute": compute_id}
    return {"auth_mode": auth_mode(settings), "public_network_access": public_network_access(settings)}


def auth_mode(settings: AzureMlSettings) -> EndpointAuthMode:
    """Tokens of Microsoft Entra; on a cluster Azure ML's own, which callers get from the endpoint's API.

    https://learn.microsoft.com/azure/machine-learning/how-to-authenticate-online-endpoint
    """
    return EndpointAuthMode.AML_TOKEN if settings.compute is Compute.AKS else EndpointAuthMode.AAD_TOKEN
