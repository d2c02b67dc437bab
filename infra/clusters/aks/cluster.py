"""An AKS cluster whose GPU nodes follow pending pods, spot first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_azure_native import containerservice
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict

from infra.clouds.azure.identity import BuiltInRole
from infra.clouds.azure.key_vault import KeyVault
from infra.clouds.azure.network import AzureNetwork
from infra.clusters.aks.agent_pools import (
    AZURE_ML_LABEL,
    SPOT_LABEL,
    Placement,
    agent_pool,
    gpu_pool,
    gpu_taints,
    priorities,
    system_pool,
)
from infra.clusters.aks.backup_account import BackupAccount, BackupAccountArgs
from infra.clusters.aks.context import AksContext
from infra.clusters.aks.control_plane import ControlPlane
from infra.clusters.aks.identities import Identities
from infra.clusters.aks.identity import Right, Scopes, WorkloadIdentity, WorkloadIdentityArgs, rights, secret_reader
from infra.clusters.aks.kubeconfig import certificate_authority, kubeconfig
from infra.clusters.cluster import (
    Access,
    BackupStore,
    Identity,
    InternalLoadBalancer,
    LogStore,
    SecretStore,
    ServiceAccount,
)
from infra.settings.aks import AksSettings
from infra.settings.azure import AzureSettings
from infra.settings.backups import BackupSettings
from infra.settings.clusters import SYSTEM_POOL
from infra.settings.logs import CloudLogSettings, LogSettings

# The names that the cluster autoscaler looks for
# (https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/expander/priority/readme.md).
PRIORITIES: ObjectMetaArgsDict = {"name": "cluster-autoscaler-priority-expander", "namespace": "kube-system"}


@dataclass(frozen=True, kw_only=True)
class AksClusterArgs:
    """`name` is the cluster's in kubeconfigs; nodes may pull from the registry with `registry_id`.

    `key_vault` is where its pods' secrets are, `logs` where their lines go.
    """

    azure: AzureSettings
    aks: AksSettings
    network: AzureNetwork
    resource_group_name: pulumi.Input[str]
    name: str
    registry_id: pulumi.Input[str] | None = None
    key_vault: KeyVault | None = None
    logs: LogSettings | None = None


class AksCluster(pulumi.ComponentResource):
    """Control plane, node pools and storage classes; satisfies `infra.clusters.cluster.Cluster`.

    Azure ML can be attached to it: it satisfies `infra.managed.azure_ml.attached_cluster.AttachableCluster` too.
    """

    name: str
    provider: kubernetes.Provider
    ready: Sequence[pulumi.Resource]
    network_cidr: str
    gpu_time_slices: int
    kubeconfig: pulumi.Output[str]
    issuer: pulumi.Output[str]
    cluster_id: pulumi.Output[str]
    cluster_name: pulumi.Output[str]
    system_nodes: int
    gpu_taints: Sequence[tuple[str, str, str]]
    loading_annotations: Mapping[str, str]

    spot_labels = (SPOT_LABEL,)
    azure_ml_label = AZURE_ML_LABEL
    # https://docs.nvidia.com/datacenter/cloud-native/gpu-operator/latest/microsoft-aks.html
    gpu_runtime_class = "nvidia-container-runtime"
    has_gpu_operator = False
    has_external_secrets = False
    # AKS's own: encrypted, and on every zone's disks where the nodes are in several
    # (https://learn.microsoft.com/azure/aks/concepts-storage#storage-classes).
    storage_class = "managed-csi"
    shared_storage_class = "azurefile-nfs-encrypted"
    _backups: BackupAccount | None = None
    internal_load_balancer = InternalLoadBalancer(
        # https://learn.microsoft.com/azure/aks/internal-lb
        annotations={"service.beta.kubernetes.io/azure-load-balancer-internal": "true"},
        # A second node would put its own address on a client's, and Cilium matches no `ipBlock` with a node
        # (https://learn.microsoft.com/azure/aks/azure-cni-powered-by-cilium#limitations).
        external_traffic_policy="Local",
    )

    def __init__(self, name: str, args: AksClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:clusters:AksCluster", name, None, opts)
        self.name, self.network_cidr = name, args.network.cidr
        self.gpu_time_slices, self.gpu_taints = args.aks.gpu_time_slices, gpu_taints(args.aks)
        # The cluster autoscaler's own annotation holds for ever, and it waits ten minutes before it takes a node.
        self.loading_annotations = {}
        child = pulumi.ResourceOptions(parent=self)
        self._vault, self._registry_id = args.key_vault, args.registry_id
        self._context = context = AksContext(
            azure=args.azure,
            aks=args.aks,
            network=args.network,
            resource_group_name=args.resource_group_name,
            name=args.name,
            logs=args.logs,
        )
        identities = Identities(name, context, args.registry_id, child)
        cluster = ControlPlane(name, context, identities, child).cluster
        self.cluster_id, self.cluster_name, self.system_nodes = cluster.id, cluster.name, args.aks.system_pool.nodes
        self.issuer = cluster.oidc_issuer_profile.apply(lambda profile: profile.issuer_url if profile else "")
        placement = Placement(context=context, cluster_name=cluster.name)
        system = agent_pool(f"{name}-{SYSTEM_POOL}", placement, system_pool(context), parent=self)
        self.kubeconfig = self._kubeconfig(context, cluster)
        self.provider = kubernetes.Provider(
            name,
            kubeconfig=self.kubeconfig,
            # A kubeconfig that is not known yet would otherwise mean a new cluster, and every object on it replaced.
            cluster_identifier=cluster.id,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[system]),
        )
        self.ready = [*self._gpu_pools(placement), self._priorities(context), self._shared_storage()]
        self.register_outputs({"kubeconfig": self.kubeconfig})

    def group(self, name: str) -> str:
        """The object ID of an Entra group, which AKS makes a Kubernetes group."""
        return self._context.aks.groups[name]

    def identity(self, name: str, account: ServiceAccount, access: Access) -> Identity:
        """An identity of Azure with the roles that `access` takes, by AKS's workload identity."""
        own = Scopes(vault=self._vault.vault_id if self._vault else None, registry=self._registry_id)
        needed = rights(self._context.azure, access, own)
        return self._workload_identity(name, account, needed).carried if needed else Identity()

    def secret_store(self, name: str, account: ServiceAccount, secrets: Sequence[str]) -> SecretStore | None:
        """The stack's key vault (https://external-secrets.io/latest/provider/azure-key-vault/#workload-identity)."""
        if self._vault is None:
            return None
        provider = {"azurekv": {"authType": "WorkloadIdentity", "vaultUrl": self._vault.uri}}
        return SecretStore(provider=provider, identity=self.identity(name, account, Access(secrets=secrets)))

    def log_store(self, name: str, account: ServiceAccount, settings: CloudLogSettings) -> LogStore | None:
        """None: Azure's own agent collects lines (`infra.clusters.aks.pod_logs`)."""
        del name, account, settings

    def backup_store(self, name: str, account: ServiceAccount, settings: BackupSettings) -> BackupStore | None:
        """A storage account of the cluster's own, the same for all who ask; each gets a container."""
        if self._backups is None:
            args = BackupAccountArgs(context=self._context, settings=settings)
            self._backups = BackupAccount(f"{self.name}-backups", args, pulumi.ResourceOptions(parent=self))
        container = self._backups.container(account.namespace)
        right = Right(name="backups", role=BuiltInRole.STORAGE_BLOB_DATA_CONTRIBUTOR, scope=container.id)
        return self._backups.store(container, self._workload_identity(name, account, [right]).carried)

    def secret_reader(self, name: str, account: ServiceAccount, vault: KeyVault) -> pulumi.Output[str]:
        """Let an account read every secret of a vault; the client ID of the identity that its pods then take."""
        return self._workload_identity(name, account, [secret_reader(vault.vault_id)]).client_id

    def _workload_identity(self, name: str, account: ServiceAccount, needed: Sequence[Right]) -> WorkloadIdentity:
        args = WorkloadIdentityArgs(context=self._context, issuer=self.issuer, account=account, rights=needed)
        return WorkloadIdentity(name, args, pulumi.ResourceOptions(parent=self))

    def _kubeconfig(self, context: AksContext, cluster: containerservice.ManagedCluster) -> pulumi.Output[str]:
        credentials = containerservice.list_managed_cluster_user_credentials_output(
            resource_group_name=context.resource_group_name,
            resource_name=cluster.name,
            format="exec",
            opts=pulumi.InvokeOutputOptions(parent=self),
        )
        host = cluster.fqdn if context.aks.public_access_cidrs else cluster.private_fqdn
        return kubeconfig(
            context.name,
            context.azure.tenant_id,
            pulumi.Output.concat("https://", host, ":443"),
            credentials.kubeconfigs.apply(lambda found: certificate_authority(found[0].value)),
        )

    def _gpu_pools(self, placement: Placement) -> list[pulumi.Resource]:
        return [
            agent_pool(f"{self.name}-{name}", placement, gpu_pool(name, pool), parent=self)
            for name, pool in placement.context.aks.gpu_pools.items()
        ]

    def _priorities(self, context: AksContext) -> pulumi.Resource:
        pools = [gpu_pool(name, pool) for name, pool in context.aks.gpu_pools.items()]
        return kubernetes.core.v1.ConfigMap(
            f"{self.name}-autoscaler-priorities",
            metadata=PRIORITIES,
            data={"priorities": priorities(pools, context.aks.zones)},
            opts=pulumi.ResourceOptions(parent=self, providers=[self.provider]),
        )

    def _shared_storage(self) -> pulumi.Resource:
        """Azure Files over NFS and TLS, reached through the subnet's service endpoint, never with an account's key.

        https://github.com/kubernetes-sigs/azurefile-csi-driver/blob/master/docs/driver-parameters.md
        """
        return kubernetes.storage.v1.StorageClass(
            f"{self.name}-{self.shared_storage_class}",
            metadata={"name": self.shared_storage_class},
            provisioner="file.csi.azure.com",
            parameters={"protocol": "nfs", "skuName": "Premium_LRS", "encryptInTransit": "true"},
            volume_binding_mode="Immediate",
            allow_volume_expansion=True,
            opts=pulumi.ResourceOptions(parent=self, providers=[self.provider]),
        )
