"""Why each wait on a stack's longest chain is needed; one that nobody can explain costs time for nothing."""

import re
from collections.abc import Iterable

from tests.engine.waits import Wait

REASONS: tuple[tuple[str, str, str], ...] = (
    (r".*", r"pulumi:providers:(aws|azure-native) .*", "a provider is configured before it makes anything"),
    (r".*", r"inference:.*", "a component waits for what it names, and its children with it"),
    (r"inference:.*", r".*", "the same, the component's side of it"),
    # AWS
    (r"aws:iam/rolePolicyAttachment:.*", r"aws:iam/role:.*", "a policy is attached to a role that exists"),
    (r"aws:eks/cluster:.*", r"aws:iam/rolePolicyAttachment:.*", "EKS checks the role's rights when it makes a cluster"),
    (
        r"aws:eks/(podIdentityAssociation|accessEntry|addon|nodeGroup):.*",
        r"aws:eks/cluster:.*",
        "it is a part of the cluster",
    ),
    (r"aws:eks/addon:.* eks-node-.*", r"aws:eks/podIdentityAssociation:.*", "its first pods need their rights"),
    (r"aws:eks/nodeGroup:.*", r"aws:eks/addon:.* eks-node-.*", "a node is ready once it has a network plugin"),
    (r"aws:eks/addon:.* eks-cluster-.*", r"aws:eks/nodeGroup:.*", "its pods run on nodes, and EKS waits for them"),
    (
        r"pulumi:providers:kubernetes eks",
        r"aws:eks/addon:.* eks-cluster-.*",
        "at the end, volumes and metrics outlive the pods that use them",
    ),
    # Azure
    (r"azure-native:.*", r"azure-native:resources:ResourceGroup .*", "it is in the group"),
    (r"azure-native:network:.*", r"azure-native:network:.*", "a network's parts name each other"),
    (r"azure-native:authorization:RoleAssignment .*", r"azure-native:network:Subnet .*", "the role is on the subnet"),
    (
        r"azure-native:containerservice:ManagedCluster .*",
        r"azure-native:authorization:RoleAssignment .*",
        "AKS joins the subnet with its own identity when it makes the cluster",
    ),
    (r"azure-native:containerservice:AgentPool .*", r".*:ManagedCluster .*", "the cluster has it"),
    (r"pulumi:providers:kubernetes aks", r".*:AgentPool aks-system", "pods that are waited for need nodes"),
    # Kubernetes
    (r"kubernetes:.*", r"pulumi:providers:kubernetes .*", "it is an object of the cluster"),
    (r"kubernetes:.*", r"kubernetes:core/v1:Namespace .*", "it is in the namespace"),
    (
        r"kubernetes:.*",
        r"kubernetes:.*:(LimitRange|NetworkPolicy|ResourceQuota|Role|RoleBinding) .*",
        "nothing runs in a namespace before its policies, limits and rights are there",
    ),
    (
        r"kubernetes:.*",
        r"kubernetes:helm.sh/v3:Release .*",
        "it defines the kind, or runs what answers for it",
    ),
    (r"kubernetes:karpenter.sh/v1:NodePool .*", r".*:EC2NodeClass .*", "the pool names the class"),
    (r"kubernetes:apps/v1:Deployment .*", r"kubernetes:karpenter.sh/v1:NodePool .*", "its nodes grow from the pool"),
    (r"kubernetes:keda.sh/v1alpha1:ScaledObject .*", r"kubernetes:apps/v1:Deployment .*", "it scales the Deployment"),
    (r".*:ExternalSecret .*", r".*:SecretStore .*", "it reads from the store"),
    (r"kubernetes:apps/v1:Deployment .*", r".*:ExternalSecret .*", "its pods start with the secret, or not at all"),
    (
        r"kubernetes:helm.sh/v3:Release .*-envoy-gateway",
        r".*:ExternalSecret .*-gateway-secrets-.*",
        "it comes after all that is in its gateways' namespace, which the namespace alone would do",
    ),
    (
        r"kubernetes:gateway.envoyproxy.io/v1alpha1:EnvoyProxy .*",
        r"kubernetes:gateway.networking.k8s.io/v1:GatewayClass .*",
        "both come with the controller, which the component stands for",
    ),
    (r".*:Gateway .*", r".*:EnvoyProxy .*", "the gateway names what its proxies are like"),
    (r".*:SecurityPolicy .*", r".*:Gateway .*", "the policy is on the gateway"),
    (r".*:HTTPRoute .*", r".*:SecurityPolicy .*", "no route is open before its callers must show a key"),
)
"""Later, earlier and reason: patterns of a resource's type and name."""


def reason(wait: Wait) -> str | None:
    """Why a wait is needed, None where nobody has explained it."""
    found = (why for later, earlier, why in REASONS if _is(later, wait.later) and _is(earlier, wait.earlier))
    return next(found, None)


def unexplained(waits: Iterable[Wait]) -> list[str]:
    """The waits without a reason."""
    return [str(wait) for wait in waits if reason(wait) is None]


def _is(pattern: str, name: str) -> bool:
    return re.fullmatch(pattern, name) is not None
