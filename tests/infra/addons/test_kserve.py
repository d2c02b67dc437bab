from collections import Counter
from typing import Any

import pulumi
import pulumi_random as random
import pytest

from infra.addons.kserve import KServe, KServeArgs
from infra.clusters.cluster import Cluster
from infra.preview import Plan
from infra.preview.checks import check_plan
from infra.settings.serving import RESERVED_NAMESPACES
from tests.infra.samples import children, on_cluster, waits_for

NAMESPACE, RELEASE = "kubernetes:core/v1:Namespace", "kubernetes:helm.sh/v3:Release"


def preview(**options: Any) -> Plan:
    def build(cluster: Cluster, opts: pulumi.ResourceOptions) -> None:
        del cluster
        certificates = random.RandomId("cert-manager", byte_length=1)
        KServe("kserve", KServeArgs(after=[certificates], **options), opts)

    return on_cluster(build)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return preview()


def test_it_owns_its_namespace_its_definitions_and_its_controller(plan: Plan) -> None:
    assert children(plan, "inference:addons:KServe") == Counter({NAMESPACE: 1, RELEASE: 2})
    assert plan.one(NAMESPACE).inputs["metadata"]["name"] in RESERVED_NAMESPACES
    assert [str(failure) for failure in check_plan(plan).failures] == []


def test_the_controller_comes_after_the_definitions_and_what_certifies_its_webhooks(plan: Plan) -> None:
    controller = plan.one(RELEASE, "kserve-kserve-resources")

    assert waits_for(plan, controller, plan.one(RELEASE, "kserve-kserve-crd"))
    assert waits_for(plan, controller, plan.one("random:index/randomId:RandomId", "cert-manager"))
    assert waits_for(plan, plan.one(RELEASE, "kserve-kserve-crd"), plan.one(NAMESPACE))


def test_it_makes_deployments_without_limits_of_cpu_and_no_urls_of_its_own(plan: Plan) -> None:
    values = plan.one(RELEASE, "kserve-kserve-resources").inputs["values"]["kserve"]

    assert values["controller"]["deploymentMode"] == "Standard"
    assert values["controller"]["gateway"] == {"disableIngressCreation": True, "disableIstioVirtualHost": True}
    assert values["inferenceservice"] == {"resources": {"limits": {"cpu": ""}}}


def test_its_own_runtimes_are_there_where_one_is_asked_for(plan: Plan) -> None:
    runtimes = preview(runtimes=True)
    release = runtimes.one(RELEASE, "kserve-kserve-runtime-configs")

    assert "kserve-kserve-runtime-configs" not in [each.name for each in plan.of_type(RELEASE)]
    assert release.inputs["values"] == {"kserve": {"servingruntime": {"enabled": True}}}
    assert waits_for(runtimes, release, runtimes.one(RELEASE, "kserve-kserve-resources"))


def test_the_charts_come_from_the_mirror_where_there_is_one() -> None:
    charts = {each.inputs["chart"] for each in preview(chart_mirror="oci://charts.example.com/all").of_type(RELEASE)}

    assert charts == {f"oci://charts.example.com/all/{chart}" for chart in ("kserve-crd", "kserve-resources")}
