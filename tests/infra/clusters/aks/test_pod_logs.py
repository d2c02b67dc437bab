from dataclasses import replace
from typing import Any

import pytest

from infra.clusters.aks.pod_logs import collection
from infra.clusters.cluster import LogStore, ServiceAccount
from infra.preview import Plan, run
from infra.preview.checks import check_plan, check_resource
from infra.settings.logs import CloudLogSettings, LogSettings
from tests.infra.clusters.aks.conftest import aks_settings, make_cluster
from tests.infra.samples import children

CLUSTER = "azure-native:containerservice:ManagedCluster"
COMPONENT = "inference:clusters:AksPodLogs"
WORKSPACE = "azure-native:operationalinsights:Workspace"
RULE = "azure-native:monitor:DataCollectionRule"
ASSOCIATION = "azure-native:monitor:DataCollectionRuleAssociation"
NAME = "aks-pod-logs"


def settings(**block: Any) -> LogSettings:
    return LogSettings.model_validate(block, strict=False)


@pytest.fixture(scope="module")
def plan() -> Plan:
    def program() -> None:
        make_cluster(aks_settings(), logs=settings(cloud={"retentionDays": 90}))

    return run(program, {})


def collected(plan: Plan) -> Any:
    """The one source of the rule."""
    inputs: Any = plan.one(RULE, NAME).inputs
    (source,) = inputs["dataSources"]["extensions"]
    return source


def test_a_workspace_is_the_stacks_own_and_keeps_lines_for_as_long_as_is_wanted(plan: Plan) -> None:
    assert children(plan, COMPONENT) == {WORKSPACE: 1, RULE: 1, ASSOCIATION: 1}
    assert plan.one(WORKSPACE, NAME).inputs["retentionInDays"] == 90
    assert [str(failure) for failure in check_plan(plan).failures] == []


def test_azures_agent_runs_and_writes_without_a_key(plan: Plan) -> None:
    profiles: Any = plan.one(CLUSTER).inputs["addonProfiles"]

    assert profiles["omsagent"] == {
        "enabled": True,
        "config": {"logAnalyticsWorkspaceResourceID": f"${{{NAME}.id: string}}", "useAADAuth": "true"},
    }


def test_the_rule_is_the_clusters_under_the_name_that_the_agent_looks_for(plan: Plan) -> None:
    association = plan.one(ASSOCIATION, NAME).inputs

    assert association["associationName"] == collected(plan)["name"] == "ContainerInsightsExtension"
    assert association["resourceUri"] == "${aks.id: string}"
    assert association["dataCollectionRuleId"] == f"${{{NAME}.id: string}}"


def test_lines_are_collected_and_nothing_that_prometheus_has(plan: Plan) -> None:
    rule: Any = plan.one(RULE, NAME).inputs
    (flow,), (kept,) = rule["dataFlows"], rule["destinations"]["logAnalytics"]

    assert collected(plan)["streams"] == flow["streams"] == ["Microsoft-ContainerLogV2"]
    assert flow["destinations"] == [kept["name"]]
    assert kept["workspaceResourceId"] == f"${{{NAME}.id: string}}"


@pytest.mark.parametrize(
    ("namespaces", "mode"),
    [
        ([], {"namespaceFilteringMode": "Off"}),
        (["serving"], {"namespaceFilteringMode": "Include", "namespaces": ["serving"]}),
    ],
)
def test_namespaces_are_those_that_are_wanted(namespaces: list[str], mode: dict[str, Any]) -> None:
    found = collection(settings(cloud={}, namespaces=namespaces))

    assert found == {"dataCollectionSettings": {"interval": "1m", "enableContainerLogV2": True, **mode}}


def test_where_lines_go_elsewhere_the_agent_is_off_and_the_cluster_has_no_store() -> None:
    account, found = ServiceAccount(namespace="monitoring", name="fluent-bit"), list[LogStore | None]()

    def program() -> None:
        cluster = make_cluster(aks_settings(), logs=settings(loki={"url": "https://loki.example.com"}))
        found.append(cluster.log_store("logs", account, CloudLogSettings()))

    plan = run(program, {})

    assert plan.one(CLUSTER).inputs["addonProfiles"] == {"omsagent": {"enabled": False}}
    assert plan.of_type(COMPONENT) == []
    assert found == [None]


@pytest.mark.parametrize(
    ("token", "wrong"),
    [
        (RULE, {"dataFlow": []}),
        (RULE, {"destinations": {"logAnalytic": []}}),
        (ASSOCIATION, {"resourceUri": None}),
        (ASSOCIATION, {"ruleId": "x"}),
    ],
)
def test_a_planted_mistake_is_found(plan: Plan, token: str, wrong: dict[str, Any]) -> None:
    resource = plan.one(token, NAME)
    inputs = {key: value for key, value in {**resource.inputs, **wrong}.items() if value is not None}

    assert list(check_resource(resource)) == []
    assert list(check_resource(replace(resource, inputs=inputs)))
