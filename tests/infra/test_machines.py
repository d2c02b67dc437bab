import pytest

from infra.machines import Machines, machines
from infra.preview import Plan
from tests.infra.test_stacks import preview

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def prod() -> Plan:
    return preview("prod")


def row(found: Machines) -> tuple[str, str, str, int, int]:
    return (f"{found.service} {found.name}", found.instance_types[0], found.capacity, found.minimum, found.maximum)


def test_every_machine_of_prod_is_counted_once(prod: Plan) -> None:
    assert sorted(row(found) for found in machines(prod)) == [
        ("AKS aks", "Standard_D4as_v5", "on-demand", 1, 1),
        ("AKS aks-system", "Standard_D4as_v5", "on-demand", 3, 3),
        ("AKS aks-t4", "Standard_NC4as_T4_v3", "on-demand", 0, 4),
        ("AKS aks-t4spot", "Standard_NC4as_T4_v3", "spot", 0, 8),
        ("Azure ML azure-ml-blue", "Standard_NC4as_T4_v3", "on-demand", 2, 10),
        ("EKS eks-on-demand", "g5.xlarge", "on-demand", 0, 0),
        ("EKS eks-spot", "g5.xlarge", "spot", 2, 2),
        ("EKS eks-system", "m7i.xlarge", "on-demand", 3, 3),
        ("Karpenter eks-karpenter-on-demand", "g5.xlarge", "on-demand", 0, 4),
        ("Karpenter eks-karpenter-spot", "g5.xlarge", "spot", 0, 6),
        ("SageMaker sagemaker-asynchronous", "ml.g4dn.xlarge", "on-demand", 0, 4),
        ("SageMaker sagemaker-real-time", "ml.g5.xlarge", "on-demand", 2, 6),
    ]


def test_only_aws_lends_what_it_lends(prod: Plan) -> None:
    lent = {found.resource.package for found in machines(prod) if found.in_aws}

    assert lent == {"aws", "kubernetes"}
    assert {found.resource.package for found in machines(prod) if not found.in_aws} == {"azure-native"}
