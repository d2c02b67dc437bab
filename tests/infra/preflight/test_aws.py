"""What is asked of AWS, of a stand-in that answers as the APIs' documentation does."""

import pytest

from infra.machines import Machines, machines
from infra.preflight import aws
from infra.preflight.answer import Answer, Status
from infra.preflight.aws.vcpus import QUOTAS, most
from infra.preview import Resource
from infra.settings.prices import PriceSettings
from tests.infra.preflight.clouds import Amazon
from tests.infra.preflight.conftest import Ask
from tests.infra.preflight.plans import amazon as account
from tests.infra.preflight.plans import node_group

SPOT_G, ON_DEMAND_G = "quota L-3819A6DF, Spot G and VT", "quota L-DB2E81BA, On-Demand G and VT"
STATED = {"g6.xlarge": PriceSettings.model_validate({"spot": 0.3, "onDemand": 0.9})}
GPUS = node_group("gpus", ["g6.xlarge", "g5.xlarge"], 4, capacityType="SPOT")


def answers(ask: Ask, *more: Resource) -> dict[str, Answer]:
    return ask(aws.section(account(GPUS, *more), STATED))


def test_a_stack_that_fits_its_quota_exactly_passes(amazon: Amazon, ask: Ask) -> None:
    amazon.quotas["L-3819A6DF"] = 24  # 4 nodes of 4 vCPUs, and the g6.2xlarge of others

    found = answers(ask)[SPOT_G]

    assert (found.status, found.found) == (Status.OK, "16 vCPUs needed, the quota is 24, others use 8")


def test_a_stack_one_vcpu_above_its_quota_fails_with_the_command_that_asks_for_more(amazon: Amazon, ask: Ask) -> None:
    amazon.quotas["L-3819A6DF"] = 23

    found = answers(ask)[SPOT_G]

    assert (found.status, found.found) == (
        Status.FAILED,
        "16 vCPUs needed, the quota is 23, others use 8: 1 short",
    )
    assert found.fix == (
        "aws service-quotas request-service-quota-increase --service-code ec2 --quota-code L-3819A6DF "
        "--desired-value 24 --region eu-west-1"
    )


def test_an_account_without_a_quota_of_its_own_has_the_default(amazon: Amazon, ask: Ask) -> None:
    amazon.without_own_value = {"L-3819A6DF"}
    amazon.quotas["L-3819A6DF"] = 0

    assert answers(ask)[SPOT_G].found == "16 vCPUs needed, the quota is 0, others use 8: 24 short"


def test_without_the_right_to_see_instances_a_quota_that_would_do_is_unknown(amazon: Amazon, ask: Ask) -> None:
    amazon.refuse("DescribeInstances", "UnauthorizedOperation", 403)

    found = answers(ask)

    assert found[SPOT_G].status is Status.UNKNOWN
    assert found[SPOT_G].fix == "give the caller ec2:DescribeInstances"
    assert found["EKS with Kubernetes 1.36"].status is Status.OK


def test_without_the_right_to_see_instances_a_quota_that_is_too_small_still_fails(amazon: Amazon, ask: Ask) -> None:
    amazon.refuse("DescribeInstances", "UnauthorizedOperation", 403)
    amazon.quotas["L-3819A6DF"] = 15

    assert answers(ask)[SPOT_G].status is Status.FAILED


def pools(*groups: Resource) -> list[Machines]:
    return machines(account(*groups))


@pytest.mark.parametrize(
    ("code", "vcpus"),
    [("L-DB2E81BA", 2 * 8), ("L-3819A6DF", 4 * 4), ("L-1216C47A", 3 * 2), ("L-417A185B", 96), ("L-C4BD4855", 192)],
)
def test_each_pool_counts_against_its_own_quota_with_its_largest_type(code: str, vcpus: int) -> None:
    (quota,) = [quota for quota in QUOTAS if quota.code == code]
    sizes = {"g6.xlarge": 4, "g5.xlarge": 4, "g6.2xlarge": 8, "m7i.large": 2, "p4d.24xlarge": 96, "p5.48xlarge": 192}
    found = pools(
        GPUS,
        node_group("fixed", ["g6.xlarge", "g6.2xlarge"], 2),
        node_group("system", ["m7i.large"], 3),
        node_group("large", ["p4d.24xlarge"], 1),
        node_group("largest", ["p5.48xlarge"], 1, capacityType="SPOT"),
    )

    assert most(quota, found, sizes) == vcpus


@pytest.mark.usefixtures("amazon")
def test_a_family_whose_quota_nobody_knows_is_said_to_be_unknown(ask: Ask) -> None:
    found = answers(ask, node_group("new", ["q1.xlarge"], 1))

    assert found["quota of on-demand q1.xlarge"].status is Status.UNKNOWN


@pytest.mark.usefixtures("amazon")
def test_a_type_that_some_zones_lack_is_a_warning(ask: Ask) -> None:
    found = answers(ask)["offered to gpus"]

    assert (found.status, found.found) == (Status.WARNING, "g6.xlarge not in eu-west-1c")


@pytest.mark.usefixtures("amazon")
def test_a_pool_whose_types_no_zone_has_fails(ask: Ask) -> None:
    found = answers(ask, node_group("far", ["p5.48xlarge"], 1))["offered to far"]

    assert found.status is Status.FAILED


@pytest.mark.usefixtures("amazon")
def test_spot_prices_are_told_by_zone_and_missing_ones_warned_of(ask: Ask) -> None:
    found = answers(ask, node_group("more", ["g4dn.xlarge"], 1, capacityType="SPOT"))

    assert found["spot price of g5.xlarge"].found.startswith("0.4521 in eu-west-1a USD an hour, ")
    assert found["spot price of g5.xlarge"].status is Status.OK
    assert found["spot price of g4dn.xlarge"].found.startswith("none in eu-west-1a, ")


@pytest.mark.usefixtures("amazon")
def test_a_spot_price_above_the_stack_files_is_a_warning(ask: Ask) -> None:
    found = answers(ask)["spot price of g6.xlarge"]

    assert found.status is Status.WARNING
    assert found.found.endswith("monitoring.prices has 0.3")


def test_spot_that_is_hardly_cheaper_is_a_warning(amazon: Amazon, ask: Ask) -> None:
    amazon.replace("DescribeSpotPriceHistory", "0.452100", "1.100000")

    assert "make the pool on-demand" in answers(ask)["spot price of g5.xlarge"].fix


@pytest.mark.parametrize(("score", "status"), [(3, Status.WARNING), (4, Status.OK)])
def test_spot_capacity_that_is_unlikely_is_a_warning(amazon: Amazon, ask: Ask, score: int, status: Status) -> None:
    amazon.replace("GetSpotPlacementScores", "<score>7<", f"<score>{score}<")

    assert answers(ask)["spot capacity for gpus"].status is status


def test_an_account_that_never_asked_for_spot_lacks_the_role(amazon: Amazon, ask: Ask) -> None:
    amazon.refuse("GetRole", "NoSuchEntity", 404)

    found = answers(ask)["role AWSServiceRoleForEC2Spot"]

    assert (found.status, found.fix) == (
        Status.FAILED,
        "aws iam create-service-linked-role --aws-service-name spot.amazonaws.com",
    )


@pytest.mark.parametrize(
    ("version", "status"),
    [("STANDARD_SUPPORT", Status.OK), ("EXTENDED_SUPPORT", Status.WARNING), ("UNSUPPORTED", Status.FAILED)],
)
def test_only_standard_support_keeps_a_cluster_at_its_version(
    amazon: Amazon, ask: Ask, version: str, status: Status
) -> None:
    amazon.replace("DescribeClusterVersions", "STANDARD_SUPPORT", version)

    assert answers(ask)["EKS with Kubernetes 1.36"].status is status


def test_a_version_without_images_for_its_nodes_fails(amazon: Amazon, ask: Ask) -> None:
    amazon.refuse("GetParameter", "ParameterNotFound")

    assert answers(ask)["image AL2023_x86_64_NVIDIA for 1.36"].status is Status.FAILED


def test_what_the_stack_already_has_takes_no_room_from_it(amazon: Amazon, ask: Ask) -> None:
    amazon.quotas |= {"L-0263D0A3": 2, "L-1194D53C": 2, "L-FE5A380F": 3}

    found = answers(ask)

    assert found["quota L-0263D0A3, Elastic IP addresses"].found == (
        "1 Elastic IP addresses needed, the quota is 2, others use 1"
    )
    assert found["quota L-1194D53C, EKS clusters"].status is Status.OK
    assert found["quota L-FE5A380F, NAT gateways in a zone"].status is Status.OK


def test_a_zone_with_too_many_gateways_fails(amazon: Amazon, ask: Ask) -> None:
    amazon.quotas["L-FE5A380F"] = 2

    assert answers(ask)["quota L-FE5A380F, NAT gateways in a zone"].status is Status.FAILED
