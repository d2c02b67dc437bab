"""One cluster of a stack, with what its parts are named and made by."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import pulumi

from infra.addons.external_secrets import ExternalSecretsDefinitions
from infra.clusters.cluster import Cluster
from infra.monitoring import prometheus
from infra.settings import StackSettings


@dataclass(frozen=True)
class Place:
    """Where things are put, and what the stack says of them."""

    cluster: Cluster
    settings: StackSettings

    @property
    def mirror(self) -> str | None:
        """Registry that holds every chart; None for their own."""
        return self.settings.charts.mirror

    @property
    def scraper(self) -> str | None:
        """Namespace whose pods read metrics."""
        return prometheus.NAMESPACE if self.settings.monitoring else None

    @cached_property
    def secret_definitions(self) -> Sequence[pulumi.Resource]:
        """External Secrets' definitions, made for the first who asks; none where the cluster has its own."""
        if self.cluster.has_external_secrets:
            return []
        return [ExternalSecretsDefinitions(self.name("external-secrets-definitions"), self.mirror, self.on())]

    def name(self, what: str) -> str:
        """A logical name of the cluster's own."""
        return f"{self.cluster.name}-{what}"

    def on(self, *after: pulumi.Resource) -> pulumi.ResourceOptions:
        """Options of what is made on the cluster, after others."""
        return pulumi.ResourceOptions(providers=[self.cluster.provider], depends_on=[*after] or None)
