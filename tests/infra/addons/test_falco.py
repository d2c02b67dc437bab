from collections import Counter
from typing import Any

import pulumi
import pulumi_random as random
import pytest

from infra.addons.falco import Falco, FalcoArgs
from infra.clusters.cluster import Cluster
from infra.preview import Plan
from infra.preview.checks import check_plan
from infra.settings.security import FalcoSettings
from infra.settings.serving import RESERVED_NAMESPACES
from tests.infra.samples import children, on_cluster, waits_for

NAMESPACE, RELEASE = "kubernetes:core/v1:Namespace", "kubernetes:helm.sh/v3:Release"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
OTHER = "random:index/randomId:RandomId"


def preview(*, scraper: str | None = "watchers", mirror: str | None = None) -> Plan:
    def build(cluster: Cluster, opts: pulumi.ResourceOptions) -> None:
        del cluster
        definitions = random.RandomId("definitions", byte_length=1)
        args = FalcoArgs(
            settings=FalcoSettings.model_validate({"priority": "warning"}, strict=False),
            scraper=scraper,
            chart_mirror=mirror,
            after=[definitions],
        )
        Falco("falco", args, opts)

    return on_cluster(build)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return preview()


@pytest.fixture(scope="module")
def values(plan: Plan) -> Any:
    return plan.one(RELEASE).inputs["values"]


def test_falco_owns_its_namespace_its_policy_and_its_chart(plan: Plan) -> None:
    assert children(plan, "inference:addons:Falco") == Counter([NAMESPACE, POLICY, RELEASE])
    assert [str(failure) for failure in check_plan(plan).failures] == []
    assert waits_for(plan, plan.one(RELEASE), plan.one(POLICY))
    assert waits_for(plan, plan.one(POLICY), plan.one(NAMESPACE))
    assert waits_for(plan, plan.one(RELEASE), plan.one(OTHER, "definitions"))


def test_its_namespace_is_its_own_and_no_model_server_can_have_it(plan: Plan) -> None:
    metadata = plan.one(NAMESPACE).inputs["metadata"]

    assert metadata["name"] == plan.one(RELEASE).inputs["namespace"] == plan.one(POLICY).inputs["metadata"]["namespace"]
    assert metadata["name"] in RESERVED_NAMESPACES


def test_no_node_is_without_it_whatever_its_taints(values: Any) -> None:
    # A toleration without a key tolerates every taint, and one without an effect every effect.
    assert values["tolerations"] == [{"operator": "Exists"}]


def test_it_is_no_privileged_container_and_builds_nothing_on_the_node(values: Any) -> None:
    assert values["driver"] == {"kind": "modern_ebpf", "modernEbpf": {"leastPrivileged": True}}


def test_rules_are_the_pinned_images_and_nothing_is_downloaded_when_a_node_starts(values: Any) -> None:
    artifact = values["falcoctl"]["artifact"]

    assert artifact == {"install": {"enabled": False}, "follow": {"enabled": False}}
    # Without it the image's own files load the container plugin a second time, and Falco ends.
    assert values["falco"]["config_files"] == []


def test_findings_are_json_in_its_own_log_from_the_priority_that_is_wanted(values: Any) -> None:
    assert values["falco"]["json_output"] is True
    assert values["falco"]["priority"] == "warning"


def test_it_talks_to_nobody_and_is_only_scraped(plan: Plan) -> None:
    assert plan.one(POLICY).inputs["spec"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [
            {
                "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "watchers"}}}],
                "ports": [{"protocol": "TCP", "port": 8765}],
            }
        ],
    }


@pytest.mark.parametrize("scraper", ["watchers", None])
def test_metrics_are_there_where_somebody_reads_them(scraper: str | None) -> None:
    plan = preview(scraper=scraper)
    values: Any = plan.one(RELEASE).inputs["values"]
    watched = scraper is not None

    assert values["metrics"] == {"enabled": watched}
    assert values["serviceMonitor"] == {"create": watched}
    assert ("ingress" in plan.one(POLICY).inputs["spec"]) is watched


def test_the_chart_comes_from_the_mirror_where_there_is_one() -> None:
    plan = preview(mirror="oci://charts.example.com/all")

    assert plan.one(RELEASE).inputs["chart"] == "oci://charts.example.com/all/falco"
