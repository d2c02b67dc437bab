from collections import Counter
from typing import Any

import pulumi
import pulumi_random as random
import pytest

from infra.addons.external_secrets import (
    MODEL_SERVER,
    MONITORING,
    ExternalSecrets,
    ExternalSecretsArgs,
    ExternalSecretsDefinitions,
)
from infra.addons.external_secrets import NAMESPACE as DEFINED_IN
from infra.clusters.cluster import Cluster, Identity
from infra.preview import Plan, Resource
from infra.preview.checks import check_plan
from tests.infra.samples import children, on_cluster, waits_for

NAMESPACE, RELEASE = "kubernetes:core/v1:Namespace", "kubernetes:helm.sh/v3:Release"
POLICY, OTHER = "kubernetes:networking.k8s.io/v1:NetworkPolicy", "random:index/randomId:RandomId"
OPERATORS = {"serving": MODEL_SERVER, "monitoring": MONITORING}


def preview(mirror: str | None = None) -> Plan:
    def build(cluster: Cluster, opts: pulumi.ResourceOptions) -> None:
        del cluster
        identity = Identity(
            annotations={"azure.workload.identity/client-id": random.RandomId("client", byte_length=1).hex},
            pod_labels={"azure.workload.identity/use": "true"},
            after=[random.RandomId("role", byte_length=1)],
        )
        namespace = random.RandomId("namespace", byte_length=1)
        definitions = ExternalSecretsDefinitions("definitions", mirror, opts)
        for name, account in OPERATORS.items():
            args = ExternalSecretsArgs(
                namespace=name,
                account=account,
                identity=identity,
                chart_mirror=mirror,
                after=[namespace, definitions],
            )
            pulumi.export(name, ExternalSecrets(name, args, opts).controller_class)

    return on_cluster(build)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return preview()


def values(plan: Plan, name: str) -> Any:
    return plan.one(RELEASE, name).inputs["values"]


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_owns_its_namespace_and_its_chart(plan: Plan, name: str) -> None:
    metadata = plan.one(NAMESPACE, name).inputs["metadata"]
    namespace = OPERATORS[name].namespace

    assert children(plan, "inference:addons:ExternalSecrets", name) == Counter([NAMESPACE, POLICY, RELEASE])
    assert metadata["labels"] == {"pod-security.kubernetes.io/enforce": "restricted"}
    assert metadata["name"] == plan.one(RELEASE, name).inputs["namespace"] == namespace


def test_all_is_well_formed_and_on_the_cluster(plan: Plan) -> None:
    assert [str(failure) for failure in check_plan(plan).failures] == []
    assert {each.provider_name for each in plan.resources if each.parent and each.package == "kubernetes"} == {"plain"}


@pytest.mark.parametrize("name", OPERATORS)
def test_nothing_reaches_an_operator(plan: Plan, name: str) -> None:
    policy = plan.one(POLICY, name).inputs

    assert policy["metadata"]["namespace"] == OPERATORS[name].namespace
    assert policy["spec"] == {"podSelector": {}, "policyTypes": ["Ingress"]}


def earlier(plan: Plan) -> list[Resource]:
    return [plan.one(OTHER, "namespace"), plan.one(OTHER, "role"), plan.one(RELEASE, "definitions")]


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_starts_after_what_it_needs(plan: Plan, name: str) -> None:
    operator = plan.one(RELEASE, name)

    assert all(waits_for(plan, operator, each) for each in [*earlier(plan), plan.one(POLICY, name)])


def test_the_definitions_belong_to_no_operator_so_that_they_stay_when_one_goes(plan: Plan) -> None:
    others = {account.namespace for account in OPERATORS.values()}

    assert plan.one(RELEASE, "definitions").inputs["namespace"] == DEFINED_IN
    assert DEFINED_IN not in others
    assert values(plan, "definitions")["installCRDs"] is True
    assert [values(plan, name)["installCRDs"] for name in OPERATORS] == [False, False]


def test_the_definitions_come_without_an_operator_and_without_rights(plan: Plan) -> None:
    given = values(plan, "definitions")

    assert given["createOperator"] is False
    assert [given[part] for part in ("rbac", "serviceAccount", "webhook", "certController")] == [{"create": False}] * 4


def test_an_operator_works_in_one_namespace_and_for_stores_of_its_own_class(plan: Plan) -> None:
    given = {name: values(plan, name) for name in OPERATORS}

    assert {name: each["scopedNamespace"] for name, each in given.items()} == {name: name for name in OPERATORS}
    assert {each["scopedRBAC"] for each in given.values()} == {True}
    assert {name: each["controllerClass"] for name, each in given.items()} == {
        name: plan.exports[name] for name in OPERATORS
    }
    assert len({*plan.exports.values(), "default"}) == 3


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_takes_no_right_that_it_does_not_need(plan: Plan, name: str) -> None:
    given = values(plan, name)

    assert given["rbac"]["serviceAccountTokenCreate"] is False
    assert given["rbac"]["servicebindings"] == {"create": False}
    assert given["webhook"] == given["certController"] == {"create": False}
    assert {key: value for key, value in given.items() if key.startswith("process")} == dict.fromkeys(
        ("processClusterExternalSecret", "processClusterGenerator", "processClusterPushSecret", "processClusterStore",
         "processPushSecret"), False
    )  # fmt: skip


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_runs_as_the_account_that_has_the_identity(plan: Plan, name: str) -> None:
    given = values(plan, name)

    assert given["serviceAccount"] == {
        "name": OPERATORS[name].name,
        "annotations": {"azure.workload.identity/client-id": "${client.hex: string}"},
    }
    assert given["podLabels"] == {"azure.workload.identity/use": "true"}


def test_the_chart_comes_from_the_mirror_where_there_is_one() -> None:
    releases = preview("oci://charts.example.com/all").of_type(RELEASE)

    assert {each.inputs["chart"] for each in releases} == {"oci://charts.example.com/all/external-secrets"}
