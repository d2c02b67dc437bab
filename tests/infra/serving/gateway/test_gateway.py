import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_random as random
import pytest
from pulumi_kubernetes.core.v1.outputs import LoadBalancerIngress, LoadBalancerStatus, ServiceStatus

from infra.clusters.cluster import Cluster, InternalLoadBalancer
from infra.preview import Plan
from infra.preview.checks import check_plan
from infra.serving.gateway.gateway import (
    NO_ADDRESS,
    Gateway,
    GatewayArgs,
    gateway_spec,
    host,
    policy_specs,
    proxy_spec,
    service_spec,
)
from infra.serving.gateway.secrets import KEYS_SECRET, TLS_SECRET
from infra.settings.gateway import GatewaySettings
from tests.infra.samples import BALANCER, children, on_cluster, waits_for

ENVOY = "kubernetes:gateway.envoyproxy.io/v1alpha1"
GATEWAY, PROXY = "kubernetes:gateway.networking.k8s.io/v1:Gateway", f"{ENVOY}:EnvoyProxy"
POLICIES = [f"{ENVOY}:{kind}" for kind in ("ClientTrafficPolicy", "BackendTrafficPolicy", "SecurityPolicy")]
SERVICE, OTHER = "kubernetes:core/v1:Service", "random:index/randomId:RandomId"


def settings(**changes: object) -> GatewaySettings:
    block: Mapping[str, object] = {
        "hostName": "predict.example.com",
        "tls": {"clusterIssuer": "company"},
        "authentication": {"apiKeys": {"shop": "key-of-shop"}},
        "rateLimit": {"requestsPerSecond": 100},
        **changes,
    }
    return GatewaySettings.model_validate_json(json.dumps(block))


def args(**changes: Any) -> GatewayArgs:
    given: dict[str, Any] = {
        "settings": settings(),
        "namespace": "serving",
        "class_name": "model-server",
        "proxy_namespace": "envoy-gateway-system",
        **changes,
    }
    return GatewayArgs(**given)


def preview(**changes: Any) -> Plan:
    def build(cluster: Cluster, opts: pulumi.ResourceOptions) -> None:
        del cluster
        gateway = Gateway("gateway", args(after=[random.RandomId("certificate", byte_length=1)], **changes), opts)
        parent = gateway.parent
        pulumi.export("url", gateway.url)
        pulumi.export("address", gateway.address)
        pulumi.export("parent", [parent.namespace, parent.name, parent.section_name, *parent.hostnames])
        random.RandomId("route", byte_length=1, opts=pulumi.ResourceOptions(depends_on=[*parent.after]))

    return on_cluster(build)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return preview()


@pytest.fixture(scope="module")
def balanced() -> Plan:
    return preview(balancer=BALANCER)


def test_a_gateway_is_one_listener_its_proxies_and_its_policies(plan: Plan) -> None:
    assert children(plan, "inference:serving:Gateway") == Counter([PROXY, GATEWAY, *POLICIES])
    assert [str(failure) for failure in check_plan(plan).failures] == []
    assert {each.provider_name for each in plan.resources if each.parent and each.package == "kubernetes"} == {"plain"}


def test_the_url_is_the_host_names_and_nothing_else_listens(plan: Plan) -> None:
    (listener,) = gateway_spec(args())["listeners"]

    assert plan.exports["url"] == "https://predict.example.com"
    assert plan.exports["parent"] == ["serving", "model-server", listener["name"], listener["hostname"]]
    assert (listener["protocol"], listener["port"], listener["tls"]["mode"]) == ("HTTPS", 443, "Terminate")
    assert listener["tls"]["certificateRefs"] == [{"group": "", "kind": "Secret", "name": TLS_SECRET}]


def test_routes_of_other_namespaces_do_not_hang_on_it() -> None:
    assert gateway_spec(args())["listeners"][0]["allowedRoutes"] == {"namespaces": {"from": "Same"}}


def test_a_route_comes_only_after_every_policy_was_accepted(plan: Plan) -> None:
    for type_ in POLICIES:
        policy = plan.one(type_)
        assert waits_for(plan, plan.one(OTHER, "route"), policy)
        assert policy.inputs["metadata"]["annotations"]["pulumi.com/waitFor"] == (
            "jsonpath={.status.ancestors[0].conditions[?match(@.type, 'Accepted')].status}=True"
        )
        assert waits_for(plan, policy, plan.one(GATEWAY))
    assert waits_for(plan, plan.one(GATEWAY), plan.one(PROXY))
    assert waits_for(plan, plan.one(GATEWAY), plan.one(OTHER, "certificate"))


def test_every_policy_is_the_listeners_so_no_route_is_without(plan: Plan) -> None:
    gateway = plan.one(GATEWAY).inputs
    listener = {
        "group": "gateway.networking.k8s.io",
        "kind": "Gateway",
        "name": gateway["metadata"]["name"],
        "sectionName": gateway["spec"]["listeners"][0]["name"],
    }

    assert [plan.one(type_).inputs["spec"]["targetRefs"] for type_ in POLICIES] == [[listener]] * 3
    assert KEYS_SECRET in json.dumps(plan.one(POLICIES[2]).inputs["spec"])


def test_without_authentication_there_is_no_security_policy() -> None:
    open_to_all = args(settings=settings(authentication=None, rateLimit=None))

    assert list(policy_specs(open_to_all)) == ["ClientTrafficPolicy", "BackendTrafficPolicy"]


def test_the_gateway_takes_its_own_proxies_by_its_class(plan: Plan) -> None:
    spec = plan.one(GATEWAY).inputs["spec"]

    assert spec["gatewayClassName"] == "model-server"
    assert spec["infrastructure"]["parametersRef"] == {
        "group": "gateway.envoyproxy.io",
        "kind": "EnvoyProxy",
        "name": plan.one(PROXY).inputs["metadata"]["name"],
    }


def test_a_node_that_goes_takes_one_proxy_with_it_at_most() -> None:
    made = proxy_spec(args())["provider"]["kubernetes"]

    assert made["envoyDeployment"]["replicas"] == 2
    assert made["envoyPDB"] == {"maxUnavailable": 1}
    (spread,) = made["envoyDeployment"]["pod"]["topologySpreadConstraints"]
    assert spread["topologyKey"] == "kubernetes.io/hostname"
    assert spread["labelSelector"]["matchLabels"] == {
        "gateway.envoyproxy.io/owning-gateway-namespace": "serving",
        "gateway.envoyproxy.io/owning-gateway-name": "model-server",
    }


def test_inside_the_cluster_the_proxies_are_found_by_their_services_name(plan: Plan) -> None:
    service = plan.one(PROXY).inputs["spec"]["provider"]["kubernetes"]["envoyService"]

    assert service == {"name": "serving-model-server", "type": "ClusterIP"}
    assert plan.exports["address"] == "serving-model-server.envoy-gateway-system.svc"
    assert plan.of_type(SERVICE) == []


def test_to_the_network_they_are_open_by_the_clusters_internal_load_balancer(balanced: Plan) -> None:
    service = balanced.one(PROXY).inputs["spec"]["provider"]["kubernetes"]["envoyService"]

    assert service == {
        "name": "serving-model-server",
        "type": "LoadBalancer",
        "annotations": BALANCER.annotations,
        "loadBalancerClass": BALANCER.load_balancer_class,
        "externalTrafficPolicy": "Cluster",
    }


def test_the_load_balancers_address_is_read_once_the_gateway_is_there(balanced: Plan) -> None:
    service = balanced.one(SERVICE)

    assert "read" in service.options
    assert "${" in balanced.exports["address"]
    assert waits_for(balanced, service, balanced.one(GATEWAY))


def test_a_clusters_own_way_for_outside_traffic_is_kept() -> None:
    local = InternalLoadBalancer(external_traffic_policy="Local")

    assert service_spec(local) == {"type": "LoadBalancer", "externalTrafficPolicy": "Local"}


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (None, NO_ADDRESS),
        (ServiceStatus(), NO_ADDRESS),
        (ServiceStatus(load_balancer=LoadBalancerStatus()), NO_ADDRESS),
        (ServiceStatus(load_balancer=LoadBalancerStatus(ingress=[LoadBalancerIngress(hostname="lb.io")])), "lb.io"),
        (ServiceStatus(load_balancer=LoadBalancerStatus(ingress=[LoadBalancerIngress(ip="10.0.0.9")])), "10.0.0.9"),
    ],
)
def test_an_address_that_is_not_there_yet_stops_nothing(status: ServiceStatus | None, told: str) -> None:
    assert host(status) == told
