"""Alarms evaluated as CloudWatch would: metrics in its units, an expression for each period, so many of so many."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from infra.managed.cloudwatch.alarm import Alarm, alarms
from infra.managed.cloudwatch.aws_lambda import function_conditions, function_promises
from infra.managed.cloudwatch.sagemaker import variant_conditions, variant_promises
from infra.managed.cloudwatch.topic import AlarmTopic, AlarmTopicArgs
from infra.preview import Plan, run
from infra.preview.checks import check_plan, check_resource
from infra.settings.monitoring import ObjectiveSettings
from tests.infra.samples import children

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
OBJECTIVES = ObjectiveSettings.model_validate({"p95LatencyMs": 100, "errorPercent": 2})
SPECS = {
    f"{kind}-{spec.name}": spec
    for kind, specs in {
        "endpoint": [*variant_promises(OBJECTIVES, "e", "v"), *variant_conditions("e", "v", vcpus=4, gpus=2)],
        "function": [*function_promises(OBJECTIVES, "f"), *function_conditions("f", 20)],
    }.items()
    for spec in specs
}
Minute = dict[str, float]


def fires(name: str, *minutes: Minute) -> bool:
    """Whether the alarm's newest periods breach; an empty minute is one without data, and counts as good."""
    spec = SPECS[name]
    assert spec.threshold is not None
    values = [_value(spec, minute) for minute in minutes[-spec.periods :]]
    return sum(value is not None and value > spec.threshold for value in values) >= spec.breaching


def _value(spec: Alarm, minute: Minute) -> float | None:
    data = {short: minute.get(metric.name) for short, metric in spec.metrics.items()}
    try:
        return eval(spec.expression, {"__builtins__": {}}, {**data, "FILL": _fill, "MAX": max})
    except (TypeError, ZeroDivisionError):
        return None  # metric math gives no value where a series has none, or for a division by zero


def _fill(value: float | None, filler: float) -> float:
    return filler if value is None else value


def test_an_endpoint_is_slow_when_model_and_overhead_together_are_in_microseconds() -> None:
    within: Minute = {"ModelLatency": 60_000, "OverheadLatency": 39_000}
    over: Minute = {"ModelLatency": 62_000, "OverheadLatency": 39_000}

    assert not fires("endpoint-latency", *[within] * 5)
    assert fires("endpoint-latency", *[over] * 5)
    assert not fires("endpoint-latency", *[over] * 4, within)
    assert not fires("endpoint-latency", *[over] * 4, {})


def test_a_function_is_slow_in_milliseconds() -> None:
    assert not fires("function-latency", *[{"Duration": 99.0}] * 5)
    assert fires("function-latency", *[{"Duration": 101.0}] * 5)


def test_an_endpoints_errors_are_a_share_of_its_requests() -> None:
    assert not fires("endpoint-errors", *[{"Invocation5XXErrors": 0.019}] * 5)
    assert fires("endpoint-errors", {}, {}, *[{"Invocation5XXErrors": 0.021}] * 3)
    assert not fires("endpoint-errors", *[{"Invocation5XXErrors": 1.0}] * 2)


def test_a_functions_errors_are_those_it_answers_and_those_that_end_it_and_none_twice() -> None:
    answered: Minute = {"Invocations": 100, "Errors": 0, "Url5xxCount": 3}
    ended: Minute = {"Invocations": 100, "Errors": 3, "Url5xxCount": 3}
    direct: Minute = {"Invocations": 100, "Errors": 3}
    few: Minute = {"Invocations": 100, "Errors": 2, "Url5xxCount": 2}

    assert [fires("function-errors", *[minute] * 3) for minute in (answered, ended, direct, few)] == [
        True,
        True,
        True,
        False,
    ]


def test_an_endpoint_is_full_when_any_of_its_resources_is_over_all_its_units() -> None:
    usual: Minute = {"MemoryUtilization": 50, "CPUUtilization": 350, "GPUUtilization": 170}

    assert not fires("endpoint-saturation", *[usual] * 15)
    for full in ({"MemoryUtilization": 91}, {"CPUUtilization": 365}, {"GPUUtilization": 185}):
        assert fires("endpoint-saturation", *[{**usual, **full}] * 15)


def test_an_instance_of_unknown_size_is_judged_by_its_memory() -> None:
    spec, _ = variant_conditions("e", "v")

    assert list(spec.metrics) == ["memory"]
    assert spec.expression == "memory"


def test_a_function_is_full_when_its_reserved_concurrency_is_nearly_used() -> None:
    assert not fires("function-saturation", *[{"ConcurrentExecutions": 18.0}] * 15)
    assert fires("function-saturation", *[{"ConcurrentExecutions": 19.0}] * 15)
    assert [spec.name for spec in function_conditions("f", None)] == ["throttled", "no-traffic"]


def test_a_refused_request_now_and_then_is_no_alarm() -> None:
    refused, none = {"Throttles": 1.0}, {"Throttles": 0.0}

    assert not fires("function-throttled", refused, none, none, none, refused)
    assert fires("function-throttled", refused, none, refused, none, refused)


@pytest.mark.parametrize("name", [name for name, spec in SPECS.items() if spec.threshold is not None])
def test_an_idle_stack_raises_no_alarm(name: str) -> None:
    idle: Minute = {}

    assert not fires(name, *[idle] * 100)


@pytest.mark.parametrize("kind", ["endpoint", "function"])
def test_silence_is_compared_with_what_is_usual_and_missing_data_is_silence(kind: str) -> None:
    spec = SPECS[f"{kind}-no-traffic"]

    assert spec.threshold is None
    assert _value(spec, {}) == 0
    assert _value(spec, {"Invocations": 7}) == 7
    # FILL takes a late newest period for zero: one alone must not decide.
    assert spec.breaching == spec.periods > 1


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
def test_alarms_keep_cloudwatchs_limits(spec: Alarm) -> None:
    assert spec.seconds % 60 == 0
    assert spec.seconds * spec.periods <= 86_400
    assert 1 <= spec.breaching <= spec.periods
    assert len(spec.metrics) <= 10
    assert all(short.isidentifier() and short[0].islower() for short in spec.metrics)


def preview(build: Callable[[], object]) -> Plan:
    return run(lambda: void(build()), {})


def void(_: object) -> None:
    return


@pytest.fixture(scope="module")
def plan() -> Plan:
    actions = ["arn:aws:sns:eu-west-1:111122223333:alarms"]

    def build() -> None:
        for name, spec in SPECS.items():
            kind = name.partition("-")[0]
            alarms(kind, [spec], actions, pulumi.ResourceOptions())

    return preview(build)


def test_every_alarm_tells_of_its_begin_and_end_and_passes_the_sdks_check(plan: Plan) -> None:
    made = plan.of_type(ALARM)

    assert {alarm.name for alarm in made} == SPECS.keys()
    for alarm in made:
        assert alarm.inputs["alarmActions"] == alarm.inputs["okActions"] != []
        assert alarm.inputs["treatMissingData"] == "notBreaching"
    assert [str(failure) for failure in check_plan(plan).failures] == []


def test_one_series_is_watched_and_compared_with_the_threshold_or_with_the_band(plan: Plan) -> None:
    for alarm in plan.of_type(ALARM):
        returned = [query["id"] for query in alarm.inputs["metricQueries"] if query["returnData"]]
        if "threshold" in alarm.inputs:
            assert len(returned) == 1
            assert alarm.inputs["comparisonOperator"] == "GreaterThanThreshold"
            assert "thresholdMetricId" not in alarm.inputs
        else:
            assert returned == ["watched", alarm.inputs["thresholdMetricId"]]
            assert alarm.inputs["comparisonOperator"] == "LessThanLowerThreshold"


def test_an_alarm_watches_its_own_endpoint(plan: Plan) -> None:
    def dimensions(alarm: Any) -> list[Any]:
        return [query["metric"]["dimensions"] for query in alarm.inputs["metricQueries"] if "metric" in query]

    for alarm in plan.of_type(ALARM):
        own = {"FunctionName": "f"}
        if alarm.name.startswith("endpoint"):
            own = {"EndpointName": "e", "VariantName": "v"}
        assert dimensions(alarm) == [own] * len(dimensions(alarm)) != []


def test_a_deployment_is_rolled_back_for_broken_promises_only() -> None:
    assert [spec.name for spec in variant_promises(OBJECTIVES, "e", "v")] == ["latency", "errors"]
    assert [spec.name for spec in variant_conditions("e", "v")] == ["saturation", "no-traffic"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"metric_queries": [{"id": "m", "expresion": "1"}]}, "metricQueries[0].expresion: unknown key"),
        ({"metric_queries": [{"id": "m", "metric": {"stat": "p95", "period": 60}}]}, "metricName: required"),
        ({"evaluation_periods": "five"}, "evaluationPeriods: must be an integer"),
    ],
)
def test_a_planted_mistake_in_an_alarm_is_found(wrong: dict[str, Any], told: str) -> None:
    inputs: dict[str, Any] = {"comparison_operator": "GreaterThanThreshold", "evaluation_periods": 1, **wrong}

    assert told in problems(preview(lambda: aws.cloudwatch.MetricAlarm("wrong", **inputs)), ALARM)


def problems(plan: Plan, kind: str) -> str:
    return "; ".join(f"{found.path}: {found.rule}" for found in check_resource(plan.one(kind)))


@pytest.fixture(scope="module")
def topic() -> Plan:
    emails = ["ops@example.com", "ml@example.com"]
    args = AlarmTopicArgs(account_id="111122223333", partition="aws-cn", emails=emails)
    return preview(lambda: AlarmTopic("alarms", args))


def test_a_topic_is_encrypted_and_mails_everyone(topic: Plan) -> None:
    assert children(topic, "inference:managed:AlarmTopic").total() == 5
    assert topic.one("aws:sns/topic:Topic").inputs["kmsMasterKeyId"] == "${alarms.keyId: string}"
    subscriptions = [each.inputs for each in topic.of_type("aws:sns/topicSubscription:TopicSubscription")]
    assert {each["endpoint"] for each in subscriptions} == {"ops@example.com", "ml@example.com"}
    assert {each["protocol"] for each in subscriptions} == {"email"}
    assert [str(failure) for failure in check_plan(topic).failures] == []


def statements(policy: str) -> Sequence[Any]:
    return json.loads(policy)["Statement"]


def test_cloudwatch_may_encrypt_and_the_account_governs_the_key(topic: Plan) -> None:
    key = topic.one("aws:kms/key:Key").inputs
    account, cloudwatch = statements(key["policy"])

    assert key["enableKeyRotation"] is True
    assert account["Principal"] == {"AWS": "arn:aws-cn:iam::111122223333:root"}
    assert cloudwatch["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert set(cloudwatch["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey*"}


def test_only_alarms_of_the_account_may_publish(topic: Plan) -> None:
    policy = topic.one("aws:sns/topicPolicy:TopicPolicy").inputs
    (publish,) = statements(policy["policy"])

    assert (publish["Action"], publish["Principal"]) == ("sns:Publish", {"Service": "cloudwatch.amazonaws.com"})
    assert publish["Condition"] == {"StringEquals": {"aws:SourceAccount": "111122223333"}}
    assert publish["Resource"] == policy["arn"] == "${alarms.arn: string}"
