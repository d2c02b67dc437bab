from collections import Counter
from typing import Any

import pulumi
import pulumi_random as random
import pytest

from infra.addons.external_secrets import ACCOUNT, ExternalSecrets, ExternalSecretsArgs, values
from infra.clusters.cluster import Cluster, Identity
from infra.preview import Plan
from infra.preview.checks import check_plan
from tests.infra.samples import children, on_cluster, waits_for

NAMESPACE, RELEASE = "kubernetes:core/v1:Namespace", "kubernetes:helm.sh/v3:Release"
POLICY, OTHER = "kubernetes:networking.k8s.io/v1:NetworkPolicy", "random:index/randomId:RandomId"


def preview(mirror: str | None = None) -> Plan:
    def build(cluster: Cluster, opts: pulumi.ResourceOptions) -> None:
        del cluster
        identity = Identity(
            annotations={"azure.workload.identity/client-id": random.RandomId("client", byte_length=1).hex},
            pod_labels={"azure.workload.identity/use": "true"},
            after=[random.RandomId("role", byte_length=1)],
        )
        namespace = random.RandomId("namespace", byte_length=1)
        args = ExternalSecretsArgs(namespace="serving", identity=identity, chart_mirror=mirror, after=[namespace])
        ExternalSecrets("external-secrets", args, opts)

    return on_cluster(build)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return preview()


@pytest.fixture(scope="module")
def given(plan: Plan) -> Any:
    return plan.one(RELEASE).inputs["values"]


def test_the_operator_owns_its_namespace_and_its_chart(plan: Plan) -> None:
    metadata = plan.one(NAMESPACE).inputs["metadata"]

    assert children(plan, "inference:addons:ExternalSecrets") == Counter([NAMESPACE, POLICY, RELEASE])
    assert metadata["labels"] == {"pod-security.kubernetes.io/enforce": "restricted"}
    assert metadata["name"] == plan.one(RELEASE).inputs["namespace"] == ACCOUNT.namespace
    assert [str(failure) for failure in check_plan(plan).failures] == []
    assert {each.provider_name for each in plan.resources if each.parent and each.package == "kubernetes"} == {"plain"}


def test_nothing_reaches_the_operator(plan: Plan) -> None:
    policy = plan.one(POLICY).inputs

    assert policy["metadata"]["namespace"] == ACCOUNT.namespace
    assert policy["spec"] == {"podSelector": {}, "policyTypes": ["Ingress"]}


@pytest.mark.parametrize("name", ["namespace", "role"])
def test_the_operator_starts_after_what_its_role_is_in_and_what_it_runs_as(plan: Plan, name: str) -> None:
    assert waits_for(plan, plan.one(RELEASE), plan.one(OTHER, name))
    assert waits_for(plan, plan.one(RELEASE), plan.one(POLICY))


def test_it_works_in_one_namespace_and_for_stores_of_its_own_class(given: Any) -> None:
    assert (given["scopedNamespace"], given["scopedRBAC"]) == ("serving", True)
    assert given["controllerClass"] == ExternalSecrets.controller_class != "default"


def test_it_takes_no_right_that_it_does_not_need(given: Any) -> None:
    assert given["rbac"]["serviceAccountTokenCreate"] is False
    assert given["rbac"]["servicebindings"] == {"create": False}
    assert given["webhook"] == given["certController"] == {"create": False}
    assert {key: value for key, value in given.items() if key.startswith("process")} == dict.fromkeys(
        ("processClusterExternalSecret", "processClusterGenerator", "processClusterPushSecret", "processClusterStore",
         "processPushSecret"), False
    )  # fmt: skip


def test_it_runs_as_the_account_that_has_the_identity(given: Any) -> None:
    assert given["serviceAccount"] == {
        "name": ACCOUNT.name,
        "annotations": {"azure.workload.identity/client-id": "${client.hex: string}"},
    }
    assert given["podLabels"] == {"azure.workload.identity/use": "true"}


def test_where_the_definitions_are_there_already_the_release_owns_none() -> None:
    identity = Identity()

    assert values("serving", identity, definitions=False)["installCRDs"] is False
    assert values("serving", identity, definitions=True)["installCRDs"] is True


def test_the_chart_comes_from_the_mirror_where_there_is_one() -> None:
    plan = preview("oci://charts.example.com/all")

    assert plan.one(RELEASE).inputs["chart"] == "oci://charts.example.com/all/external-secrets"
