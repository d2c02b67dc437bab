"""A cluster that gives identities, and says to whom and for what."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_random as random

from infra.clusters.cluster import Access, Identity, ServiceAccount
from infra.preview import Plan
from tests.infra.samples import PlainCluster, on_cluster

ASSOCIATION = "association"


@dataclass(frozen=True, kw_only=True)
class CloudCluster(PlainCluster):
    """A cluster of a cloud; `asked` are those who asked for an identity."""

    asked: list[tuple[ServiceAccount, Access]] = field(default_factory=list[tuple[ServiceAccount, Access]])

    def identity(self, name: str, account: ServiceAccount, access: Access) -> Identity:
        del name
        self.asked.append((account, access))
        association = random.RandomId(ASSOCIATION, byte_length=1)
        return Identity(
            annotations={"example.com/role": "reader"}, pod_labels={"example.com/use": "true"}, after=[association]
        )


def on_cloud(build: Callable[[Any, pulumi.ResourceOptions], object], **changes: Any) -> Plan:
    """Run `build` with such a cluster, changed as a test needs it."""

    def with_identities(cluster: Any, opts: pulumi.ResourceOptions) -> None:
        values: dict[str, Any] = {**vars(cluster), **changes}
        build(CloudCluster(**values), opts)

    return on_cluster(with_identities)
