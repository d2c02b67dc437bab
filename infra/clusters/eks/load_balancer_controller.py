"""AWS Load Balancer Controller: makes network load balancers for Services that ask for one."""

from dataclasses import dataclass
from typing import Any

import pulumi

from infra.charts import release
from infra.clusters.eks.context import EksContext
from infra.clusters.eks.pod_role import PodRole, PodRoleArgs, policy_file

SERVICE_ACCOUNT = "aws-load-balancer-controller"
LOAD_BALANCER_CLASS = "service.k8s.aws/nlb"


@dataclass(frozen=True, kw_only=True)
class LoadBalancerControllerArgs:
    """The cluster and its VPC."""

    context: EksContext
    vpc_id: pulumi.Input[str]


class LoadBalancerController(pulumi.ComponentResource):
    """The controller and its role.

    Its permissions follow https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/deploy/installation/
    without WAF, Shield and Cognito, and narrowed from any cluster's load balancers to those with this cluster's tag.
    """

    def __init__(self, name: str, args: LoadBalancerControllerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:clusters:LoadBalancerController", name, None, opts)
        context = args.context
        policy = policy_file(
            "load_balancer_controller_policy.json", partition=context.aws.partition, cluster=context.name
        )
        role_args = PodRoleArgs(context=context, service_account=SERVICE_ACCOUNT, policy=policy)
        role = PodRole(name, role_args, pulumi.ResourceOptions(parent=self))
        controller = release(
            name,
            "aws-load-balancer-controller",
            namespace="kube-system",
            values=values(context, args.vpc_id),
            mirror=context.chart_mirror,
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[role], hooks=context.drains.of_load_balancers if context.drains else None
            ),
        )
        self.register_outputs({"release": controller.name})


def values(context: EksContext, vpc_id: pulumi.Input[str]) -> dict[str, Any]:
    """The chart's values."""
    return {
        "clusterName": context.name,
        # Given, because pods cannot ask the instance's metadata for them.
        "region": context.aws.region,
        "vpcId": vpc_id,
        "serviceAccount": {"name": SERVICE_ACCOUNT},
        "replicaCount": 2,
        "podDisruptionBudget": {"maxUnavailable": 1},
        # Our Services name their load balancer class themselves; the webhook would only block every other Service
        # while the controller starts.
        "enableServiceMutatorWebhook": False,
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
        # Of the load balancers, target groups and security groups that it makes.
        "defaultTags": dict(context.tags),
    }
