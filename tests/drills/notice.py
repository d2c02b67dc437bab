"""What a pod's end has to fit into: the notice of a spot node, and how long news of it travels."""

from types import MappingProxyType

SPOT_NOTICE_SECONDS = MappingProxyType(
    {
        # Managed node groups and Karpenter hear EC2's notice two minutes ahead, and evict the node's pods.
        # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
        # https://docs.aws.amazon.com/eks/latest/userguide/managed-node-groups.html#managed-node-group-capacity-types
        # https://karpenter.sh/docs/concepts/disruption/#interruption
        "EKS": 120,
        # AKS's node auto-drain hears the Preempt event half a minute ahead, and evicts the node's pods.
        # https://learn.microsoft.com/azure/virtual-machines/linux/scheduled-events#event-properties
        # https://learn.microsoft.com/azure/aks/node-auto-drain
        "AKS": 30,
    }
)
SHORTEST_SECONDS = min(SPOT_NOTICE_SECONDS.values())
AGENT_SECONDS = 2
"""What a pod leaves of the notice to the node's agent, from the notice to the eviction; it is not measured."""
PROPAGATION_SECONDS = 2
"""From a pod's deletion until a node's kube-proxy or a gateway has a list of endpoints without it: kube-proxy waits 1 s
between two writes (https://kubernetes.io/docs/reference/networking/virtual-ips/#optimizing-iptables-mode-performance)."""
