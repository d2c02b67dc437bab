"""What protects the pods that serve a model, whatever runs in them: who may reach them, and how many may be taken."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict
from pulumi_kubernetes.networking.v1 import (
    NetworkPolicyEgressRuleArgsDict,
    NetworkPolicyPeerArgsDict,
    NetworkPolicySpecArgsDict,
)

from infra.namespaces.network import peer
from infra.pods.disruption import budget_spec
from infra.serving import job_queue, network_policy, result_cache
from infra.serving.traffic.parent import Parent
from infra.settings.serving import Exposure, ServingSettings
from infra.settings.source import SourceSettings


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """Pods with `labels` that listen on `ports`; those of `scrapers`' namespaces may read the metrics.

    Behind a `parent` its proxies alone are clients; else the settings' namespaces are, and `network_cidr` where the
    settings open the service to the network.
    """

    settings: ServingSettings
    labels: Mapping[str, str]
    ports: Collection[int]
    network_cidr: str
    source: SourceSettings | None = None
    scrapers: Sequence[str] = ()
    parent: Parent | None = None


def guard_network(
    name: str, metadata: ObjectMetaArgsDict, args: NetworkArgs, opts: pulumi.ResourceOptions
) -> kubernetes.networking.v1.NetworkPolicy:
    """The policy that lets clients in, and the pods out to what they need."""
    return kubernetes.networking.v1.NetworkPolicy(name, metadata=metadata, spec=network_spec(args), opts=opts)


def network_spec(args: NetworkArgs) -> NetworkPolicySpecArgsDict:
    """The settings' clients, or the gateway's proxies, and those who scrape."""
    return network_policy.spec(args.labels, args.ports, _clients(args), ways(args.settings, args.source))


def ways(settings: ServingSettings, source: SourceSettings | None) -> list[NetworkPolicyEgressRuleArgsDict]:
    """What a server with those settings needs to reach."""
    collector = settings.tracing.collector if settings.tracing else None
    caches = [*result_cache.ways_out(settings), *job_queue.ways_out(settings)]
    return network_policy.ways_out(collector, source, caches)


def _clients(args: NetworkArgs) -> list[NetworkPolicyPeerArgsDict]:
    settings = args.settings
    if args.parent:
        proxies = peer(args.parent.proxy_namespace, args.parent.proxy_labels)
        return [proxies, *network_policy.clients(args.scrapers, [])]
    networks = [args.network_cidr] if settings.exposure is Exposure.NETWORK else []
    return network_policy.clients([settings.namespace, *settings.client_namespaces, *args.scrapers], networks)


def guard_pods(
    name: str, metadata: ObjectMetaArgsDict, labels: Mapping[str, str], opts: pulumi.ResourceOptions
) -> kubernetes.policy.v1.PodDisruptionBudget:
    """The disruption budget of the pods with `labels`."""
    return kubernetes.policy.v1.PodDisruptionBudget(name, metadata=metadata, spec=budget_spec(labels), opts=opts)
