"""The AKS control plane: logged, reached with Entra identities only."""

from collections.abc import Sequence

import pulumi
import pulumi_azure_native as azure
from pulumi_azure_native.containerservice import (
    ContainerServiceNetworkProfileArgsDict,
    ManagedClusterAADProfileArgsDict,
    ManagedClusterAgentPoolProfileArgsDict,
    ManagedClusterAPIServerAccessProfileArgsDict,
    ManagedClusterAutoUpgradeProfileArgsDict,
    ManagedClusterPropertiesAutoScalerProfileArgsDict,
    UserAssignedIdentityArgsDict,
)

from infra.clusters.aks.agent_pools import OS_SKU
from infra.clusters.aks.context import AksContext
from infra.clusters.aks.identities import Identities
from infra.clusters.aks.logs import Logs
from infra.clusters.aks.pod_logs import ADDON, NO_AGENT, PodLogs
from infra.settings.aks import AksSettings, Tier

BOOTSTRAP_POOL = "bootstrap"

TIERS = {
    Tier.FREE: azure.containerservice.ManagedClusterSKUTier.FREE,
    Tier.STANDARD: azure.containerservice.ManagedClusterSKUTier.STANDARD,
}

# New patches of the version in the settings, and new node images every week, as AKS releases them.
UPGRADES: ManagedClusterAutoUpgradeProfileArgsDict = {
    "upgrade_channel": azure.containerservice.UpgradeChannel.PATCH,
    "node_os_upgrade_channel": azure.containerservice.NodeOSUpgradeChannel.NODE_IMAGE,
}

AUTOSCALER: ManagedClusterPropertiesAutoScalerProfileArgsDict = {
    "expander": azure.containerservice.Expander.PRIORITY,
    # Every model server has an emptyDir, which would keep its node for ever.
    "skip_nodes_with_local_storage": "false",
}


class ControlPlane(pulumi.ComponentResource):
    """The managed control plane and its logs (https://learn.microsoft.com/azure/templates/microsoft.containerservice/managedclusters).

    Left out: the etcd key of one's own (Azure encrypts it already), and the Policy and Defender add-ons, which belong
    to a subscription's policies and bill per core.
    """

    cluster: azure.containerservice.ManagedCluster

    def __init__(
        self,
        name: str,
        context: AksContext,
        identities: Identities,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inference:clusters:AksControlPlane", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        logs = pod_logs(f"{name}-pod-logs", context, child)
        self.cluster = self._cluster(name, context, identities, logs)
        if logs:
            logs.collect(self.cluster.id)
        Logs(name, context, self.cluster.id, child)
        self.register_outputs({"id": self.cluster.id})

    def _cluster(
        self, name: str, context: AksContext, identities: Identities, logs: PodLogs | None
    ) -> azure.containerservice.ManagedCluster:
        return azure.containerservice.ManagedCluster(
            name,
            resource_group_name=context.resource_group_name,
            dns_prefix=context.name,
            kubernetes_version=context.aks.kubernetes_version,
            sku={"name": azure.containerservice.ManagedClusterSKUName.BASE, "tier": TIERS[context.aks.tier]},
            identity={
                "type": azure.containerservice.ResourceIdentityType.USER_ASSIGNED,
                "user_assigned_identities": [identities.control_plane.id],
            },
            identity_profile={"kubeletidentity": kubelet_identity(identities)},
            aad_profile=entra(context),
            disable_local_accounts=not context.aks.local_accounts,
            enable_rbac=True,
            api_server_access_profile=api_access(context.aks, context.network.outbound_cidr),
            network_profile=network_profile(context.aks),
            oidc_issuer_profile={"enabled": True},
            security_profile={"workload_identity": {"enabled": True}},
            auto_upgrade_profile=UPGRADES,
            auto_scaler_profile=AUTOSCALER,
            agent_pool_profiles=[bootstrap_pool(context)],
            addon_profiles={ADDON: logs.addon if logs else NO_AGENT},
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[context.network, identities],
                protect=context.aks.deletion_protection,
                ignore_changes=["agentPoolProfiles"],
            ),
        )


def pod_logs(name: str, context: AksContext, opts: pulumi.ResourceOptions) -> PodLogs | None:
    """Where Azure keeps pods' lines, where the settings say that it does."""
    if not (context.logs and context.logs.cloud):
        return None
    return PodLogs(name, context, context.logs, context.logs.cloud, opts)


def kubelet_identity(identities: Identities) -> UserAssignedIdentityArgsDict:
    """Whom the nodes act as."""
    kubelet = identities.kubelet
    return {"resource_id": kubelet.id, "client_id": kubelet.client_id, "object_id": kubelet.principal_id}


def entra(context: AksContext) -> ManagedClusterAADProfileArgsDict:
    """Who gets in: Entra identities, with full rights those of the groups named.

    https://learn.microsoft.com/azure/aks/enable-authentication-microsoft-entra-id
    """
    groups = list(context.aks.administrators)
    return {"managed": True, "tenant_id": context.azure.tenant_id, "admin_group_object_ids": groups}


def api_access(
    settings: AksSettings, outbound_cidr: pulumi.Output[str]
) -> ManagedClusterAPIServerAccessProfileArgsDict:
    """Private, or public for named ranges and for the nodes, which come from `outbound_cidr`.

    https://learn.microsoft.com/azure/aks/private-clusters, https://learn.microsoft.com/azure/aks/api-server-authorized-ip-ranges
    """
    ranges: Sequence[pulumi.Input[str]] = [str(cidr) for cidr in settings.public_access_cidrs]
    # In both: `az aks command invoke` would be a way around.
    if ranges:
        return {"authorized_ip_ranges": [*ranges, outbound_cidr], "disable_run_command": True}
    return {
        "enable_private_cluster": True,
        "enable_private_cluster_public_fqdn": False,
        "private_dns_zone": "system",
        "disable_run_command": True,
    }


def network_profile(settings: AksSettings) -> ContainerServiceNetworkProfileArgsDict:
    """Pods on an overlay, policies enforced by Cilium, and known addresses towards the internet.

    https://learn.microsoft.com/azure/aks/azure-cni-powered-by-cilium, https://learn.microsoft.com/azure/aks/nat-gateway
    """
    service = azure.containerservice
    return {
        "network_plugin": service.NetworkPlugin.AZURE,
        "network_plugin_mode": service.NetworkPluginMode.OVERLAY,
        "network_dataplane": service.NetworkDataplane.CILIUM,
        "network_policy": service.NetworkPolicy.CILIUM,
        "outbound_type": service.OutboundType.USER_ASSIGNED_NAT_GATEWAY,
        "load_balancer_sku": service.LoadBalancerSku.STANDARD,
        "pod_cidr": str(settings.pod_cidr),
        "service_cidr": str(settings.service_cidr),
        # The first addresses are Kubernetes' own.
        "dns_service_ip": str(settings.service_cidr[10]),
    }


def bootstrap_pool(context: AksContext) -> ManagedClusterAgentPoolProfileArgsDict:
    """The one node without which Azure makes no cluster (https://github.com/Azure/AKS/issues/2495), for AKS's own pods.

    It is never edited after: an edit of inline pools touches every pool of the cluster
    (https://github.com/pulumi/pulumi-azure-native/issues/4264), and Azure has no way to hand a pool over to a resource
    of its own. Patches and images reach it by the upgrade channels, a new minor version by
    `az aks nodepool upgrade --name bootstrap`.
    """
    pool: ManagedClusterAgentPoolProfileArgsDict = {
        "name": BOOTSTRAP_POOL,
        "mode": azure.containerservice.AgentPoolMode.SYSTEM,
        "type": azure.containerservice.AgentPoolType.VIRTUAL_MACHINE_SCALE_SETS,
        "count": 1,
        "vm_size": context.aks.system_pool.vm_size,
        "os_sku": OS_SKU,
        "vnet_subnet_id": context.network.node_subnet_id,
        "node_taints": ["CriticalAddonsOnly=true:NoSchedule"],
    }
    return {**pool, "availability_zones": list(context.aks.zones)} if context.aks.zones else pool
