"""Karpenter: GPU nodes appear when pods are pending and go when they are idle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from infra.charts import release
from infra.clouds.aws.iam import Role
from infra.clusters.eks.context import EksContext
from infra.clusters.eks.interruptions import InterruptionQueue
from infra.clusters.eks.node_groups import ROOT_DEVICE, gpu_node_labels
from infra.clusters.eks.pod_role import PodRole, PodRoleArgs, policy_file
from infra.clusters.gpu import NODE_TAINT
from infra.settings.clusters import Capacity
from infra.settings.eks import LATEST, GpuPoolSettings
from infra.settings.instance_types import vcpus

CAPACITY_LABEL = "karpenter.sh/capacity-type"

LOADING = {"karpenter.sh/do-not-disrupt": "30m"}
"""Keeps the node of a pod from consolidation until the pod is so old, and has pulled and loaded its model.

No spot interruption waits for it (https://karpenter.sh/docs/concepts/disruption/#pod-level-controls).
"""


@dataclass(frozen=True, kw_only=True)
class KarpenterArgs:
    """The cluster, and the role that Karpenter's nodes take."""

    context: EksContext
    node_role: Role


class Karpenter(pulumi.ComponentResource):
    """The controller with its queue and rights, and a NodePool for every GPU pool that may grow."""

    def __init__(self, name: str, args: KarpenterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:clusters:Karpenter", name, None, opts)
        self._name, self._args = name, args
        child = pulumi.ResourceOptions(parent=self)
        context = args.context
        queue = InterruptionQueue(f"{name}-interruptions", child)
        policy = controller_policy(context, args.node_role.arn, queue.arn)
        role = PodRole(name, PodRoleArgs(context=context, service_account="karpenter", policy=policy), child)
        # Karpenter's nodes join by this entry; managed groups bring their own.
        entry = aws.eks.AccessEntry(
            f"{name}-nodes",
            cluster_name=context.created_name,
            principal_arn=args.node_role.arn,
            type="EC2_LINUX",
            opts=child,
        )
        # The CRDs' own chart upgrades them; Helm never upgrades those that lie inside a chart.
        crds = self._release(f"{name}-crd", "karpenter-crd", {}, [])
        controller = self._release(
            name, "karpenter", values(context, queue.queue_name), [crds, role, queue, entry, args.node_role]
        )
        for pool_name, pool in context.eks.gpu_pools.items():
            if pool.max > pool.min:
                self._pool(pool_name, pool, controller)
        self.register_outputs({"queueName": queue.queue_name})

    def _release(
        self, name: str, chart: str, chart_values: Mapping[str, Any], after: Sequence[pulumi.Resource]
    ) -> kubernetes.helm.v3.Release:
        return release(
            name,
            chart,
            namespace="kube-system",
            values=chart_values,
            mirror=self._args.context.chart_mirror,
            opts=pulumi.ResourceOptions(parent=self, depends_on=after),
        )

    def _pool(self, pool_name: str, pool: GpuPoolSettings, controller: pulumi.Resource) -> None:
        name = f"{self._name}-{pool_name}"
        node_class = kubernetes.apiextensions.CustomResource(
            name,
            api_version="karpenter.k8s.aws/v1",
            kind="EC2NodeClass",
            metadata={"name": pool_name},
            spec=node_class_spec(self._args.context, pool, self._args.node_role.role_name),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[controller]),
        )
        kubernetes.apiextensions.CustomResource(
            name,
            api_version="karpenter.sh/v1",
            kind="NodePool",
            metadata={"name": pool_name},
            spec=node_pool_spec(pool_name, pool),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[node_class]),
        )


def controller_policy(
    context: EksContext, node_role_arn: pulumi.Output[str], queue_arn: pulumi.Output[str]
) -> pulumi.Output[str]:
    """What the controller may do, after https://karpenter.sh/docs/reference/cloudformation/, in one inline policy."""
    return pulumi.Output.all(node_role_arn, queue_arn).apply(
        lambda arns: policy_file(
            "karpenter_policy.json",
            partition=context.aws.partition,
            region=context.aws.region,
            account=context.aws.account_id,
            cluster=context.name,
            node_role=arns[0],
            queue=arns[1],
        )
    )


def values(context: EksContext, queue_name: pulumi.Input[str]) -> dict[str, Any]:
    """The controller chart's values."""
    return {
        "settings": {"clusterName": context.name, "interruptionQueue": queue_name},
        "serviceAccount": {"name": "karpenter"},
        "replicas": 2,
        "controller": {"resources": {"requests": {"cpu": "500m", "memory": "512Mi"}, "limits": {"memory": "1Gi"}}},
    }


def ami_alias(release: str) -> str:
    """Karpenter's name for a release of the nodes' image: the day without Kubernetes' version, which it adds itself.

    https://karpenter.sh/docs/tasks/managing-amis/
    """
    day = release.rpartition("-")[2]
    return f"al2023@{day if release == LATEST else f'v{day}'}"


def node_class_spec(context: EksContext, pool: GpuPoolSettings, role_name: pulumi.Input[str]) -> dict[str, Any]:
    """What a node of the pool is made of; the AL2023 alias picks the image with NVIDIA drivers for GPU types."""
    return {
        "role": role_name,
        "amiSelectorTerms": [{"alias": ami_alias(context.eks.ami_release)}],
        "subnetSelectorTerms": [{"tags": {"karpenter.sh/discovery": context.name}}],
        # EKS puts this tag on the group that nodes and control plane share
        # (https://docs.aws.amazon.com/eks/latest/userguide/sec-group-reqs.html).
        "securityGroupSelectorTerms": [{"tags": {"aws:eks:cluster-name": context.name}}],
        "blockDeviceMappings": [
            {
                "deviceName": ROOT_DEVICE,
                "rootVolume": True,
                "ebs": {"volumeSize": f"{pool.disk_gib}Gi", "volumeType": "gp3", "encrypted": True},
            }
        ],
        "metadataOptions": {"httpEndpoint": "enabled", "httpTokens": "required", "httpPutResponseHopLimit": 1},
        "tags": {**context.tags, "Name": f"{context.name}-karpenter"},
    }


def node_limits(pool: GpuPoolSettings) -> dict[str, str]:
    """What the pool's nodes may come to, as the numbers of nodes and of their virtual CPUs.

    The number of nodes alone does not hold: of many pods that wait at once Karpenter counts against it only the nodes
    that are there already, and against the CPUs those too that it is about to start (`subtractMax` in
    https://github.com/kubernetes-sigs/karpenter/blob/v1.14.1/pkg/controllers/provisioning/scheduling/scheduler.go).
    GPUs would not do: time-slicing multiplies those that a node reports.
    """
    nodes = pool.max - pool.min
    return {"nodes": str(nodes), "cpu": str(nodes * max(map(vcpus, pool.instance_types)))}


def node_pool_spec(name: str, pool: GpuPoolSettings) -> dict[str, Any]:
    """When nodes of the pool come and go: for pending pods, up to what `max` leaves beyond the managed group."""
    key, value, effect = NODE_TAINT
    return {
        "weight": 100 if pool.capacity is Capacity.SPOT else 10,
        "limits": node_limits(pool),
        "disruption": {
            "consolidationPolicy": "WhenEmptyOrUnderutilized",
            "consolidateAfter": "5m",
            "budgets": [{"nodes": "1"}],
        },
        "template": {
            "metadata": {"labels": gpu_node_labels(name)},
            "spec": {
                "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": name},
                "taints": [{"key": key, "value": value, "effect": effect}],
                "requirements": [
                    {"key": CAPACITY_LABEL, "operator": "In", "values": [pool.capacity.value]},
                    {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": list(pool.instance_types)},
                    {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]},
                ],
            },
        },
    }
