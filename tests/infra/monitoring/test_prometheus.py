from collections import Counter
from typing import Any

import pulumi
import pytest

from infra.monitoring.namespace import MonitoringNamespace
from infra.monitoring.prometheus import JAEGER_UID, URL, Prometheus, PrometheusArgs, grafana_values
from infra.monitoring.secrets import ALERTMANAGER
from infra.preview import Plan
from infra.preview.checks import check_plan
from infra.preview.manifests import manifests
from infra.settings.monitoring import MonitoringSettings
from tests.infra.samples import children, on_cluster, waits_for

RELEASE, SECRET = "kubernetes:helm.sh/v3:Release", "kubernetes:core/v1:Secret"
NAMESPACE = "kubernetes:core/v1:Namespace"
SETTINGS = MonitoringSettings.model_validate({"retentionDays": 9, "storage": "33Gi"})


LABELS = {"cluster": "eks", "environment": "prod"}
JAEGER = "http://jaeger.tracing.svc:16686"


def build(cluster: Any, opts: pulumi.ResourceOptions) -> None:
    args = PrometheusArgs(
        settings=SETTINGS,
        storage_class=cluster.storage_class,
        labels=LABELS,
        after=[MonitoringNamespace("monitoring", opts)],
        secrets={ALERTMANAGER: "alertmanager-secret"},
    )
    pulumi.export("grafana", Prometheus("prometheus", args, opts).grafana)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return on_cluster(build)


@pytest.fixture(scope="module")
def values(plan: Plan) -> Any:
    return plan.one(RELEASE).inputs["values"]


def test_prometheus_owns_its_login_and_its_chart_in_a_namespace_that_was_there(plan: Plan) -> None:
    (password,) = [each for each in plan.resources if each.package == "random" and each.parent]

    assert children(plan, "inference:monitoring:Prometheus") == Counter([SECRET, RELEASE, password.type])
    assert children(plan, "inference:monitoring:MonitoringNamespace") == Counter([NAMESPACE])
    assert [str(failure) for failure in check_plan(plan).failures] == []
    assert waits_for(plan, plan.one(RELEASE), plan.one(SECRET))
    assert waits_for(plan, plan.one(SECRET), plan.one(NAMESPACE))


def test_the_password_is_long_and_shown_nowhere(plan: Plan) -> None:
    (password,) = [each for each in plan.resources if each.package == "random" and each.parent]

    assert password.inputs["length"] >= 24
    assert plan.one(SECRET).inputs["stringData"]["admin-password"] == "${secret: string}"
    assert plan.exports["grafana"]["password"] == "${secret: string}"
    assert "prometheus.result" not in str(plan)
    assert "prometheus.result" not in "".join(file.text for file in manifests(plan))


def test_grafana_logs_in_with_the_secret_and_is_where_the_export_says(plan: Plan, values: Any) -> None:
    secret = plan.one(SECRET).inputs
    admin = values["grafana"]["admin"]

    assert admin["existingSecret"] == secret["metadata"]["name"]
    assert {admin["userKey"], admin["passwordKey"]} == secret["stringData"].keys()
    assert secret["metadata"]["namespace"] == plan.one(RELEASE).inputs["namespace"]
    assert f"svc/{values['grafana']['fullnameOverride']} " in plan.exports["grafana"]["open"]


def test_other_programs_ask_the_service_that_the_chart_makes(plan: Plan, values: Any) -> None:
    assert f"http://{values['fullnameOverride']}-prometheus.{plan.one(RELEASE).inputs['namespace']}.svc:9090" == URL


def test_series_are_kept_on_a_volume_of_the_clusters_class_that_goes_with_the_stack(values: Any) -> None:
    spec = values["prometheus"]["prometheusSpec"]
    claim = spec["storageSpec"]["volumeClaimTemplate"]["spec"]

    assert spec["retention"] == "9d"
    assert claim["storageClassName"] == "encrypted"
    assert claim["resources"] == {"requests": {"storage": "33Gi"}}
    assert spec["persistentVolumeClaimRetentionPolicy"]["whenDeleted"] == "Delete"


def test_monitors_and_rules_of_other_releases_are_read_too(values: Any) -> None:
    spec = values["prometheus"]["prometheusSpec"]

    for kind in ("serviceMonitor", "podMonitor", "rule"):
        assert spec[f"{kind}SelectorNilUsesHelmValues"] is False


def test_series_and_alerts_that_leave_the_cluster_say_where_they_are_from(values: Any) -> None:
    assert values["prometheus"]["prometheusSpec"]["externalLabels"] == LABELS


def test_alertmanager_mounts_the_secret_and_keeps_its_silences(values: Any) -> None:
    spec = values["alertmanager"]["alertmanagerSpec"]

    assert spec["secrets"] == ["alertmanager-secret"]
    assert spec["storage"]["volumeClaimTemplate"]["spec"]["storageClassName"] == "encrypted"
    assert spec["persistentVolumeClaimRetentionPolicy"]["whenDeleted"] == "Delete"


def test_an_exemplar_leads_to_its_trace_where_jaeger_is(values: Any) -> None:
    with_jaeger = grafana_values(JAEGER)
    (source,) = with_jaeger["additionalDataSources"]

    assert values["prometheus"]["prometheusSpec"]["enableFeatures"] == ["exemplar-storage"]
    assert (source["type"], source["uid"], source["url"]) == ("jaeger", JAEGER_UID, JAEGER)
    assert with_jaeger["sidecar"]["datasources"]["exemplarTraceIdDestinations"]["datasourceUid"] == JAEGER_UID
    assert "additionalDataSources" not in values["grafana"]
    assert "exemplarTraceIdDestinations" not in values["grafana"]["sidecar"]["datasources"]
