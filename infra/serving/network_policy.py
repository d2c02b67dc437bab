"""Who may talk to the model server, and whom it may talk to."""

from collections.abc import Mapping, Sequence

from pulumi_kubernetes.networking.v1 import NetworkPolicyIngressRuleArgsDict, NetworkPolicySpecArgsDict

from inference_app.contract import PORT

# Kubernetes sets it on every namespace (https://kubernetes.io/docs/reference/labels-annotations-taints/).
NAMESPACE_NAME_LABEL = "kubernetes.io/metadata.name"


def default_deny() -> NetworkPolicySpecArgsDict:
    """No pod of the namespace sends or receives anything that another policy does not allow."""
    return {"pod_selector": {}, "policy_types": ["Ingress", "Egress"]}


def server_policy(
    labels: Mapping[str, str], client_namespaces: Sequence[str], client_cidrs: Sequence[str]
) -> NetworkPolicySpecArgsDict:
    """The server's port for its clients and nothing out: the model is in the image, so not even DNS is asked."""
    namespaces: list[NetworkPolicyIngressRuleArgsDict] = [
        {"from_": [{"namespace_selector": {"match_labels": {NAMESPACE_NAME_LABEL: name}}}]}
        for name in client_namespaces
    ]
    networks: list[NetworkPolicyIngressRuleArgsDict] = [{"from_": [{"ip_block": {"cidr": c}}]} for c in client_cidrs]
    return {
        "pod_selector": {"match_labels": labels},
        "policy_types": ["Ingress"],
        "ingress": [rule | {"ports": [{"protocol": "TCP", "port": PORT}]} for rule in (*namespaces, *networks)],
    }
