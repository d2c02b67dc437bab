import json
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import pulumi
import pytest

from infra.clouds.aws.network import Network, NetworkArgs
from infra.clouds.aws.provider import aws_providers
from infra.clusters.cluster import LogStore, ServiceAccount
from infra.clusters.eks import EksCluster, EksClusterArgs
from infra.clusters.eks.pod_logs import log_group, write_policy
from infra.namespaces.network import to_pod_identity_agent
from infra.preview import Plan, run
from infra.preview.checks import check_plan, check_resource
from infra.settings.aws import AwsSettings
from infra.settings.logs import CloudLogSettings
from tests.infra.samples import children, settings

ACCOUNT = ServiceAccount(namespace="monitoring", name="fluent-bit")
GROUP, ROLE = "aws:cloudwatch/logGroup:LogGroup", "inference:clusters:PodRole"
POLICY, ASSOCIATION = "aws:iam/rolePolicy:RolePolicy", "aws:eks/podIdentityAssociation:PodIdentityAssociation"


@pytest.fixture(scope="module")
def made() -> tuple[Plan, LogStore]:
    stack, found = settings(), list[LogStore | None]()

    def program() -> None:
        assert stack.aws
        assert stack.aws.network
        assert stack.eks
        opts = pulumi.ResourceOptions(providers=aws_providers(stack.aws, {}))
        network = Network("aws", NetworkArgs(settings=stack.aws.network, name="platform-test"), opts)
        args = EksClusterArgs(aws=stack.aws, eks=stack.eks, network=network, name="platform-test", tags={})
        kept = CloudLogSettings.model_validate({"retentionDays": 90})
        found.append(EksCluster("eks", args, opts).log_store("logs", ACCOUNT, kept))

    plan = run(program, {})
    assert found[0]
    return plan, found[0]


def statement(region: str = "eu-west-1") -> dict[str, Any]:
    aws = AwsSettings.model_validate({"region": region, "accountId": "111122223333"})
    (found,) = json.loads(write_policy(aws, log_group("platform-test")))["Statement"]
    return found


def test_a_log_group_is_the_stacks_own_and_keeps_lines_for_as_long_as_is_wanted(made: tuple[Plan, LogStore]) -> None:
    plan, _ = made
    group = plan.one(GROUP, "logs").inputs

    assert children(plan, "inference:clusters:PodLogs") == {GROUP: 1, ROLE: 1}
    assert (group["name"], group["retentionInDays"]) == ("/aws/eks/platform-test/pods", 90)
    assert [str(failure) for failure in check_plan(plan).failures] == []


def test_one_account_writes_there_and_starts_after_it_may(made: tuple[Plan, LogStore]) -> None:
    plan, store = made
    association = plan.one(ASSOCIATION, "logs").inputs

    assert (association["namespace"], association["serviceAccount"]) == ("monitoring", "fluent-bit")
    assert json.loads(str(plan.one(POLICY, "logs").inputs["policy"]))["Statement"] == [statement()]
    assert len(store.identity.after) == 2


def test_lines_go_to_that_group_a_stream_for_each_container(made: tuple[Plan, LogStore]) -> None:
    plan, store = made

    assert store.output["log_group_name"] == plan.one(GROUP, "logs").inputs["name"]
    assert store.output["region"] == "eu-west-1"
    assert store.output["log_stream_template"] == (
        "$kubernetes['namespace_name'].$kubernetes['pod_name'].$kubernetes['container_name']"
    )


def test_the_way_is_open_to_cloudwatch_and_to_who_gives_credentials(made: tuple[Plan, LogStore]) -> None:
    https, agent = made[1].egress

    assert https.get("ports") == [{"protocol": "TCP", "port": 443}]
    assert agent == to_pod_identity_agent()


@pytest.mark.parametrize(
    ("group", "written"),
    [
        ("/aws/eks/platform-test/pods:log-stream:serving.pod.container", True),
        ("/aws/eks/platform-test/cluster:log-stream:audit", False),
        ("/aws/eks/platform-test/pods-of-others:log-stream:x", False),
    ],
)
def test_lines_are_written_to_that_group_and_nothing_is_read(group: str, written: bool) -> None:
    found = statement()

    assert found["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert fnmatchcase(f"arn:aws:logs:eu-west-1:111122223333:log-group:{group}", found["Resource"]) is written


def test_the_group_is_the_partitions() -> None:
    assert statement("us-gov-west-1")["Resource"].startswith("arn:aws-us-gov:logs:us-gov-west-1:")


@pytest.mark.parametrize("wrong", [{"retentionDays": 90}, {"retentionInDays": "90 days"}])
def test_a_planted_mistake_is_found(made: tuple[Plan, LogStore], wrong: dict[str, Any]) -> None:
    group = made[0].one(GROUP, "logs")

    assert list(check_resource(group)) == []
    assert list(check_resource(replace(group, inputs={**group.inputs, **wrong})))
