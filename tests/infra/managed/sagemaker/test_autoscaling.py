from typing import Any

import pytest

from infra.managed.sagemaker.real_time import invocations
from infra.preview import Plan
from infra.settings.sagemaker import InvocationScaling
from tests.infra.samples import waits_for

TARGET, POLICY = "aws:appautoscaling/target:Target", "aws:appautoscaling/policy:Policy"
ACTION, ALARM = "aws:appautoscaling/scheduledAction:ScheduledAction", "aws:cloudwatch/metricAlarm:MetricAlarm"
ENDPOINT = "aws-native:sagemaker:Endpoint"
REAL_TIME, ASYNCHRONOUS, SERVERLESS = "sagemaker-real-time", "sagemaker-asynchronous", "sagemaker-serverless"
OF_VARIANT = ("serviceNamespace", "resourceId", "scalableDimension")


def tracking(plan: Plan, name: str) -> Any:
    return plan.one(POLICY, name).inputs["targetTrackingScalingPolicyConfiguration"]


@pytest.mark.parametrize(
    ("name", "kind", "dimension", "bounds"),
    [
        (REAL_TIME, "real-time", "DesiredInstanceCount", (2, 4)),
        (ASYNCHRONOUS, "asynchronous", "DesiredInstanceCount", (0, 3)),
        (SERVERLESS, "serverless", "DesiredProvisionedConcurrency", (2, 8)),
    ],
)
def test_a_target_is_the_endpoints_variant_and_waits_for_it(
    plan: Plan, name: str, kind: str, dimension: str, bounds: tuple[int, int]
) -> None:
    target = plan.one(TARGET, name)

    assert target.inputs["serviceNamespace"] == "sagemaker"
    assert target.inputs["resourceId"] == f"endpoint/platform-test-{kind}/variant/AllTraffic"
    assert target.inputs["scalableDimension"] == f"sagemaker:variant:{dimension}"
    assert (target.inputs["minCapacity"], target.inputs["maxCapacity"]) == bounds
    assert waits_for(plan, target, plan.one(ENDPOINT, name))


def test_policies_and_actions_are_those_of_their_target(plan: Plan) -> None:
    targets = {each.name: [each.inputs[key] for key in OF_VARIANT] for each in plan.of_type(TARGET)}
    parts = [*plan.of_type(POLICY), *plan.of_type(ACTION)]

    assert len(parts) == 6
    for part in parts:
        owner = next(name for name in targets if part.name.startswith(name))
        assert [part.inputs[key] for key in OF_VARIANT] == targets[owner]
        assert waits_for(plan, part, plan.one(TARGET, owner))


def test_real_time_instances_follow_half_of_the_requests_that_one_was_measured_to_answer(plan: Plan) -> None:
    # 200 a second, 60 seconds, 50 %.
    assert tracking(plan, REAL_TIME) == {
        "targetValue": 6000,
        "predefinedMetricSpecification": {"predefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
        "scaleOutCooldown": 60,
        "scaleInCooldown": 300,
    }
    given = {"requestsPerInstance": 10.0, "utilisation": 80}
    assert invocations(InvocationScaling.model_validate(given))["target_value"] == 480


def test_asynchronous_instances_follow_the_queue(plan: Plan) -> None:
    assert tracking(plan, ASYNCHRONOUS) == {
        "targetValue": 5,
        "customizedMetricSpecification": {
            "namespace": "AWS/SageMaker",
            "metricName": "ApproximateBacklogSizePerInstance",
            "dimensions": [{"name": "EndpointName", "value": "platform-test-asynchronous"}],
            "statistic": "Average",
        },
        "scaleOutCooldown": 60,
        "scaleInCooldown": 600,
    }


def test_warm_concurrency_follows_the_share_in_use(plan: Plan) -> None:
    assert tracking(plan, SERVERLESS)["targetValue"] == 0.7


def test_from_none_a_waiting_request_starts_an_instance(plan: Plan) -> None:
    name = f"{ASYNCHRONOUS}-from-zero"
    policy, alarm = plan.one(POLICY, name).inputs, plan.one(ALARM, name).inputs

    assert policy["policyType"] == "StepScaling"
    assert policy["stepScalingPolicyConfiguration"]["stepAdjustments"] == [
        {"metricIntervalLowerBound": "0", "scalingAdjustment": 1}
    ]
    assert (alarm["namespace"], alarm["metricName"]) == ("AWS/SageMaker", "HasBacklogWithoutCapacity")
    assert alarm["dimensions"] == {"EndpointName": "platform-test-asynchronous"}
    assert (alarm["comparisonOperator"], alarm["threshold"]) == ("GreaterThanOrEqualToThreshold", 1)
    assert alarm["alarmActions"] == [f"${{{name}.arn: string}}"]


def test_what_never_falls_to_none_needs_no_waking(plan_with: Any) -> None:
    plan = plan_with({"asynchronous.instances": {"min": 1, "max": 3}})

    assert [each.name for each in plan.of_type(POLICY) if each.name.endswith("from-zero")] == []


def test_office_hours_raise_and_lower_the_least_and_leave_the_most(plan: Plan) -> None:
    found = {each.name: each.inputs for each in plan.of_type(ACTION)}

    assert set(found) == {f"{REAL_TIME}-start", f"{REAL_TIME}-end"}
    start, end = found[f"{REAL_TIME}-start"], found[f"{REAL_TIME}-end"]
    assert (start["schedule"], start["timezone"]) == ("cron(0 7 ? * MON,TUE,WED,THU,FRI *)", "Europe/Berlin")
    assert (end["schedule"], end["timezone"]) == ("cron(0 19 ? * MON,TUE,WED,THU,FRI *)", "Europe/Berlin")
    assert (start["scalableTargetAction"], end["scalableTargetAction"]) == ({"minCapacity": 2}, {"minCapacity": 1})


def test_an_asynchronous_endpoint_may_have_no_instance_outside_office_hours(plan_with: Any) -> None:
    plan = plan_with({"asynchronous.instances": {"min": 1, "max": 2, "minOutsideOfficeHours": 0}})

    assert plan.one(ACTION, f"{ASYNCHRONOUS}-end").inputs["scalableTargetAction"] == {"minCapacity": 0}
    assert plan.one(POLICY, f"{ASYNCHRONOUS}-from-zero")


def test_without_office_hours_nothing_is_scheduled(plan_with: Any) -> None:
    assert plan_with(office_hours=False).of_type(ACTION) == []
