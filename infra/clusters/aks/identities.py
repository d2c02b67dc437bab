"""Whom an AKS cluster acts as: one identity for the control plane, one for the nodes."""

from collections.abc import Sequence

import pulumi
import pulumi_azure_native as azure

from infra.clouds.azure.identity import BuiltInRole, role_assignment
from infra.clusters.aks.context import AksContext


class Identities(pulumi.ComponentResource):
    """Two identities of our own, so that their rights are there before the first node asks for anything.

    https://learn.microsoft.com/azure/aks/use-managed-identity
    """

    control_plane: azure.managedidentity.UserAssignedIdentity
    kubelet: azure.managedidentity.UserAssignedIdentity
    rights: Sequence[pulumi.Resource]

    def __init__(
        self,
        name: str,
        context: AksContext,
        registry_id: pulumi.Input[str] | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inference:clusters:AksIdentities", name, None, opts)
        self._context = context
        self._child = pulumi.ResourceOptions(parent=self)
        self.control_plane = self._identity(f"{name}-control-plane")
        self.kubelet = self._identity(f"{name}-kubelet")
        # Node pools and internal load balancers join the nodes' subnet; the pools take the nodes' identity.
        self.rights = [
            self._allow(
                f"{name}-joins-subnet",
                BuiltInRole.NETWORK_CONTRIBUTOR,
                context.network.node_subnet_id,
                self.control_plane,
            ),
            self._allow(
                f"{name}-gives-kubelet",
                BuiltInRole.MANAGED_IDENTITY_OPERATOR,
                self.kubelet.id,
                self.control_plane,
            ),
        ]
        if registry_id is not None:
            pull = self._allow(f"{name}-pulls", BuiltInRole.ACR_PULL, registry_id, self.kubelet)
            self.rights = [*self.rights, pull]
        self.register_outputs({"kubeletPrincipalId": self.kubelet.principal_id})

    def _identity(self, name: str) -> azure.managedidentity.UserAssignedIdentity:
        return azure.managedidentity.UserAssignedIdentity(
            name, resource_group_name=self._context.resource_group_name, opts=self._child
        )

    def _allow(
        self,
        name: str,
        role: BuiltInRole,
        scope: pulumi.Input[str],
        identity: azure.managedidentity.UserAssignedIdentity,
    ) -> pulumi.Resource:
        return role_assignment(
            name,
            role=role,
            scope=scope,
            principal_id=identity.principal_id,
            subscription_id=self._context.azure.subscription_id,
            opts=self._child,
        )
