from collections import Counter
from typing import Any

import pulumi
import pulumi_random as random
import pytest

from infra.addons.cert_manager import ACCOUNT, CertManager, CertManagerArgs
from infra.clusters.cluster import Cluster, Identity
from infra.preview import Plan
from infra.preview.checks import check_plan
from tests.infra.samples import children, on_cluster, waits_for

NAMESPACE, RELEASE = "kubernetes:core/v1:Namespace", "kubernetes:helm.sh/v3:Release"


def preview(mirror: str | None = None) -> Plan:
    def build(cluster: Cluster, opts: pulumi.ResourceOptions) -> None:
        del cluster
        identity = Identity(
            annotations={"azure.workload.identity/client-id": "an-id"},
            pod_labels={"azure.workload.identity/use": "true"},
            after=[random.RandomId("role", byte_length=1)],
        )
        CertManager("cert-manager", CertManagerArgs(identity=identity, chart_mirror=mirror), opts)

    return on_cluster(build)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return preview()


@pytest.fixture(scope="module")
def given(plan: Plan) -> Any:
    return plan.one(RELEASE).inputs["values"]


def test_it_owns_its_namespace_and_its_chart(plan: Plan) -> None:
    assert children(plan, "inference:addons:CertManager") == Counter([NAMESPACE, RELEASE])
    assert plan.one(NAMESPACE).inputs["metadata"] == {
        "name": ACCOUNT.namespace,
        "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
    }
    assert [str(failure) for failure in check_plan(plan).failures] == []


def test_it_runs_as_the_account_that_has_the_identity_and_after_that(plan: Plan, given: Any) -> None:
    assert given["serviceAccount"] == {
        "name": ACCOUNT.name,
        "annotations": {"azure.workload.identity/client-id": "an-id"},
    }
    assert given["podLabels"] == {"azure.workload.identity/use": "true"}
    assert waits_for(plan, plan.one(RELEASE), plan.one("random:index/randomId:RandomId", "role"))


def test_certificates_outlive_the_release_and_it_takes_no_right_elsewhere(given: Any) -> None:
    assert given["crds"] == {"enabled": True, "keep": True}
    assert given["global"]["leaderElection"] == {"namespace": ACCOUNT.namespace}


def test_the_chart_comes_from_the_mirror_where_there_is_one() -> None:
    assert preview("oci://charts.example.com/all").one(RELEASE).inputs["chart"].endswith("/all/cert-manager")
