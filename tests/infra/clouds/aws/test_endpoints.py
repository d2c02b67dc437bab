import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pulumi
import pytest

from infra.clouds.aws.endpoints import VpcEndpoints, VpcEndpointsArgs, account_policy, s3_policy, service_name
from infra.clouds.aws.network import Network, NetworkArgs
from infra.clouds.aws.provider import aws_providers
from infra.preview import Plan, run
from infra.preview.checks import check_plan, check_resource
from infra.settings.aws import AwsSettings
from tests.infra.samples import children, settings

ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
GROUP, RULE = "aws:ec2/securityGroup:SecurityGroup", "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
ACCOUNT = "111122223333"


def aws_settings(region: str = "eu-west-1") -> AwsSettings:
    zones = [f"{region}a", f"{region}b", f"{region}c"]
    found = settings({"aws.region": region, "aws.network.zones": zones}).aws
    assert found
    return found


def preview(*, interfaces: bool) -> Plan:
    aws = aws_settings()

    def program() -> None:
        assert aws.network
        opts = pulumi.ResourceOptions(providers=aws_providers(aws, {}))
        network = Network("aws", NetworkArgs(settings=aws.network, name="platform-test"), opts)
        VpcEndpoints("aws", VpcEndpointsArgs(aws=aws, network=network, interfaces=interfaces), opts)

    return run(program, {})


@pytest.fixture(scope="module")
def plan() -> Plan:
    return preview(interfaces=True)


def statements(policy: str) -> list[dict[str, Any]]:
    return json.loads(policy)["Statement"]


def test_every_input_fits_its_schema(plan: Plan) -> None:
    assert [str(failure) for failure in check_plan(plan).failures] == []


def test_the_endpoint_that_is_free_is_always_there_and_the_others_where_asked_for(plan: Plan) -> None:
    free = preview(interfaces=False)

    assert [each.inputs["serviceName"] for each in free.of_type(ENDPOINT)] == ["com.amazonaws.eu-west-1.s3"]
    assert free.of_type(GROUP) == []
    assert {each.inputs["serviceName"].removeprefix("com.amazonaws.eu-west-1.") for each in plan.of_type(ENDPOINT)} == {
        "s3", "ecr.api", "ecr.dkr", "logs", "monitoring", "sts",
    }  # fmt: skip
    assert children(plan, "inference:aws:VpcEndpoints") == {ENDPOINT: 6, GROUP: 1, RULE: 1}


def test_s3_is_a_route_of_every_private_subnet(plan: Plan) -> None:
    gateway = plan.one(ENDPOINT, "aws-s3").inputs

    assert gateway["vpcEndpointType"] == "Gateway"
    assert gateway["routeTableIds"] == [f"${{aws-private-eu-west-1{zone}.id: string}}" for zone in "abc"]
    assert "aws-private-eu-west-1a" in {each.name for each in plan.of_type("aws:ec2/routeTable:RouteTable")}


def test_the_others_answer_under_the_services_own_names_in_every_private_subnet(plan: Plan) -> None:
    found = [each.inputs for each in plan.of_type(ENDPOINT) if each.name != "aws-s3"]
    subnets = [f"${{aws-private-eu-west-1{zone}.id: string}}" for zone in "abc"]

    assert len(found) == 5
    assert all(each["vpcEndpointType"] == "Interface" and each["privateDnsEnabled"] is True for each in found)
    assert all(each["subnetIds"] == subnets for each in found)
    assert all(each["securityGroupIds"] == ["${aws-endpoints.id: string}"] for each in found)


def test_only_the_network_reaches_them_and_by_tls_only(plan: Plan) -> None:
    rule, group = plan.one(RULE).inputs, plan.one(GROUP).inputs

    assert {key: rule[key] for key in ("cidrIpv4", "ipProtocol", "fromPort", "toPort", "securityGroupId")} == {
        "cidrIpv4": "10.0.0.0/16",
        "ipProtocol": "tcp",
        "fromPort": 443,
        "toPort": 443,
        "securityGroupId": "${aws-endpoints.id: string}",
    }
    assert not group.get("ingress")
    assert group["vpcId"] == "${aws-vpc.id: string}"


def test_an_endpoint_serves_the_stacks_account_only(plan: Plan) -> None:
    (own,) = statements(account_policy(ACCOUNT))
    open_to_all = {each.name for each in plan.of_type(ENDPOINT) if "policy" not in each.inputs}

    assert own["Condition"] == {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}
    assert {each.inputs["policy"] for each in plan.of_type(ENDPOINT) if each.name == "aws-ecr-dkr"} == {
        account_policy(ACCOUNT)
    }
    # A token of an OpenID provider is exchanged before there is an account to name.
    assert open_to_all == {"aws-sts"}


def test_s3_may_be_read_everywhere_and_written_in_the_account_only() -> None:
    reads, own = statements(s3_policy(ACCOUNT))

    assert reads["Action"] == ["s3:GetObject", "s3:ListBucket"]
    assert own["Condition"] == {"StringEquals": {"aws:PrincipalAccount": ACCOUNT, "aws:ResourceAccount": ACCOUNT}}


@pytest.mark.parametrize(
    ("region", "names"),
    [
        ("us-gov-west-1", {"s3": "com.amazonaws.us-gov-west-1.s3", "sts": "com.amazonaws.us-gov-west-1.sts"}),
        ("cn-north-1", {"s3": "com.amazonaws.cn-north-1.s3", "ecr.dkr": "cn.com.amazonaws.cn-north-1.ecr.dkr",
                        "logs": "com.amazonaws.cn-north-1.logs"}),
    ],
)  # fmt: skip
def test_other_partitions_have_names_of_their_own(region: str, names: Mapping[str, str]) -> None:
    assert {service: service_name(aws_settings(region), service) for service in names} == names


@pytest.mark.parametrize("planted", [{"privateDns": True}, {"subnetIds": "subnet-1"}, {"vpcId": None}])
def test_a_wrong_input_is_caught(plan: Plan, planted: Mapping[str, Any]) -> None:
    endpoint = plan.one(ENDPOINT, "aws-logs")
    inputs = {key: value for key, value in {**endpoint.inputs, **planted}.items() if value is not None}

    assert [problem.path for problem in check_resource(replace(endpoint, inputs=inputs))] == list(planted)
