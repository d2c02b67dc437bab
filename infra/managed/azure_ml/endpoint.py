"""The online endpoint: workspace, identity, deployments, shares of traffic, logs and alarms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_azure_native as azure
from pulumi_azure_native.machinelearningservices import ManagedServiceIdentityType

from infra.clouds.azure.identity import BuiltInRole, role_assignment
from infra.endpoint import Endpoint, EndpointKind
from infra.managed.azure_ml.attached_cluster import AttachableCluster, AttachedCluster, AttachedClusterArgs
from infra.managed.azure_ml.deployment import MlDeployment, MlDeploymentArgs, scoring_path
from infra.managed.azure_ml.traffic import TrafficArgs, first_properties, set_traffic
from infra.managed.azure_ml.workspace import MlWorkspace, MlWorkspaceArgs
from infra.managed.azure_monitor import endpoint_alarms, metric_alert
from infra.settings.azure_ml import AzureMlSettings, Compute
from infra.settings.monitoring import ObjectiveSettings
from infra.settings.served import ModelSettings

# The traffic log is left out: it grows with every request. Categories:
# https://learn.microsoft.com/azure/azure-monitor/reference/supported-logs/microsoft-machinelearningservices-workspaces-onlineendpoints-logs
LOGS = ("AmlOnlineEndpointConsoleLog", "AmlOnlineEndpointEventLog")


@dataclass(frozen=True, kw_only=True)
class AzureMlArgs:
    """`image` lies in the registry `registry_id`; `tags` are the stack's.

    `objectives` adds the alarms, which go to `alarm_group_id`; `cluster` is where the servers run, if the settings
    want it, and runs a Prometheus operator, one of `after`, if there are objectives.
    """

    settings: AzureMlSettings
    model: ModelSettings
    image: pulumi.Input[str]
    resource_group_name: pulumi.Input[str]
    subscription_id: str
    tenant_id: str
    registry_id: pulumi.Input[str]
    tags: Mapping[str, str]
    objectives: ObjectiveSettings | None = None
    alarm_group_id: pulumi.Input[str] | None = None
    cluster: AttachableCluster | None = None
    after: Sequence[pulumi.Resource] = ()


class AzureMl(pulumi.ComponentResource):
    """An online endpoint whose callers bring a token: of Microsoft Entra, or Azure ML's own on a cluster.

    https://learn.microsoft.com/azure/machine-learning/concept-endpoints-online-auth
    """

    endpoints: Mapping[str, Endpoint]

    def __init__(self, name: str, args: AzureMlArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:managed:AzureMl", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self._workspace = MlWorkspace(
            name,
            MlWorkspaceArgs(
                settings=args.settings,
                resource_group_name=args.resource_group_name,
                tenant_id=args.tenant_id,
                registry_id=args.registry_id,
            ),
            self._child,
        )
        identity = self._identity()
        self._compute_id = self._attach(identity)
        self._endpoint = self._make_endpoint(identity)
        self._serve(identity)
        if self._compute_id is None:
            self._watch()
        path = scoring_path(args.model)
        # The engine's first preview has no address, and does not say either that there will be one.
        address = self._endpoint.properties.apply(lambda made: scoring_address(made.scoring_uri or "", path))
        self.endpoints = {
            name: Endpoint(
                kind=EndpointKind.AZURE_ML,
                address=address,
                model=args.model.name,
                resource_id=self._endpoint.id if self._compute_id else None,
            )
        }
        self.register_outputs({"address": address})

    def _identity(self) -> azure.managedidentity.UserAssignedIdentity:
        return azure.managedidentity.UserAssignedIdentity(
            f"{self._name}-identity", resource_group_name=self._args.resource_group_name, opts=self._child
        )

    def _attach(self, identity: azure.managedidentity.UserAssignedIdentity) -> pulumi.Output[str] | None:
        args = self._args
        if args.settings.compute is not Compute.AKS:
            return None
        if args.cluster is None:
            raise pulumi.RunError("Azure ML is to run on the stack's AKS, of which there is none")
        attached = AttachedClusterArgs(
            cluster=args.cluster,
            resources=args.settings.resources,
            tls=args.settings.tls,
            workspace=self._workspace.workspace,
            identity_id=identity.id,
            resource_group_name=args.resource_group_name,
            subscription_id=args.subscription_id,
            has_prometheus=args.objectives is not None,
            after=args.after,
        )
        return AttachedCluster(f"{self._name}-cluster", attached, self._child).compute_id

    def _roles(self, identity: azure.managedidentity.UserAssignedIdentity) -> list[pulumi.Resource]:
        """What Azure, as the endpoint, needs to start its servers.

        https://learn.microsoft.com/azure/machine-learning/how-to-access-resources-from-endpoints-managed-identities
        """
        scopes = {
            "pull": (BuiltInRole.ACR_PULL, self._args.registry_id),
            "read": (BuiltInRole.STORAGE_BLOB_DATA_READER, self._workspace.storage_id),
        }
        return [
            role_assignment(
                f"{self._name}-{short}",
                role=role,
                scope=scope,
                principal_id=identity.principal_id,
                subscription_id=self._args.subscription_id,
                opts=self._child,
            )
            for short, (role, scope) in scopes.items()
        ]

    def _make_endpoint(
        self, identity: azure.managedidentity.UserAssignedIdentity
    ) -> azure.machinelearningservices.OnlineEndpoint:
        return azure.machinelearningservices.OnlineEndpoint(
            self._name,
            resource_group_name=self._args.resource_group_name,
            workspace_name=self._workspace.name,
            identity={"type": ManagedServiceIdentityType.USER_ASSIGNED, "user_assigned_identities": [identity.id]},
            properties=first_properties(self._args.settings, self._compute_id),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=self._roles(identity),
                # The traffic template's to change: an update from here would take all traffic away.
                ignore_changes=["properties", "tags"],
            ),
        )

    def _serve(self, identity: azure.managedidentity.UserAssignedIdentity) -> None:
        args = self._args
        deployments = [
            MlDeployment(f"{self._name}-{deployment}", self._deployment_args(deployment), self._child)
            for deployment in args.settings.deployments
        ]
        traffic = TrafficArgs(
            settings=args.settings,
            endpoint=self._endpoint,
            workspace_name=self._workspace.name,
            identity_id=identity.id,
            resource_group_name=args.resource_group_name,
            tags=args.tags,
            compute_id=self._compute_id,
        )
        options = pulumi.ResourceOptions(parent=self, depends_on=deployments)
        set_traffic(f"{self._name}-traffic", traffic, options)

    def _deployment_args(self, deployment: str) -> MlDeploymentArgs:
        args = self._args
        return MlDeploymentArgs(
            settings=args.settings,
            model=args.model,
            deployment=deployment,
            image=args.image,
            endpoint=self._endpoint,
            workspace_name=self._workspace.name,
            resource_group_name=args.resource_group_name,
            alarms=args.objectives is not None,
            alarm_group_id=args.alarm_group_id,
        )

    def _watch(self) -> None:
        args = self._args
        azure.monitor.DiagnosticSetting(
            f"{self._name}-logs",
            resource_uri=self._endpoint.id,
            workspace_id=self._workspace.logs_id,
            logs=[{"category": category, "enabled": True} for category in LOGS],
            opts=self._child,
        )
        if args.objectives is None:
            return
        for kind, alarm in endpoint_alarms(args.objectives, args.settings.usual_requests_per_minute).items():
            metric_alert(
                f"{self._name}-{kind}",
                alarm,
                scope=self._endpoint.id,
                group_id=args.alarm_group_id,
                resource_group_name=args.resource_group_name,
                opts=self._child,
            )


def scoring_address(scoring_uri: str, path: str) -> str:
    """Where clients send requests.

    Azure reports `/score` until a deployment brings a path of its own; it passes every path on to the servers.
    """
    return scoring_uri.removesuffix(path).removesuffix("/score").rstrip("/") + path
