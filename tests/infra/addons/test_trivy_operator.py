from collections import Counter
from typing import Any

import pulumi
import pulumi_random as random
import pytest

from infra.addons.trivy_operator import ACCOUNT, TrivyOperator, TrivyOperatorArgs
from infra.clusters.cluster import Cluster, Identity
from infra.preview import Plan
from infra.preview.checks import check_plan
from infra.settings.security import TrivySettings
from infra.settings.serving import RESERVED_NAMESPACES
from tests.infra.samples import children, on_cluster, waits_for

NAMESPACE, RELEASE = "kubernetes:core/v1:Namespace", "kubernetes:helm.sh/v3:Release"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
OTHER = "random:index/randomId:RandomId"


def preview(*, scraper: str | None = "watchers", mirror: str | None = None) -> Plan:
    def build(cluster: Cluster, opts: pulumi.ResourceOptions) -> None:
        del cluster
        definitions, role = random.RandomId("definitions", byte_length=1), random.RandomId("role", byte_length=1)
        settings = {"severities": ["MEDIUM", "HIGH"], "databases": "registry.example.com:5000/security/trivy"}
        args = TrivyOperatorArgs(
            settings=TrivySettings.model_validate(settings, strict=False),
            namespaces=["serving", "training"],
            identity=Identity(
                annotations={"example.com/role": "puller"}, pod_labels={"example.com/use": "true"}, after=[role]
            ),
            scraper=scraper,
            chart_mirror=mirror,
            after=[definitions],
        )
        TrivyOperator("trivy", args, opts)

    return on_cluster(build)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return preview()


@pytest.fixture(scope="module")
def values(plan: Plan) -> Any:
    return plan.one(RELEASE).inputs["values"]


def test_the_operator_owns_its_namespace_its_policy_and_its_chart(plan: Plan) -> None:
    assert children(plan, "inference:addons:TrivyOperator") == Counter([NAMESPACE, POLICY, RELEASE])
    assert [str(failure) for failure in check_plan(plan).failures] == []
    assert waits_for(plan, plan.one(POLICY), plan.one(NAMESPACE))
    for earlier in (plan.one(POLICY), plan.one(OTHER, "definitions"), plan.one(OTHER, "role")):
        assert waits_for(plan, plan.one(RELEASE), earlier)


def test_its_namespace_is_restricted_and_no_model_server_can_have_it(plan: Plan) -> None:
    metadata = plan.one(NAMESPACE).inputs["metadata"]

    assert metadata["labels"] == {"pod-security.kubernetes.io/enforce": "restricted"}
    assert metadata["name"] == plan.one(RELEASE).inputs["namespace"] == ACCOUNT.namespace
    assert metadata["name"] in RESERVED_NAMESPACES


def test_the_operator_and_its_scans_are_pods_that_the_namespace_admits(values: Any) -> None:
    pods = [values["podSecurityContext"], values["trivyOperator"]["scanJobPodTemplatePodSecurityContext"]]

    for pod in pods:
        assert pod["runAsNonRoot"] is True
        assert pod["runAsUser"] > 0
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}


def test_images_of_the_named_namespaces_are_scanned_and_nothing_else_is_read(values: Any) -> None:
    operator = values["operator"]

    assert values["targetNamespaces"] == "serving,training"
    assert {key for key, value in operator.items() if value is False} == {
        "configAuditScannerEnabled",
        "rbacAssessmentScannerEnabled",
        "infraAssessmentScannerEnabled",
        "clusterComplianceEnabled",
        "sbomGenerationEnabled",
        "accessGlobalSecretsAndServiceAccount",
    }


def test_scans_stay_off_gpu_nodes_and_within_limits(values: Any) -> None:
    assert "scanJobTolerations" not in values["trivyOperator"]
    assert set(values["trivy"]["resources"]["limits"]) == {"cpu", "memory"}
    assert values["operator"]["scanJobsConcurrentLimit"] == 1


def test_databases_come_from_where_the_settings_say(values: Any) -> None:
    trivy = values["trivy"]

    assert trivy["dbRegistry"] == trivy["javaDbRegistry"] == "registry.example.com:5000"
    assert trivy["dbRepository"] == "security/trivy/trivy-db"
    assert trivy["javaDbRepository"] == "security/trivy/trivy-java-db"
    assert trivy["severity"] == "MEDIUM,HIGH"


def test_scans_pull_as_the_account_that_may(values: Any) -> None:
    assert values["serviceAccount"] == {"name": ACCOUNT.name, "annotations": {"example.com/role": "puller"}}
    assert values["trivyOperator"]["scanJobPodTemplateLabels"] == "example.com/use=true"
    assert values["podLabels"] == {"example.com/use": "true"}


def test_nobody_gets_in_but_who_scrapes(plan: Plan) -> None:
    spec = plan.one(POLICY).inputs["spec"]
    (rule,) = spec["ingress"]

    assert (spec["podSelector"], spec["policyTypes"]) == ({}, ["Ingress"])
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "watchers"}}}]
    assert rule["ports"] == [{"protocol": "TCP", "port": 8080}]


@pytest.mark.parametrize("scraper", ["watchers", None])
def test_it_is_scraped_where_somebody_does(scraper: str | None) -> None:
    plan = preview(scraper=scraper)
    values: Any = plan.one(RELEASE).inputs["values"]

    assert values["serviceMonitor"] == {"enabled": scraper is not None}
    assert ("ingress" in plan.one(POLICY).inputs["spec"]) is (scraper is not None)


def test_the_chart_comes_from_the_mirror_where_there_is_one() -> None:
    plan = preview(mirror="oci://charts.example.com/all")

    assert plan.one(RELEASE).inputs["chart"] == "oci://charts.example.com/all/trivy-operator"
