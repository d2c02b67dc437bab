from collections import Counter
from typing import Any

import pulumi
import pytest

from infra.addons.keda import Keda, KedaArgs
from infra.clusters.cluster import Cluster
from infra.preview import Plan
from infra.preview.checks import check_plan
from infra.settings.serving import RESERVED_NAMESPACES
from tests.infra.samples import children, on_cluster, waits_for

NAMESPACE, RELEASE = "kubernetes:core/v1:Namespace", "kubernetes:helm.sh/v3:Release"


def preview(mirror: str | None = None) -> Plan:
    def build(cluster: Cluster, opts: pulumi.ResourceOptions) -> None:
        del cluster
        Keda("keda", KedaArgs(chart_mirror=mirror), opts)

    return on_cluster(build)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return preview()


@pytest.fixture(scope="module")
def values(plan: Plan) -> Any:
    return plan.one(RELEASE).inputs["values"]


def test_keda_owns_its_namespace_and_its_chart(plan: Plan) -> None:
    assert children(plan, "inference:addons:Keda") == Counter([NAMESPACE, RELEASE])
    assert [str(failure) for failure in check_plan(plan).failures] == []
    assert {each.provider_name for each in plan.resources if each.parent} == {"plain"}
    assert waits_for(plan, plan.one(RELEASE), plan.one(NAMESPACE))


def test_its_namespace_is_restricted_and_no_model_server_can_have_it(plan: Plan) -> None:
    metadata = plan.one(NAMESPACE).inputs["metadata"]

    assert metadata["labels"] == {"pod-security.kubernetes.io/enforce": "restricted"}
    assert metadata["name"] == plan.one(RELEASE).inputs["namespace"]
    assert metadata["name"] in RESERVED_NAMESPACES


def test_keda_reads_no_secrets_and_scales_no_other_kinds_than_it_must(values: Any) -> None:
    assert values["rbac"] == {"enabledCustomScaledRefKinds": False}
    assert values["permissions"] == {"operator": {"restrict": {"secret": True}}}


def test_the_chart_comes_from_the_mirror_where_there_is_one() -> None:
    plan = preview("oci://charts.example.com/all")

    assert plan.one(RELEASE).inputs["chart"] == "oci://charts.example.com/all/keda"
