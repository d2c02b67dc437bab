"""Who may talk to the model server, and whom it may talk to."""

from collections.abc import Collection, Mapping, Sequence

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


def default_deny() -> NetworkPolicySpecArgsDict:
    """No pod of the namespace sends or receives anything that another policy does not allow."""
    return {"pod_selector": {}, "policy_types": ["Ingress", "Egress"]}


def server_policy(
    labels: Mapping[str, str],
    ports: Collection[int],
    client_namespaces: Sequence[str],
    client_cidrs: Sequence[str],
    collector: tuple[str, int] | None,
) -> NetworkPolicySpecArgsDict:
    """The server's ports for its clients, and nothing out but traces to their collector, (namespace, port).

    The model is in the image, so a server that sends no traces asks nobody, not even for a name.
    """
    sources = [_namespace(name) for name in client_namespaces] + [_network(cidr) for cidr in client_cidrs]
    ingress: list[NetworkPolicyIngressRuleArgsDict] = [
        {"from_": [source], "ports": [_port(port) for port in ports]} for source in sources
    ]
    spec: NetworkPolicySpecArgsDict = {
        "pod_selector": {"match_labels": labels},
        "policy_types": ["Ingress"],
        "ingress": ingress,
    }
    if collector is not None:
        spec["policy_types"] = ["Ingress", "Egress"]
        spec["egress"] = _to_collector(*collector)
    return spec


def _to_collector(namespace: str, port: int) -> list[NetworkPolicyEgressRuleArgsDict]:
    # Some network plugins judge a connection by the Service's address, and find a Service by the pods it selects: no
    # label of the collector's is known here, so all of its namespace is open, on one port.
    return [
        {"to": [_namespace("kube-system") | {"pod_selector": {"match_labels": DNS_LABELS}}],
         "ports": [_port(53, "UDP"), _port(53)]},
        {"to": [_namespace(namespace)], "ports": [_port(port)]},
    ]  # fmt: skip


def _namespace(name: str) -> NetworkPolicyPeerArgsDict:
    return {"namespace_selector": {"match_labels": {NAMESPACE_NAME_LABEL: name}}}


def _network(cidr: str) -> NetworkPolicyPeerArgsDict:
    return {"ip_block": {"cidr": cidr}}


def _port(number: int, protocol: str = "TCP") -> NetworkPolicyPortArgsDict:
    return {"protocol": protocol, "port": number}
