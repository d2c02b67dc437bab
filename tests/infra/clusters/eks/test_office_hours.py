import importlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter

from infra.preview import Plan
from infra.preview.checks import check_plan, check_resource
from tests.infra.samples import children, waits_for

# botocore ships no type information, so its objects are untyped here.
botocore_session: Any = importlib.import_module("botocore.session")
botocore_validate: Any = importlib.import_module("botocore.validate")

SCHEDULE, GROUP = "aws:scheduler/schedule:Schedule", "aws:eks/nodeGroup:NodeGroup"
HOURS = {"timeZone": "Europe/Berlin", "days": ["mon", "fri"], "start": "07:30", "end": "19:00"}
TYPES = ["g5.xlarge"]


@pytest.fixture(scope="session")
def scheduled(eks_with: Callable[..., Plan]) -> Plan:
    pools = {
        "spot": {"instanceTypes": TYPES, "min": 3, "max": 6, "minOutsideOfficeHours": 0},
        "fixed": {"instanceTypes": TYPES, "capacity": "on-demand", "min": 2, "max": 2},
    }
    return eks_with({"officeHours": HOURS, "eks.gpuPools": pools})


def target(plan: Plan, edge: str) -> dict[str, Any]:
    return plan.one(SCHEDULE, f"eks-spot-hours-{edge}").inputs["target"]


def test_every_input_fits_its_schema(scheduled: Plan) -> None:
    assert [str(failure) for failure in check_plan(scheduled).failures] == []


def test_only_a_pool_with_a_size_outside_office_hours_has_schedules(eks: Plan, scheduled: Plan) -> None:
    owned = children(scheduled, "inference:clusters:OfficeHours", "eks-spot-hours")

    assert eks.of_type(SCHEDULE) == []
    assert {each.name for each in scheduled.of_type(SCHEDULE)} == {"eks-spot-hours-start", "eks-spot-hours-end"}
    assert owned == {SCHEDULE: 2, "inference:aws:Role": 1}


def test_a_group_has_its_usual_size_in_office_hours_and_the_other_one_outside(scheduled: Plan) -> None:
    start, end = (json.loads(target(scheduled, edge)["input"]) for edge in ("start", "end"))

    assert start["ScalingConfig"] == {"MinSize": 3, "MaxSize": 3, "DesiredSize": 3}
    # EKS refuses a maximum of 0.
    assert end["ScalingConfig"] == {"MinSize": 0, "MaxSize": 1, "DesiredSize": 0}
    assert scheduled.one(GROUP, "eks-spot").inputs["scalingConfig"]["desiredSize"] == 3


@pytest.mark.parametrize(
    ("edge", "expression", "first", "second"),
    [
        # Saturday noon; the clocks go back on Sunday, so local 07:30 is an hour later in UTC.
        ("start", "cron(30 7 ? * MON,FRI *)", "2026-10-26 06:30", "2026-10-30 06:30"),
        ("end", "cron(0 19 ? * MON,FRI *)", "2026-10-26 18:00", "2026-10-30 18:00"),
    ],
)
def test_schedules_fire_on_office_days_by_local_time(
    scheduled: Plan, edge: str, expression: str, first: str, second: str
) -> None:
    inputs = scheduled.one(SCHEDULE, f"eks-spot-hours-{edge}").inputs
    minute, hour, _, _, days, _ = expression.removeprefix("cron(").removesuffix(")").split()
    times = croniter(f"{minute} {hour} * * {days}", datetime(2026, 10, 24, 12, tzinfo=ZoneInfo("Europe/Berlin")))
    fired = [times.get_next(datetime).astimezone(UTC).strftime("%Y-%m-%d %H:%M") for _ in range(2)]

    assert inputs["scheduleExpression"] == expression
    assert inputs["scheduleExpressionTimezone"] == "Europe/Berlin"
    assert inputs["flexibleTimeWindow"] == {"mode": "OFF"}
    assert fired == [first, second]


def lowered(request: dict[str, Any]) -> dict[str, Any]:
    """A request with the names of EKS's own API, which begin with a small letter."""
    return {
        name[0].lower() + name[1:]: lowered(cast("dict[str, Any]", value)) if isinstance(value, dict) else value
        for name, value in request.items()
    }


@pytest.mark.parametrize("edge", ["start", "end"])
def test_what_a_schedule_sends_is_a_complete_request_of_the_eks_api(scheduled: Plan, edge: str) -> None:
    service = botocore_session.get_session().get_service_model("eks")
    sent = json.loads(target(scheduled, edge)["input"])
    shape = service.operation_model("UpdateNodegroupConfig").input_shape

    assert target(scheduled, edge)["arn"] == "arn:aws:scheduler:::aws-sdk:eks:updateNodegroupConfig"
    assert sent.keys() == {"ClusterName", "NodegroupName", "ScalingConfig"}
    assert botocore_validate.ParamValidator().validate(lowered(sent), shape).generate_report() == ""
    assert lowered(sent)["scalingConfig"].keys() <= shape.members["scalingConfig"].members.keys()
    assert lowered(sent).keys() <= shape.members.keys()


def test_a_schedule_follows_its_group_to_a_new_name(scheduled: Plan) -> None:
    sent = json.loads(target(scheduled, "start")["input"])

    assert sent["NodegroupName"] == "${eks-spot.nodeGroupName: string}"
    assert waits_for(scheduled, scheduled.one(SCHEDULE, "eks-spot-hours-start"), scheduled.one(GROUP, "eks-spot"))


def test_a_schedule_may_resize_its_own_group_and_nothing_else(scheduled: Plan) -> None:
    policy = json.loads(scheduled.one("aws:iam/rolePolicy:RolePolicy", "eks-spot-hours").inputs["policy"])
    trust = json.loads(scheduled.one("aws:iam/role:Role", "eks-spot-hours").inputs["assumeRolePolicy"])

    assert policy["Statement"] == [
        {"Effect": "Allow", "Action": "eks:UpdateNodegroupConfig", "Resource": "${eks-spot.arn: string}"}
    ]
    assert trust["Statement"] == [
        {
            "Effect": "Allow",
            "Principal": {"Service": "scheduler.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}},
        }
    ]
    assert target(scheduled, "end")["roleArn"] == "${eks-spot-hours.arn: string}"


def test_pulumi_leaves_the_size_of_a_scheduled_group_to_its_schedules_and_of_no_other(scheduled: Plan) -> None:
    ignored = {each.name: each.ignore_changes for each in scheduled.of_type(GROUP)}

    assert ignored == {"eks-spot": ["scalingConfig"], "eks-fixed": [], "eks-system": []}


def test_a_call_that_eks_refuses_is_tried_again_but_not_into_the_next_hours(scheduled: Plan) -> None:
    retries = target(scheduled, "start")["retryPolicy"]

    assert retries["maximumRetryAttempts"] >= 10
    assert 900 <= retries["maximumEventAgeInSeconds"] <= 3600


def test_other_partitions_have_targets_of_their_own(eks_with: Callable[..., Plan]) -> None:
    plan = eks_with(
        {
            "aws.region": "cn-north-1",
            "aws.network.zones": ["cn-north-1a", "cn-north-1b"],
            "officeHours": HOURS,
            "eks.gpuPools": {"spot": {"instanceTypes": TYPES, "min": 1, "max": 4, "minOutsideOfficeHours": 0}},
        }
    )

    assert target(plan, "end")["arn"].startswith("arn:aws-cn:scheduler:::")


@pytest.mark.parametrize(
    ("planted", "path"),
    [
        ({"scheduleExpression": None}, "scheduleExpression"),
        ({"timezone": "UTC"}, "timezone"),
        ({"target": {"arn": "arn", "roleArn": "arn", "retryPolicy": {"maximumRetries": 1}}},
         "target.retryPolicy.maximumRetries"),
    ],
)  # fmt: skip
def test_a_wrong_input_is_caught(scheduled: Plan, planted: Mapping[str, Any], path: str) -> None:
    schedule = scheduled.one(SCHEDULE, "eks-spot-hours-end")
    inputs = {key: value for key, value in {**schedule.inputs, **planted}.items() if value is not None}

    assert [problem.path for problem in check_resource(replace(schedule, inputs=inputs))] == [path]
