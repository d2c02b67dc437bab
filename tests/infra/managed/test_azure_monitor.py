from dataclasses import replace

import pulumi
import pytest
from pulumi_azure_native import Provider

from infra.managed.azure_monitor import (
    Alarm,
    AlarmGroup,
    AlarmGroupArgs,
    container_alarms,
    endpoint_alarms,
    metric_alert,
    saturation_alarm,
)
from infra.preview import Plan, run
from infra.preview.checks import check_plan, check_resource
from infra.settings.container_instances import ContainerInstancesSettings
from infra.settings.monitoring import ObjectiveSettings

ALERT, GROUP = "azure-native:monitor:MetricAlert", "azure-native:monitor:ActionGroup"
# https://learn.microsoft.com/rest/api/monitor/metric-alerts/create-or-update
WINDOWS = {"PT1M", "PT5M", "PT15M", "PT30M", "PT1H", "PT6H", "PT12H", "P1D"}

OBJECTIVES = ObjectiveSettings.model_validate({"p95LatencyMs": 100, "errorPercent": 0.5})
ALARMS = endpoint_alarms(OBJECTIVES, usual_requests_per_minute=1200)
ALL = {
    **ALARMS,
    "saturation": saturation_alarm("CpuUtilizationPercentage"),
    **container_alarms(ContainerInstancesSettings()),
}


@pytest.fixture(scope="module")
def plan() -> Plan:
    def program() -> None:
        opts = pulumi.ResourceOptions(providers=[Provider("azure")])
        emails = ["ml@example.com", "on-call@example.com"]
        group_args = AlarmGroupArgs(resource_group_name="group", short_name="inference-platform", emails=emails)
        group = AlarmGroup("alarms", group_args, opts)
        for name, alarm in ALL.items():
            metric_alert(
                name,
                alarm,
                scope=f"/{name}",
                group_id=group.id,
                resource_group_name="group",
                opts=pulumi.ResourceOptions(parent=group),
            )

    return run(program, {})


def test_every_input_is_one_that_the_sdk_knows(plan: Plan) -> None:
    checked = check_plan(plan)

    assert [str(failure) for failure in checked.failures] == []
    assert {kind.check for kind in checked.kinds} == {"SDK types"}
    assert len(plan.of_type(ALERT)) == len(ALL)


@pytest.mark.parametrize("name", list(ALL))
def test_a_planted_mistake_is_caught(plan: Plan, name: str) -> None:
    resource = plan.one(ALERT, name)
    criteria = resource.inputs["criteria"]
    wrong = {**criteria, "allOf": [{**criteria["allOf"][0], "metricNames": "CpuUsage"}]}

    (problem,) = check_resource(replace(resource, inputs={**resource.inputs, "criteria": wrong}))

    assert problem.path.startswith("criteria")


def test_what_is_promised_is_what_raises_the_alarms() -> None:
    assert ALARMS["latency"].metric == "RequestLatency_P95"
    assert ALARMS["latency"].above == 100
    # Half a percent of 1,200 requests a minute.
    assert ALARMS["errors"].above == pytest.approx(6)
    assert ALARMS["errors"].dimensions == {"statusCodeClass": "5xx"}
    assert ALARMS["refused"].dimensions == {"statusCode": "429"}


@pytest.mark.parametrize(("usual", "percent", "failing"), [(60, 1, 0.6), (6000, 0.1, 6), (1, 5, 0.05)])
def test_errors_are_counted_against_the_usual_traffic(usual: int, percent: float, failing: float) -> None:
    objectives = ObjectiveSettings.model_validate({"errorPercent": percent})

    assert endpoint_alarms(objectives, usual)["errors"].above == pytest.approx(failing)


def test_silence_is_judged_by_what_is_usual_and_not_by_a_number(plan: Plan) -> None:
    criteria = plan.one(ALERT, "silence").inputs["criteria"]
    (condition,) = criteria["allOf"]

    assert ALARMS["silence"].above is None
    assert criteria["odataType"] == "Microsoft.Azure.Monitor.MultipleResourceMultipleMetricCriteria"
    assert condition["criterionType"] == "DynamicThresholdCriterion"
    assert condition["operator"] == "LessThan"
    assert "threshold" not in condition


def test_windows_are_ones_that_azure_offers_and_hold_several_looks(plan: Plan) -> None:
    for alert in plan.of_type(ALERT):
        window, frequency = alert.inputs["windowSize"], alert.inputs["evaluationFrequency"]
        assert window in WINDOWS
        assert frequency in WINDOWS
        assert int(window[2:-1]) >= 3 * int(frequency[2:-1])


def test_an_alert_is_global_heals_itself_and_tells_its_group(plan: Plan) -> None:
    for name in ALL:
        alert = plan.one(ALERT, name).inputs
        # Azure refuses any other place, and the provider's default is the resource group's.
        assert alert["location"] == "global"
        assert alert["autoMitigate"] is True
        assert alert["scopes"] == [f"/{name}"]
        assert alert["actions"] == [{"actionGroupId": "${alarms.id: string}"}]


def test_everybody_named_gets_an_email(plan: Plan) -> None:
    group = plan.one(GROUP).inputs

    assert group["groupShortName"] == "inference-pl"
    assert [each["emailAddress"] for each in group["emailReceivers"]] == ["ml@example.com", "on-call@example.com"]


def test_a_full_container_is_measured_in_millicores_and_bytes() -> None:
    found = container_alarms(ContainerInstancesSettings.model_validate({"cpu": 0.5, "memoryGib": 1.5}))

    assert found["cpu"].above == pytest.approx(450)
    assert found["memory"].above == pytest.approx(1.35 * 2**30)


@pytest.mark.parametrize("alarm", list(ALL.values()))
def test_a_summary_says_what_is_wrong_in_one_line(alarm: Alarm) -> None:
    assert 20 < len(alarm.summary) < 120
    assert "\n" not in alarm.summary
