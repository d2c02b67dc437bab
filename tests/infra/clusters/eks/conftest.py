"""One EKS cluster, previewed once for all tests."""

from collections.abc import Callable

import pulumi
import pytest

from infra.clusters.eks import EksCluster, EksClusterArgs, aws_provider
from infra.preview import Plan, run
from tests.infra.samples import settings

TAGS = {"owner": "ml-platform", "stack": "test"}


def preview_eks(changes: dict[str, object] | None = None, *, preview: bool = False) -> Plan:
    stack = settings(changes)

    def program() -> None:
        assert stack.aws
        assert stack.eks
        args = EksClusterArgs(aws=stack.aws, eks=stack.eks, name="platform-test", tags=TAGS)
        EksCluster("eks", args, pulumi.ResourceOptions(providers=[aws_provider(stack.aws, TAGS)]))

    return run(program, {}, preview=preview)


@pytest.fixture(scope="session")
def eks() -> Plan:
    return preview_eks()


@pytest.fixture
def eks_with() -> Callable[..., Plan]:
    return preview_eks
