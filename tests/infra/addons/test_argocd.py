from collections import Counter
from typing import Any

import pulumi
import pytest

from infra.addons.argocd import CONTROLLER, IN_CLUSTER, ArgoCd, ArgoCdArgs
from infra.clusters.cluster import Cluster
from infra.preview import Plan
from infra.preview.checks import check_plan
from infra.settings.serving import RESERVED_NAMESPACES
from tests.infra.samples import children, on_cluster, waits_for

NAMESPACE, RELEASE = "kubernetes:core/v1:Namespace", "kubernetes:helm.sh/v3:Release"


def preview(mirror: str | None = None) -> Plan:
    def build(cluster: Cluster, opts: pulumi.ResourceOptions) -> None:
        del cluster
        ArgoCd("argocd", ArgoCdArgs(namespace="serving", chart_mirror=mirror), opts)

    return on_cluster(build)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return preview()


@pytest.fixture(scope="module")
def values(plan: Plan) -> Any:
    return plan.one(RELEASE).inputs["values"]


def test_argo_cd_owns_a_restricted_namespace_that_no_model_server_can_have(plan: Plan) -> None:
    metadata = plan.one(NAMESPACE).inputs["metadata"]

    assert children(plan, "inference:addons:ArgoCd") == Counter([NAMESPACE, RELEASE])
    assert [str(failure) for failure in check_plan(plan).failures] == []
    assert metadata["labels"] == {"pod-security.kubernetes.io/enforce": "restricted"}
    assert metadata["name"] == plan.one(RELEASE).inputs["namespace"] == CONTROLLER.namespace
    assert metadata["name"] in RESERVED_NAMESPACES
    assert waits_for(plan, plan.one(RELEASE), plan.one(NAMESPACE))


def test_it_has_no_right_of_the_whole_cluster_and_looks_into_one_namespace(values: Any) -> None:
    assert values["createClusterRoles"] is False
    assert values["configs"]["clusterCredentials"] == {
        "in-cluster": {
            "server": IN_CLUSTER,
            "namespaces": "serving",
            "config": {"tlsClientConfig": {"insecure": False}},
        }
    }
    assert values["configs"]["cm"]["resource.respectRBAC"] == "normal"


def test_nobody_can_log_in_and_nothing_comes_in(values: Any) -> None:
    assert values["configs"]["cm"]["admin.enabled"] is False
    assert values["server"] == {"replicas": 0}
    assert values["dex"] == {"enabled": False}
    assert values["global"]["networkPolicy"] == {"create": True, "defaultDenyIngress": True}


def test_the_chart_comes_from_the_mirror_where_there_is_one() -> None:
    plan = preview("oci://charts.example.com/all")

    assert plan.one(RELEASE).inputs["chart"] == "oci://charts.example.com/all/argo-cd"
