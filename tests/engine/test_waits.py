from typing import Any

from tests.engine.explained import reason, unexplained
from tests.engine.waits import Wait, by_count, by_minutes, longest

ROOT = "urn:pulumi:test::inference-platform::"
PROVIDER = f"{ROOT}pulumi:providers:aws::aws"
ROLE = f"{ROOT}aws:iam/role:Role::eks"
CLUSTER = f"{ROOT}inference:clusters:EksCluster$aws:eks/cluster:Cluster::eks"
GROUP = f"{ROOT}inference:clusters:EksCluster$aws:eks/nodeGroup:NodeGroup::eks-system"
COMPONENT = f"{ROOT}inference:clusters:EksCluster::eks"


def made(urn: str, **more: Any) -> dict[str, Any]:
    type_ = urn.split("::")[2].rpartition("$")[2]
    return {"urn": urn, "type": type_, "custom": not type_.startswith("inference:"), **more}


STACK = [
    made(PROVIDER),
    made(ROLE, provider=f"{PROVIDER}::id"),
    made(COMPONENT, dependencies=[ROLE]),
    made(CLUSTER, parent=COMPONENT, provider=f"{PROVIDER}::id", propertyDependencies={"roleArn": [ROLE]}),
    made(GROUP, parent=COMPONENT, dependencies=[CLUSTER], propertyDependencies={"clusterName": [CLUSTER]}),
]


def test_the_longest_chain_names_each_wait_and_why() -> None:
    chain = longest(STACK, by_count)

    assert chain.length == 4
    assert [wait.because for wait in chain.waits][-1] == ("clusterName",)
    assert str(chain.waits[-1]) == (
        "aws:eks/nodeGroup:NodeGroup eks-system waits for aws:eks/cluster:Cluster eks (clusterName)"
    )


def test_a_component_that_waits_holds_up_its_children() -> None:
    alone = [each for each in STACK if each["urn"] != CLUSTER]

    waits = longest([*alone, made(CLUSTER, parent=COMPONENT)], by_count).waits

    assert ("parent",) in {wait.because for wait in waits}


def test_minutes_weigh_more_than_numbers() -> None:
    many = [made(f"{ROOT}aws:iam/role:Role::role-{number}", dependencies=[PROVIDER]) for number in range(3)]

    assert longest([*STACK, *many], by_minutes).waits[-1].later.startswith("aws:eks/nodeGroup")


def test_a_wait_that_nobody_explained_is_named() -> None:
    odd = Wait(later="aws:s3/bucket:Bucket data", earlier="kubernetes:apps/v1:Deployment eks-mlflow", because=("tags",))
    known = longest(STACK, by_count).waits

    assert unexplained([*known, odd]) == [str(odd)]
    assert reason(known[-1]) is not None
