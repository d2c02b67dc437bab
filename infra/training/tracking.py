"""Where runs are recorded, for whoever records them."""

from dataclasses import dataclass

from pulumi_kubernetes.networking.v1 import NetworkPolicyPeerArgsDict


@dataclass(frozen=True, kw_only=True)
class Tracking:
    """A tracking server of the cluster: its URL, its pods, and the port that they listen on."""

    url: str
    peer: NetworkPolicyPeerArgsDict
    port: int
