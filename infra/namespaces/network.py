"""Who may talk to whom: openings in the policies of namespaces, each with its reason.

https://kubernetes.io/docs/concepts/services-networking/network-policies/
"""

from collections.abc import Mapping, Sequence

from pulumi_kubernetes.networking.v1 import (
    NetworkPolicyEgressRuleArgsDict,
    NetworkPolicyIngressRuleArgsDict,
    NetworkPolicyPeerArgsDict,
    NetworkPolicyPortArgsDict,
    NetworkPolicySpecArgsDict,
)

# Kubernetes sets it on every namespace (https://kubernetes.io/docs/reference/labels-annotations-taints/).
NAMESPACE_NAME_LABEL = "kubernetes.io/metadata.name"

DNS_LABELS = {"k8s-app": "kube-dns"}
"""What CoreDNS has kept of its predecessor, so that everything that looks for it still finds it."""

# Where a node's agent gives pods their AWS credentials
# (https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html).
POD_IDENTITY_AGENT = ("169.254.170.23/32", "fd00:ec2::23/128")


def default_deny() -> NetworkPolicySpecArgsDict:
    """No pod of the namespace sends or receives anything that another policy does not allow."""
    return policy({})


def policy(
    labels: Mapping[str, str],
    ingress: Sequence[NetworkPolicyIngressRuleArgsDict] = (),
    egress: Sequence[NetworkPolicyEgressRuleArgsDict] = (),
) -> NetworkPolicySpecArgsDict:
    """What pods with those labels, all pods without any, may receive and send.

    Nothing is said of a way that is closed: the API server drops an empty list, and every `up` would put it back.
    """
    spec: NetworkPolicySpecArgsDict = {
        "pod_selector": {"match_labels": labels} if labels else {},
        "policy_types": ["Ingress", "Egress"],
    }
    if ingress:
        spec["ingress"] = ingress
    if egress:
        spec["egress"] = egress
    return spec


def entrance(ingress: Sequence[NetworkPolicyIngressRuleArgsDict] = ()) -> NetworkPolicySpecArgsDict:
    """What the namespace's pods may receive, and nothing of what they send."""
    spec = policy({}, ingress)
    spec["policy_types"] = ["Ingress"]
    return spec


def from_peers(peers: Sequence[NetworkPolicyPeerArgsDict], number: int) -> list[NetworkPolicyIngressRuleArgsDict]:
    """Lets peers reach one port; without peers nobody, since Kubernetes takes an empty list for everybody."""
    return [{"from_": peers, "ports": [port(number)]}] if peers else []


def from_namespace(name: str | None, number: int) -> list[NetworkPolicyIngressRuleArgsDict]:
    """Lets all pods of a namespace reach one port; nobody where there is none."""
    return from_peers([peer(name)] if name else [], number)


def to_dns() -> NetworkPolicyEgressRuleArgsDict:
    """The names of Services and of the world."""
    return {"to": [peer("kube-system", DNS_LABELS)], "ports": [port(53, "UDP"), port(53)]}


def to_peer(found: NetworkPolicyPeerArgsDict, number: int) -> NetworkPolicyEgressRuleArgsDict:
    """One port of some pods."""
    return {"to": [found], "ports": [port(number)]}


def to_anywhere(number: int) -> NetworkPolicyEgressRuleArgsDict:
    """One port of whatever has an address that nobody knows beforehand."""
    return {"to": [{"ip_block": {"cidr": cidr}} for cidr in ("0.0.0.0/0", "::/0")], "ports": [port(number)]}


def to_object_store(url: str) -> list[NetworkPolicyEgressRuleArgsDict]:
    """The store and whoever vouches for the pod there.

    The addresses of S3, Blob Storage and Entra's login change and are many, and a private endpoint's is in the
    network itself, so HTTPS is open to every address; what the pod may do there its identity alone decides.
    """
    return [to_anywhere(443), *([to_pod_identity_agent()] if url.startswith("s3://") else [])]


def to_pod_identity_agent() -> NetworkPolicyEgressRuleArgsDict:
    """Whoever hands pods on EKS their credentials."""
    return {"to": [{"ip_block": {"cidr": cidr}} for cidr in POD_IDENTITY_AGENT], "ports": [port(80)]}


def peer(namespace: str, labels: Mapping[str, str] | None = None) -> NetworkPolicyPeerArgsDict:
    """All pods of a namespace, or those with `labels`."""
    pods: NetworkPolicyPeerArgsDict = {"pod_selector": {"match_labels": labels}} if labels else {}
    return {"namespace_selector": {"match_labels": {NAMESPACE_NAME_LABEL: namespace}}, **pods}


def port(number: int, protocol: str = "TCP") -> NetworkPolicyPortArgsDict:
    """A port of a pod, not of its Service."""
    return {"protocol": protocol, "port": number}
