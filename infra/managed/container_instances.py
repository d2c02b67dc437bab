"""The model server in Azure Container Instances: one container on CPU with a private address."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_azure_native as azure
from pulumi_azure_native.containerinstance import (
    ContainerArgsDict,
    ContainerGroupIpAddressType,
    ContainerGroupNetworkProtocol,
    ContainerGroupPriority,
    ContainerGroupRestartPolicy,
    ContainerNetworkProtocol,
    ContainerProbeArgsDict,
    LogAnalyticsArgsDict,
    LogAnalyticsLogType,
    OperatingSystemTypes,
    ResourceIdentityType,
)

from inference_app.contract import PORT, ExecutionProvider, Route
from infra.clouds.azure.identity import BuiltInRole, role_assignment
from infra.clouds.azure.logs import log_workspace
from infra.endpoint import Endpoint, EndpointKind
from infra.managed.azure_monitor import container_alarms, metric_alert
from infra.serving.environment import server_environment
from infra.settings.container_instances import ContainerInstancesSettings
from infra.settings.served import ModelSettings


@dataclass(frozen=True, kw_only=True)
class ContainerInstancesArgs:
    """`image` lies in the registry `registry_id`; `subnet_id` is delegated to container groups.

    `alarms` adds the alarms, which go to `alarm_group_id`.
    """

    settings: ContainerInstancesSettings
    model: ModelSettings
    image: pulumi.Input[str]
    resource_group_name: pulumi.Input[str]
    subscription_id: str
    registry_id: pulumi.Input[str]
    subnet_id: pulumi.Input[str]
    alarms: bool = False
    alarm_group_id: pulumi.Input[str] | None = None


class ContainerInstances(pulumi.ComponentResource):
    """A container group that the virtual network reaches.

    https://learn.microsoft.com/azure/templates/microsoft.containerinstance/containergroups
    """

    endpoints: Mapping[str, Endpoint]

    def __init__(self, name: str, args: ContainerInstancesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:managed:ContainerInstances", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        group = self._group()
        if args.alarms:
            self._alarms(group)
        address = pulumi.Output.concat("http://", group.ip_address.apply(_ip), f":{PORT}")
        self.endpoints = {name: Endpoint(kind=EndpointKind.HTTP, address=address, model=args.model.name)}
        self.register_outputs({"address": address})

    def _group(self) -> azure.containerinstance.ContainerGroup:
        args, identity = self._args, self._identity()
        pull = self._may_pull(identity)
        return azure.containerinstance.ContainerGroup(
            self._name,
            resource_group_name=args.resource_group_name,
            os_type=OperatingSystemTypes.LINUX,
            # Spot container groups take no inbound connections.
            priority=ContainerGroupPriority.REGULAR,
            restart_policy=ContainerGroupRestartPolicy.ALWAYS,
            identity={"type": ResourceIdentityType.USER_ASSIGNED, "user_assigned_identities": [identity.id]},
            image_registry_credentials=[
                {"server": pulumi.Output.from_input(args.image).apply(registry_host), "identity": identity.id}
            ],
            containers=[container(args.settings, args.model, args.image)],
            ip_address={
                "type": ContainerGroupIpAddressType.PRIVATE,
                "ports": [{"port": PORT, "protocol": ContainerGroupNetworkProtocol.TCP}],
            },
            subnet_ids=[{"id": args.subnet_id}],
            diagnostics={"log_analytics": self._logs()},
            # What Azure cannot change on a running group; all else restarts the container in place.
            # https://learn.microsoft.com/azure/container-instances/container-instances-update#properties-that-require-container-delete
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[pull], replace_on_changes=["containers[*].resources", "subnetIds", "ipAddress"]
            ),
        )

    def _identity(self) -> azure.managedidentity.UserAssignedIdentity:
        return azure.managedidentity.UserAssignedIdentity(
            f"{self._name}-identity", resource_group_name=self._args.resource_group_name, opts=self._child
        )

    def _may_pull(self, identity: azure.managedidentity.UserAssignedIdentity) -> pulumi.Resource:
        return role_assignment(
            f"{self._name}-pull",
            role=BuiltInRole.ACR_PULL,
            scope=self._args.registry_id,
            principal_id=identity.principal_id,
            subscription_id=self._args.subscription_id,
            opts=self._child,
        )

    def _logs(self) -> LogAnalyticsArgsDict:
        group = self._args.resource_group_name
        workspace = log_workspace(
            f"{self._name}-logs",
            resource_group_name=group,
            days=self._args.settings.log_retention_days,
            opts=self._child,
        )
        keys = azure.operationalinsights.get_shared_keys_output(
            resource_group_name=group, workspace_name=workspace.name, opts=pulumi.InvokeOutputOptions(parent=self)
        )
        return {
            "workspace_id": workspace.customer_id,
            "workspace_key": pulumi.Output.secret(keys.primary_shared_key.apply(str)),
            "log_type": LogAnalyticsLogType.CONTAINER_INSIGHTS,
        }

    def _alarms(self, group: azure.containerinstance.ContainerGroup) -> None:
        for kind, alarm in container_alarms(self._args.settings).items():
            metric_alert(
                f"{self._name}-{kind}",
                alarm,
                scope=group.id,
                group_id=self._args.alarm_group_id,
                resource_group_name=self._args.resource_group_name,
                opts=self._child,
            )


def container(
    settings: ContainerInstancesSettings, model: ModelSettings, image: pulumi.Input[str]
) -> ContainerArgsDict:
    """The server, with as much processor and memory at most as it is given."""
    environment = server_environment(model, ExecutionProvider.CPU)
    return {
        "name": "model-server",
        "image": image,
        "ports": [{"port": PORT, "protocol": ContainerNetworkProtocol.TCP}],
        "environment_variables": [{"name": name, "value": value} for name, value in environment.items()],
        "resources": {"requests": {"cpu": settings.cpu, "memory_in_gb": settings.memory_gib}},
        # A server that loads its models is live already.
        "liveness_probe": probe(Route.HEALTH, period=10, failures=6),
        "readiness_probe": probe(Route.READY, period=5, failures=2),
    }


def probe(route: Route, *, period: int, failures: int) -> ContainerProbeArgsDict:
    """An HTTP probe every `period` seconds that gives up after `failures` in a row."""
    return {
        "http_get": {"path": route.value, "port": PORT, "scheme": azure.containerinstance.Scheme.HTTP},
        "period_seconds": period,
        "timeout_seconds": 2,
        "failure_threshold": failures,
    }


def registry_host(image: str) -> str:
    """The host of an image reference."""
    return image.partition("/")[0]


def _ip(address: azure.containerinstance.outputs.IpAddressResponse | None) -> str:
    return address.ip or "" if address else ""
