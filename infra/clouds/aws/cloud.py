"""What a stack has in AWS."""

from collections.abc import Mapping, Sequence

import pulumi

from infra.clouds.aws.network import Network, NetworkArgs
from infra.clouds.aws.provider import aws_provider
from infra.clouds.cloud import Stack
from infra.clusters.cluster import Cluster
from infra.clusters.eks import EksCluster, EksClusterArgs
from infra.endpoint import Endpoint
from infra.images.ecr import EcrRepository, EcrRepositoryArgs
from infra.images.registry import Registry
from infra.settings.aws import AwsSettings


class Aws:
    """One account and region; satisfies `infra.clouds.cloud.Cloud`."""

    name = "aws"
    registry: Registry | None = None

    def __init__(self, stack: Stack, aws: AwsSettings) -> None:
        self._stack, self._aws = stack, aws
        self._opts = pulumi.ResourceOptions(providers=[aws_provider(aws, stack.tags)])
        self._network = (
            Network("aws", NetworkArgs(settings=aws.network, name=stack.name), self._opts) if aws.network else None
        )
        if stack.settings.image:
            registry_args = EcrRepositoryArgs(name=f"{stack.name}/model-server", settings=stack.settings.image)
            self.registry = EcrRepository("registry", registry_args, self._opts)

    def clusters(self) -> Sequence[Cluster]:
        """EKS."""
        settings = self._stack.settings
        if not (settings.eks and self._network):
            return []
        args = EksClusterArgs(
            aws=self._aws,
            eks=settings.eks,
            network=self._network,
            name=self._stack.name,
            tags=self._stack.tags,
            chart_mirror=settings.charts.mirror,
        )
        return [EksCluster("eks", args, self._opts)]

    def endpoints(self, image: pulumi.Input[str]) -> Mapping[str, Endpoint]:
        """None yet."""
        del image
        return {}
