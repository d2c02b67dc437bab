"""An EKS cluster whose GPU nodes follow pending pods, spot first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from infra.clouds.aws.iam import Role, RoleArgs, trust
from infra.clouds.aws.network import Network
from infra.clusters.cluster import (
    Access,
    BackupStore,
    Identity,
    InternalLoadBalancer,
    LogStore,
    SecretStore,
    ServiceAccount,
)
from infra.clusters.draining import Drains
from infra.clusters.eks import karpenter, node_groups, shared_storage
from infra.clusters.eks.addons import NODE_ADDONS, Addons, cluster_addons
from infra.clusters.eks.backup_bucket import BackupBucket, BackupBucketArgs
from infra.clusters.eks.context import EksContext
from infra.clusters.eks.control_plane import ControlPlane, ControlPlaneArgs
from infra.clusters.eks.identity import access_policy
from infra.clusters.eks.karpenter import Karpenter, KarpenterArgs
from infra.clusters.eks.kubeconfig import kubeconfig
from infra.clusters.eks.load_balancer_controller import (
    LOAD_BALANCER_CLASS,
    LoadBalancerController,
    LoadBalancerControllerArgs,
)
from infra.clusters.eks.node_groups import NODE_POLICIES, NodeGroup, Placement, gpu_group, system_group
from infra.clusters.eks.office_hours import OfficeHours, OfficeHoursArgs
from infra.clusters.eks.pod_logs import PodLogs, PodLogsArgs
from infra.clusters.eks.pod_role import PodRole, PodRoleArgs
from infra.clusters.eks.shared_storage import SharedStorage, SharedStorageArgs
from infra.clusters.gpu import NODE_TAINT
from infra.settings.aws import AwsSettings
from infra.settings.backups import BackupSettings
from infra.settings.clusters import SYSTEM_POOL
from infra.settings.eks import EksSettings, GpuPoolSettings
from infra.settings.logs import CloudLogSettings
from infra.settings.office_hours import OfficeHoursSettings


@dataclass(frozen=True, kw_only=True)
class EksClusterArgs:
    """`name` is the cluster's name in AWS; `tags` reach what the cluster itself launches, `drains` guard its end."""

    aws: AwsSettings
    eks: EksSettings
    network: Network
    name: str
    tags: Mapping[str, str]
    chart_mirror: str | None = None
    office_hours: OfficeHoursSettings | None = None
    drains: Drains | None = None


class EksCluster(pulumi.ComponentResource):
    """Control plane, nodes, add-ons and Karpenter; satisfies `infra.clusters.cluster.Cluster`."""

    name: str
    provider: kubernetes.Provider
    ready: Sequence[pulumi.Resource]
    network_cidr: str
    gpu_time_slices: int
    kubeconfig: pulumi.Output[str]

    spot_labels = ((karpenter.CAPACITY_LABEL, "spot"), (node_groups.CAPACITY_LABEL, "SPOT"))
    gpu_taints = (NODE_TAINT,)
    loading_annotations = karpenter.LOADING
    gpu_runtime_class = None
    has_gpu_operator = False
    has_external_secrets = False
    storage_class = "gp3-encrypted"
    shared_storage_class: str | None = None
    _backups: BackupBucket | None = None
    # https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/service/annotations/
    internal_load_balancer = InternalLoadBalancer(
        load_balancer_class=LOAD_BALANCER_CLASS,
        annotations={
            "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal",
            "service.beta.kubernetes.io/aws-load-balancer-nlb-target-type": "ip",
        },
    )

    def __init__(self, name: str, args: EksClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:clusters:EksCluster", name, None, opts)
        self.name, self.network_cidr = name, args.network.cidr
        self.gpu_time_slices = args.eks.gpu_time_slices
        child = pulumi.ResourceOptions(parent=self)
        plane_args = ControlPlaneArgs(
            settings=args.eks,
            cluster_name=args.name,
            partition=args.aws.partition,
            subnet_ids=args.network.private_subnet_ids,
        )
        plane = ControlPlane(name, plane_args, child)
        self._context = context = EksContext(
            aws=args.aws,
            eks=args.eks,
            name=args.name,
            created_name=plane.cluster.name,
            tags=args.tags,
            chart_mirror=args.chart_mirror,
            office_hours=args.office_hours,
            drains=args.drains,
        )
        system, gpu_groups = self._node_groups(context, args.network)
        addons = Addons(f"{name}-cluster", context, cluster_addons(context), after=[system], opts=child)
        self.kubeconfig = kubeconfig(context, plane.cluster.endpoint, plane.cluster.certificate_authority.data)
        self.provider = kubernetes.Provider(
            name,
            kubeconfig=self.kubeconfig,
            # A kubeconfig that is not known yet would otherwise mean a new cluster, and every object on it replaced.
            cluster_identifier=plane.cluster.arn,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*plane.access, system, addons]),
        )
        self.ready = [
            *gpu_groups,
            *self._controllers(context, args.network),
            *self._shared_storage(context, args.network, plane),
        ]
        self.register_outputs({"kubeconfig": self.kubeconfig})

    def group(self, name: str) -> str:
        """The name itself, which access entries give to IAM's roles."""
        return name

    def identity(self, name: str, account: ServiceAccount, access: Access) -> Identity:
        """A role by EKS Pod Identity, which needs nothing of the account, but that pods start after it."""
        document = access_policy(self._context.aws, access, self._context.name)
        if document is None:
            return Identity()
        args = PodRoleArgs(
            context=self._context, namespace=account.namespace, service_account=account.name, policy=document
        )
        return Identity(after=[PodRole(name, args, pulumi.ResourceOptions(parent=self))])

    def secret_store(self, name: str, account: ServiceAccount, secrets: Sequence[str]) -> SecretStore | None:
        """Secrets Manager of the stack's account and region (https://external-secrets.io/latest/provider/aws-secrets-manager/)."""
        provider = {"aws": {"service": "SecretsManager", "region": self._context.aws.region}}
        return SecretStore(provider=provider, identity=self.identity(name, account, Access(secrets=secrets)))

    def log_store(self, name: str, account: ServiceAccount, settings: CloudLogSettings) -> LogStore | None:
        """A log group of CloudWatch."""
        args = PodLogsArgs(context=self._context, account=account, retention_days=settings.retention_days)
        return PodLogs(name, args, pulumi.ResourceOptions(parent=self)).store

    def backup_store(self, name: str, account: ServiceAccount, settings: BackupSettings) -> BackupStore | None:
        """A bucket of the cluster's own, the same for all who ask; each gets what lies below its namespace."""
        if self._backups is None:
            args = BackupBucketArgs(context=self._context, settings=settings)
            self._backups = BackupBucket(f"{self.name}-backups", args, pulumi.ResourceOptions(parent=self))
        return self._backups.store(name, account)

    def _node_groups(self, context: EksContext, network: Network) -> tuple[NodeGroup, list[NodeGroup]]:
        """The system group, and a group for every GPU pool."""
        child = pulumi.ResourceOptions(parent=self)
        placement = Placement(
            context=context,
            subnet_ids=network.private_subnet_ids,
            role=self._node_role("nodes", context),
            # The whole network: a node that starts before its route out cannot pull an image, and one that ends after
            # it cannot clean up.
            after=[network, Addons(f"{self.name}-node", context, NODE_ADDONS, opts=child)],
        )
        gpu_groups = [self._gpu_group(placement, name, pool) for name, pool in context.eks.gpu_pools.items()]
        return NodeGroup(f"{self.name}-{SYSTEM_POOL}", system_group(placement), child), gpu_groups

    def _gpu_group(self, placement: Placement, pool_name: str, pool: GpuPoolSettings) -> NodeGroup:
        name, child, context = f"{self.name}-{pool_name}", pulumi.ResourceOptions(parent=self), placement.context
        made = NodeGroup(name, gpu_group(placement, pool_name, pool), child)
        if scheduled := context.hours(pool):
            hours, outside = scheduled
            args = OfficeHoursArgs(context=context, hours=hours, group=made.group, size=pool.min, size_outside=outside)
            OfficeHours(f"{name}-hours", args, child)
        return made

    def _shared_storage(self, context: EksContext, network: Network, plane: ControlPlane) -> list[pulumi.Resource]:
        if context.eks.shared_storage is None:
            return []
        self.shared_storage_class = shared_storage.STORAGE_CLASS
        args = SharedStorageArgs(
            settings=context.eks.shared_storage,
            context=context,
            network=network,
            node_security_group_id=plane.node_security_group_id,
        )
        opts = pulumi.ResourceOptions(parent=self, providers=[self.provider])
        return [SharedStorage(f"{self.name}-shared-storage", args, opts)]

    def _controllers(self, context: EksContext, network: Network) -> list[pulumi.Resource]:
        """What makes volumes, and what makes load balancers and GPU nodes for workloads that wait for it."""
        child = pulumi.ResourceOptions(parent=self, providers=[self.provider])
        kubernetes.storage.v1.StorageClass(
            f"{self.name}-{self.storage_class}",
            metadata={"name": self.storage_class},
            provisioner="ebs.csi.aws.com",
            parameters={"type": "gp3", "encrypted": "true"},
            volume_binding_mode="WaitForFirstConsumer",
            allow_volume_expansion=True,
            opts=child,
        )
        return [
            LoadBalancerController(
                f"{self.name}-load-balancer-controller",
                LoadBalancerControllerArgs(context=context, vpc_id=network.vpc_id),
                child,
            ),
            Karpenter(
                f"{self.name}-karpenter",
                KarpenterArgs(context=context, node_role=self._node_role("karpenter-nodes", context)),
                child,
            ),
        ]

    def _node_role(self, kind: str, context: EksContext) -> Role:
        args = RoleArgs(
            partition=context.aws.partition,
            trust_policy=trust(context.aws.ec2_service),
            managed_policies=NODE_POLICIES,
        )
        return Role(f"{self.name}-{kind}", args, pulumi.ResourceOptions(parent=self))
