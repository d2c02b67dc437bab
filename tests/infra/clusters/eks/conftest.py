"""One EKS cluster, previewed once for all tests."""

from collections.abc import Callable

import pulumi
import pytest

from infra.clouds.aws.network import Network, NetworkArgs
from infra.clouds.aws.provider import aws_providers
from infra.clusters.draining import Drains
from infra.clusters.eks import EksCluster, EksClusterArgs
from infra.preview import Plan, run
from tests.infra.samples import settings

TAGS = {"owner": "ml-platform", "stack": "test"}


def preview_eks(changes: dict[str, object] | None = None, *, preview: bool = False) -> Plan:
    stack = settings(changes)

    def program() -> None:
        assert stack.aws
        assert stack.aws.network
        assert stack.eks
        opts = pulumi.ResourceOptions(providers=aws_providers(stack.aws, TAGS))
        network = Network("aws", NetworkArgs(settings=stack.aws.network, name="platform-test"), opts)
        args = EksClusterArgs(
            aws=stack.aws,
            eks=stack.eks,
            network=network,
            name="platform-test",
            tags=TAGS,
            office_hours=stack.office_hours,
            drains=Drains(),
        )
        EksCluster("eks", args, opts)

    return run(program, {}, preview=preview)


@pytest.fixture(scope="session")
def eks() -> Plan:
    return preview_eks()


@pytest.fixture(scope="session")
def eks_with() -> Callable[..., Plan]:
    return preview_eks
