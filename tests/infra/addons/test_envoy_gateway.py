from collections import Counter
from dataclasses import replace
from typing import Any

import pulumi
import pulumi_random as random
import pytest

from infra.addons.envoy_gateway import EnvoyGateway, EnvoyGatewayArgs, network_policies
from infra.clusters.cluster import Cluster
from infra.namespaces.network import peer
from infra.preview import Plan
from infra.preview.checks import check_plan, check_resource
from tests.infra.samples import children, on_cluster, waits_for

NAMESPACE, RELEASE = "kubernetes:core/v1:Namespace", "kubernetes:helm.sh/v3:Release"
POLICY, CLASS = "kubernetes:networking.k8s.io/v1:NetworkPolicy", "kubernetes:gateway.networking.k8s.io/v1:GatewayClass"
ARGS: dict[str, Any] = {"namespace": "serving", "ports": [8080, 8081], "clients": [peer("shop")]}


def preview(mirror: str | None = None) -> Plan:
    def build(cluster: Cluster, opts: pulumi.ResourceOptions) -> None:
        del cluster
        namespace = random.RandomId("namespace", byte_length=1)
        EnvoyGateway("envoy", EnvoyGatewayArgs(**ARGS, chart_mirror=mirror, after=[namespace]), opts)

    return on_cluster(build)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return preview()


def rules(**changes: Any) -> Any:
    return network_policies(EnvoyGatewayArgs(**{**ARGS, **changes}))


def ports(rule: Any) -> list[int]:
    return [each["port"] for each in rule["ports"]]


def test_it_owns_its_namespace_its_chart_and_its_class(plan: Plan) -> None:
    assert children(plan, "inference:addons:EnvoyGateway") == Counter(
        [NAMESPACE, POLICY, POLICY, POLICY, RELEASE, CLASS]
    )
    assert plan.one(NAMESPACE).inputs["metadata"]["labels"] == {"pod-security.kubernetes.io/enforce": "restricted"}
    assert plan.one(RELEASE).inputs["chart"] == "oci://docker.io/envoyproxy/gateway-helm"
    assert [str(failure) for failure in check_plan(plan).failures] == []
    assert {each.provider_name for each in plan.resources if each.parent and each.package == "kubernetes"} == {"plain"}


def test_the_namespace_is_closed_before_anything_runs_in_it(plan: Plan) -> None:
    for each in plan.of_type(POLICY):
        assert waits_for(plan, plan.one(RELEASE), each)
    assert waits_for(plan, plan.one(RELEASE), plan.one("random:index/randomId:RandomId", "namespace"))


def test_the_class_is_taken_up_by_this_controller_and_no_other(plan: Plan) -> None:
    configuration = plan.one(RELEASE).inputs["values"]["config"]["envoyGateway"]
    given = plan.one(CLASS).inputs

    assert given["spec"]["controllerName"] == configuration["gateway"]["controllerName"]
    assert given["spec"]["controllerName"] != "gateway.envoyproxy.io/gatewayclass-controller"
    assert given["metadata"]["annotations"] == {"pulumi.com/waitFor": "condition=Accepted"}
    assert waits_for(plan, plan.one(CLASS), plan.one(RELEASE))


def test_it_reads_the_servers_namespace_and_its_own_and_hooks_into_nothing(plan: Plan) -> None:
    values = plan.one(RELEASE).inputs["values"]

    assert values["config"]["envoyGateway"]["provider"]["kubernetes"]["watch"] == {
        "type": "Namespaces",
        "namespaces": ["envoy-gateway-system", "serving"],
    }
    assert values["topologyInjector"] == {"enabled": False}


def test_nothing_comes_in_but_clients_to_proxies_and_proxies_to_the_controller() -> None:
    found = rules()

    assert found["default-deny-ingress"] == {"pod_selector": {}, "policy_types": ["Ingress"]}
    (xds,) = found["controller"]["ingress"]
    assert (xds["from_"][0]["pod_selector"], ports(xds)) == (found["proxies"]["pod_selector"], [18000])
    (clients,) = found["proxies"]["ingress"]
    assert (clients["from_"], ports(clients)) == ([peer("shop")], [10443])


def test_nobody_is_a_client_where_none_is_named() -> None:
    assert "ingress" not in rules(clients=[])["proxies"]


def test_proxies_reach_names_the_controller_and_the_servers_ports_alone() -> None:
    found = rules()
    dns, controller, *servers = found["proxies"]["egress"]

    assert ports(dns) == [53, 53]
    assert (controller["to"][0]["pod_selector"], ports(controller)) == (found["controller"]["pod_selector"], [18000])
    assert [(each["to"], ports(each)) for each in servers] == [([peer("serving")], [8080]), ([peer("serving")], [8081])]


def test_keys_of_an_identity_provider_are_fetched_from_its_port() -> None:
    *_, keys = rules(jwks_port=8443)["proxies"]["egress"]

    assert ports(keys) == [8443]
    assert {each["ip_block"]["cidr"] for each in keys["to"]} == {"0.0.0.0/0", "::/0"}


@pytest.mark.parametrize(
    ("type_", "wrong"),
    [
        (NAMESPACE, {"metadata": {"label": {}}}),
        (POLICY, {"spec": {"podSelectors": {}}}),
        (RELEASE, {"chat": "gateway-helm"}),
    ],
)
def test_a_planted_mistake_is_found(plan: Plan, type_: str, wrong: dict[str, Any]) -> None:
    made = plan.of_type(type_)[0]

    assert list(check_resource(made)) == []
    assert list(check_resource(replace(made, inputs={**made.inputs, **wrong})))


def test_the_chart_comes_from_the_mirror_where_there_is_one() -> None:
    plan = preview("oci://charts.example.com/all")

    assert plan.one(RELEASE).inputs["chart"] == "oci://charts.example.com/all/gateway-helm"
