"""What a stack has where it makes neither a registry nor a cluster."""

from collections.abc import Mapping, Sequence

import pulumi

from infra.clouds.cloud import Stack
from infra.clusters.cluster import Cluster
from infra.clusters.existing import ExistingCluster
from infra.endpoint import Endpoint
from infra.images.given import GivenRepository
from infra.images.registry import Registry
from infra.settings.existing import ExistingSettings


class Existing:
    """A cluster and a repository that are there already; satisfies `infra.clouds.cloud.Cloud`."""

    name = "existing"
    registry: Registry | None = None

    def __init__(self, stack: Stack, existing: ExistingSettings) -> None:
        self._existing = existing
        image = stack.settings.image
        if image and image.repository:
            self.registry = GivenRepository(image.repository)

    def clusters(self) -> Sequence[Cluster]:
        """The one of the kubeconfig's context."""
        return [ExistingCluster(self.name, self._existing)]

    def endpoints(self, image: pulumi.Input[str], after: Sequence[pulumi.Resource]) -> Mapping[str, Endpoint]:
        """None: what runs here runs on the cluster."""
        del image, after
        return {}
