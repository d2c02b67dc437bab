"""Who may talk to the model server, and whom it may talk to."""

from collections.abc import Collection, Mapping, Sequence

from pulumi_kubernetes.networking.v1 import (
    NetworkPolicyEgressRuleArgsDict,
    NetworkPolicyIngressRuleArgsDict,
    NetworkPolicyPeerArgsDict,
    NetworkPolicySpecArgsDict,
)

from infra.namespaces.network import peer, policy, port, to_anywhere, to_dns, to_object_store, to_peer
from infra.settings import mlflow
from infra.settings.source import SourceSettings


def spec(
    labels: Mapping[str, str],
    ports: Collection[int],
    sources: Sequence[NetworkPolicyPeerArgsDict],
    ways: Sequence[NetworkPolicyEgressRuleArgsDict],
) -> NetworkPolicySpecArgsDict:
    """The server's ports for its clients, and the ways out that it needs; none means none, not even to ask a name."""
    ingress: list[NetworkPolicyIngressRuleArgsDict] = [
        {"from_": [source], "ports": [port(number) for number in ports]} for source in sources
    ]
    return policy(labels, ingress, ways)


def clients(namespaces: Sequence[str], cidrs: Sequence[str]) -> list[NetworkPolicyPeerArgsDict]:
    """All pods of some namespaces, and what has an address in some ranges."""
    ranges: list[NetworkPolicyPeerArgsDict] = [{"ip_block": {"cidr": cidr}} for cidr in cidrs]
    return [*(peer(name) for name in namespaces), *ranges]


def ways_out(
    collector: tuple[str, int] | None,
    source: SourceSettings | None,
    others: Sequence[NetworkPolicyEgressRuleArgsDict] = (),
) -> list[NetworkPolicyEgressRuleArgsDict]:
    """To the collector of traces, (namespace, port), to the store that models are pulled from, and to `others`.

    A policy is a pod's, so the server may go where its pull must. Volumes are mounted, and images pulled, by the node.
    """
    ways = [*_to_collector(collector), *_to_store(source), *others]
    return [to_dns(), *ways] if ways else []


def _to_collector(collector: tuple[str, int] | None) -> list[NetworkPolicyEgressRuleArgsDict]:
    # Some network plugins judge a connection by the Service's address, and find a Service by the pods it selects: no
    # label of the collector's is known here, so all of its namespace is open, on one port.
    return [to_peer(peer(collector[0]), collector[1])] if collector else []


def _to_store(source: SourceSettings | None) -> list[NetworkPolicyEgressRuleArgsDict]:
    if source and source.mlflow:
        return [to_peer(peer(mlflow.NAMESPACE), mlflow.PORT)]
    if source is None or source.url is None:
        return []
    if source.service:
        namespace, number = source.service
        return [to_peer(peer(namespace), number)]
    # Other stores with S3's API take keys, for which nobody need be asked.
    return [to_anywhere(source.port)] if source.endpoint else to_object_store(source.url)
