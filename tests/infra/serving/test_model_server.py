from collections import Counter
from dataclasses import replace
from typing import Any

import pulumi
import pulumi_random as random
import pytest

from inference_app import contract
from infra.clusters.cluster import InternalLoadBalancer
from infra.preview import Plan, Resource
from infra.preview.checks import check_plan
from infra.serving.model_server import ModelServer
from infra.serving.runtime import RuntimeArgs
from infra.settings.office_hours import OfficeHoursSettings
from infra.settings.served import ModelSettings
from infra.settings.serving import ROLLOUT_SURGE, ServingSettings
from tests.infra.samples import BALANCER, LOADING, children, on_cluster, waits_for

IMAGE = "registry.example.com/model-server@sha256:" + "1" * 64
DEPLOYMENT, SERVICE = "kubernetes:apps/v1:Deployment", "kubernetes:core/v1:Service"
CONFIG, POLICY = "kubernetes:core/v1:ConfigMap", "kubernetes:networking.k8s.io/v1:NetworkPolicy"
SCALER = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
OTHER = "random:index/randomId:RandomId"
BUDGET = "kubernetes:policy/v1:PodDisruptionBudget"
SCALED_OBJECT = "kubernetes:keda.sh/v1alpha1:ScaledObject"
HOURS = OfficeHoursSettings.model_validate({"timeZone": "Europe/Berlin"})


def preview(
    *,
    batching: object = None,
    hours: OfficeHoursSettings | None = None,
    balancer: InternalLoadBalancer = BALANCER,
    **changes: object,
) -> Plan:
    settings = ServingSettings.model_validate(changes, strict=False)

    def build(cluster: Any, opts: pulumi.ResourceOptions) -> None:
        args = RuntimeArgs(
            model=ModelSettings.model_validate({"name": "digits", "batching": batching or {}}),
            settings=settings,
            cluster=replace(cluster, internal_load_balancer=balancer),
            image=IMAGE,
            namespace=random.RandomId("namespace", byte_length=1),
            office_hours=hours,
            scrapers=["watchers"],
            after=[random.RandomId("gpus", byte_length=1)],
        )
        server = ModelServer("server", args, opts)
        pulumi.export("url", server.url)
        pulumi.export("endpoint", server.endpoint.exported())

    return on_cluster(build)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return preview(replicas={"min": 2, "max": 6}, clientNamespaces=["shop"])


def pod_of(plan: Plan) -> Any:
    return plan.one(DEPLOYMENT).inputs["spec"]["template"]


def test_the_server_owns_all_its_objects_in_one_namespace_which_is_there_before(plan: Plan) -> None:
    objects = [each for each in plan.resources if "namespace" in each.inputs.get("metadata", {})]

    assert children(plan, "inference:serving:ModelServer") == Counter(
        [DEPLOYMENT, SERVICE, SCALER, CONFIG, "kubernetes:core/v1:ServiceAccount", POLICY, BUDGET]
    )
    assert {each.inputs["metadata"]["namespace"] for each in objects} == {"serving"}
    assert all(waits_for(plan, each, plan.one(OTHER, "namespace")) for each in objects)
    assert [str(failure) for failure in check_plan(plan).failures] == []


def test_the_deployment_runs_the_image_by_digest_with_the_configuration_of_that_name(plan: Plan) -> None:
    (server,) = pod_of(plan)["spec"]["containers"]

    assert server["image"] == IMAGE
    assert server["envFrom"] == [{"configMapRef": {"name": plan.one(CONFIG).inputs["metadata"]["name"]}}]
    assert pod_of(plan)["spec"]["serviceAccountName"] == "model-server"
    assert plan.one(CONFIG).inputs["immutable"] is True


def test_a_changed_setting_is_a_new_configuration_and_so_a_rollout(plan: Plan) -> None:
    changed = preview(batching={"maxSize": 8})

    (server,) = pod_of(changed)["spec"]["containers"]
    name = changed.one(CONFIG).inputs["metadata"]["name"]
    assert name != plan.one(CONFIG).inputs["metadata"]["name"]
    assert server["envFrom"] == [{"configMapRef": {"name": name}}]


def test_the_autoscaler_alone_says_how_many_replicas_there_are(plan: Plan) -> None:
    scaler = plan.one(SCALER).inputs["spec"]

    assert "replicas" not in plan.one(DEPLOYMENT).inputs["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 6)
    assert scaler["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "model-server"}
    assert plan.one(DEPLOYMENT).inputs["metadata"]["name"] == "model-server"


def test_with_office_hours_keda_alone_says_how_many_replicas_there_are() -> None:
    plan = preview(hours=HOURS, replicas={"min": 2, "max": 6, "minOutsideOfficeHours": 0})
    scaled = plan.one(SCALED_OBJECT)

    assert plan.of_type(SCALER) == []
    assert scaled.inputs["apiVersion"] == "keda.sh/v1alpha1"
    assert scaled.inputs["spec"]["scaleTargetRef"]["name"] == plan.one(DEPLOYMENT).inputs["metadata"]["name"]
    assert scaled.inputs["metadata"]["namespace"] == plan.one(DEPLOYMENT).inputs["metadata"]["namespace"]
    assert waits_for(plan, scaled, plan.one(DEPLOYMENT)), "it goes before the pods, and KEDA after both"
    assert waits_for(plan, scaled, plan.one(OTHER, "gpus"))
    assert [str(failure) for failure in check_plan(plan).failures] == []


@pytest.mark.parametrize(
    ("hours", "replicas"), [(HOURS, {"min": 2, "max": 6}), (None, {"min": 2, "max": 6, "minOutsideOfficeHours": 1})]
)
def test_without_hours_or_another_minimum_outside_them_there_is_nothing_for_keda_to_do(
    hours: OfficeHoursSettings | None, replicas: Any
) -> None:
    plan = preview(hours=hours, replicas=replicas)

    assert plan.of_type(SCALED_OBJECT) == []
    assert plan.one(SCALER).inputs["spec"]["minReplicas"] == 2


def test_a_stack_changes_to_keda_and_back_while_both_autoscalers_exist(plan: Plan) -> None:
    with_hours = preview(hours=HOURS, replicas={"min": 2, "max": 6, "minOutsideOfficeHours": 0})
    keda = with_hours.one(SCALED_OBJECT).inputs

    assert plan.one(SCALER).inputs["metadata"]["annotations"] == {"validations.keda.sh/hpa-ownership": "false"}
    # A name here would have to differ from the other's, which KEDA's own, keda-hpa-model-server, does.
    assert "name" not in keda["spec"]["advanced"]["horizontalPodAutoscalerConfig"]
    assert "annotations" not in keda["metadata"]


def test_a_rollout_needs_as_many_more_pods_as_settings_reserve_and_loses_none(plan: Plan) -> None:
    strategy = plan.one(DEPLOYMENT).inputs["spec"]["strategy"]["rollingUpdate"]

    assert strategy == {"maxSurge": ROLLOUT_SURGE, "maxUnavailable": 0}


@pytest.mark.parametrize(
    ("type_", "path"),
    [
        (DEPLOYMENT, ("selector", "matchLabels")),
        (SERVICE, ("selector",)),
        (BUDGET, ("selector", "matchLabels")),
    ],
)
def test_what_selects_pods_selects_the_servers(plan: Plan, type_: str, path: tuple[str, ...]) -> None:
    selector: Any = plan.one(type_).inputs["spec"]
    for key in path:
        selector = selector[key]

    assert selector
    assert selector.items() <= pod_of(plan)["metadata"]["labels"].items()


def openings(policy: Resource) -> list[Any]:
    return [source for rule in policy.inputs["spec"]["ingress"] for source in rule["from"]]


@pytest.mark.parametrize(("exposure", "networks"), [("cluster", []), ("network", ["192.0.2.0/24"])])
def test_the_servers_port_is_open_to_its_own_clients_and_scrapers_namespaces_only(
    exposure: str, networks: list[str]
) -> None:
    plan = preview(exposure=exposure, clientNamespaces=["shop"])
    policy = plan.one(POLICY, "server")

    assert openings(policy) == [
        *(
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}
            for name in ("serving", "shop", "watchers")
        ),
        *({"ipBlock": {"cidr": cidr}} for cidr in networks),
    ]
    assert {str(rule["ports"]) for rule in policy.inputs["spec"]["ingress"]} == {
        str([{"port": contract.PORT, "protocol": "TCP"}])
    }
    assert policy.inputs["spec"]["podSelector"]["matchLabels"].items() <= pod_of(plan)["metadata"]["labels"].items()
    assert "egress" not in policy.inputs["spec"]


def test_grpc_is_open_to_whom_http_is_open_to() -> None:
    policy = preview(grpc=True, exposure="network", clientNamespaces=["shop"]).one(POLICY, "server")
    ports = [{"port": port, "protocol": "TCP"} for port in (contract.PORT, contract.GRPC_PORT)]

    assert len(openings(policy)) == 4
    assert [rule["ports"] for rule in policy.inputs["spec"]["ingress"]] == [ports] * 4


def test_a_server_that_traces_may_ask_for_its_collectors_name_and_send_to_it_and_to_nobody_else() -> None:
    plan = preview(tracing={"endpoint": "http://otel.tracing.svc.cluster.local:4319"})
    spec = plan.one(POLICY, "server").inputs["spec"]
    dns, collector = spec["egress"]

    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert dns["to"] == [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
        }
    ]
    assert dns["ports"] == [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]
    assert collector == {
        "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "tracing"}}}],
        "ports": [{"port": 4319, "protocol": "TCP"}],
    }
    assert [str(failure) for failure in check_plan(plan).failures] == []


def test_one_pod_at_a_time_may_be_taken_and_a_broken_one_always(plan: Plan) -> None:
    budget = plan.one(BUDGET).inputs["spec"]

    assert budget["maxUnavailable"] == 1
    assert "minAvailable" not in budget
    assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_inside_the_cluster_the_service_is_found_by_name(plan: Plan) -> None:
    service = plan.one(SERVICE).inputs

    assert service["spec"]["type"] == "ClusterIP"
    assert service["spec"]["ports"] == [{"name": "http", "port": 80, "targetPort": "http"}]
    assert "annotations" not in service["metadata"]
    assert plan.exports["url"] == "http://model-server.serving.svc"
    assert plan.exports["endpoint"] == {"kind": "http", "address": plan.exports["url"], "model": "digits"}


@pytest.mark.parametrize("exposure", ["cluster", "network"])
def test_the_service_offers_grpc_beside_http_where_it_is_on(exposure: str) -> None:
    plan = preview(grpc=True, exposure=exposure)
    offered = plan.one(SERVICE).inputs["spec"]["ports"]

    assert offered == [
        {"name": "http", "port": 80, "targetPort": "http"},
        {"name": "grpc", "port": contract.GRPC_PORT, "targetPort": "grpc", "appProtocol": "kubernetes.io/h2c"},
    ]
    (server,) = pod_of(plan)["spec"]["containers"]
    assert {port["targetPort"] for port in offered} == {port["name"] for port in server["ports"]}
    assert [str(failure) for failure in check_plan(plan).failures] == []


def test_for_the_network_the_service_asks_for_the_clusters_internal_balancer() -> None:
    plan = preview(exposure="network")
    service = plan.one(SERVICE).inputs

    assert service["spec"]["type"] == "LoadBalancer"
    assert service["spec"]["loadBalancerClass"] == "example.com/balancer"
    assert service["metadata"]["annotations"] == {"example.com/internal": "true"}
    assert plan.exports["url"] == "http://${server.status.loadBalancer.ingress[0].hostname: string}"


@pytest.mark.parametrize("policy", ["Local", None])
def test_traffic_from_outside_takes_the_way_that_the_clusters_balancer_needs(policy: str | None) -> None:
    plan = preview(exposure="network", balancer=InternalLoadBalancer(external_traffic_policy=policy))

    assert plan.one(SERVICE).inputs["spec"].get("externalTrafficPolicy") == policy
    assert [str(failure) for failure in check_plan(plan).failures] == []


@pytest.mark.parametrize("type_", [DEPLOYMENT, SERVICE])
def test_pods_and_balancers_come_after_what_makes_them_possible(plan: Plan, type_: str) -> None:
    for earlier in ("controllers", "gpus", "namespace"):
        assert waits_for(plan, plan.one(type_), plan.one(OTHER, earlier))


def test_nobody_takes_the_node_of_a_pod_that_is_loading(plan: Plan) -> None:
    assert pod_of(plan)["metadata"]["annotations"] == LOADING


def test_a_rollout_and_its_service_wait_as_long_as_a_gpu_node_may_take(plan: Plan) -> None:
    timeouts = [plan.one(type_).options["customTimeouts"] for type_ in (DEPLOYMENT, SERVICE)]

    assert timeouts == [{"create": "25m", "update": "25m"}] * 2


def test_spot_terms_are_the_clusters(plan: Plan) -> None:
    affinity = pod_of(plan)["spec"]["affinity"]["nodeAffinity"]
    preferred = affinity["preferredDuringSchedulingIgnoredDuringExecution"]

    assert [each["preference"]["matchExpressions"][0]["key"] for each in preferred] == [
        "example.com/spot",
        "example.com/cheap",
    ]
