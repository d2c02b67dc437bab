"""What every runtime is given, whichever server answers, and what all make alike of it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pulumi

from infra.clusters.cluster import Access, Cluster, Identity, InternalLoadBalancer, ServiceAccount
from infra.serving.deployment import ROLLOUT_SECONDS
from infra.serving.guard import NetworkArgs
from infra.serving.storage import ModelClaim, ModelClaimArgs, ModelVolume, model_volume
from infra.serving.traffic.parent import Parent
from infra.settings.office_hours import OfficeHoursSettings
from infra.settings.served import ModelSettings
from infra.settings.serving import Exposure, ServingSettings


@dataclass(frozen=True, kw_only=True)
class RuntimeArgs:
    """`image` is the stack's own, by digest; pods of `scrapers`' namespaces may read the metrics.

    `namespace` brings the settings' namespace; `after` what the pods need, KEDA too where `needs_keda` says so.
    `prometheus` is the URL that KEDA asks, `latency_target_ms` what alerts hold requests to, `secret` the name of the
    Secret with the server's secret variables.
    Behind a `parent` nobody but its proxies and the scrapers reach the server.
    What is `delivered` somebody else makes: the runtime has identities, volumes and network policies alone.
    """

    model: ModelSettings
    settings: ServingSettings
    cluster: Cluster
    image: pulumi.Input[str]
    namespace: pulumi.Resource
    office_hours: OfficeHoursSettings | None = None
    prometheus: str | None = None
    latency_target_ms: float | None = None
    secret: str | None = None
    parent: Parent | None = None
    scrapers: Sequence[str] = ()
    after: Sequence[pulumi.Resource] = ()
    delivered: bool = False

    def delivered_url(self, host: str) -> pulumi.Output[str]:
        """Where clients find what others make: the gateway, else the host of that name inside the cluster."""
        return pulumi.Output.from_input(self.parent.url if self.parent else f"http://{host}")

    @property
    def balancer(self) -> InternalLoadBalancer | None:
        """What opens the runtime's own Service to the network; behind a gateway nothing does."""
        is_open = self.settings.exposure is Exposure.NETWORK and not self.parent
        return self.cluster.internal_load_balancer if is_open else None

    @property
    def rests(self) -> bool:
        """Whether all pods may be gone for a time, at night for one."""
        return bool(self.office_hours and self.settings.replicas.min_outside_office_hours == 0)

    def rollout(self, parent: pulumi.Resource, identity: Identity) -> pulumi.ResourceOptions:
        """Options of what waits for nodes, and for all that its pods need, those with `identity`."""
        timeout = f"{ROLLOUT_SECONDS // 60}m"
        return pulumi.ResourceOptions(
            parent=parent,
            depends_on=[self.namespace, *self.cluster.ready, *self.after, *identity.after],
            custom_timeouts=pulumi.CustomTimeouts(create=timeout, update=timeout),
        )

    def network(self, labels: Mapping[str, str], ports: Collection[int]) -> NetworkArgs:
        """Who may reach the pods with `labels` that listen on `ports`."""
        return NetworkArgs(
            settings=self.settings,
            labels=labels,
            ports=ports,
            network_cidr=self.cluster.network_cidr,
            source=self.model.source,
            scrapers=self.scrapers,
            parent=self.parent,
        )

    def reader(self, name: str, account: str) -> Identity:
        """The identity of the account that reads the models' source; an empty one where nobody need be asked."""
        source = self.model.source
        if source is None or not source.reads:
            return Identity()
        who = ServiceAccount(namespace=self.settings.namespace, name=account)
        return self.cluster.identity(name, who, Access(reads=source.reads))

    def volume(self, name: str, labels: Mapping[str, str], opts: pulumi.ResourceOptions) -> ModelVolume | None:
        """Where the pods find the models that are not in the image, with a claim where the stack makes one."""
        source = self.model.source
        if source is None:
            return None
        if not (source.size or source.nfs):
            return model_volume(source)
        args = ModelClaimArgs(source=source, cluster=self.cluster, namespace=self.settings.namespace, labels=labels)
        return model_volume(source, ModelClaim(f"{name}-models", args, opts).claim)
