import json
from collections import Counter
from dataclasses import replace
from functools import cache
from typing import Any

import pulumi
import pulumi_random as random
import pytest

from infra.preview import Plan, Resource
from infra.preview.checks import check_plan
from infra.serving.limits import serving_limits
from infra.serving.model_server import ModelServer
from infra.serving.runtime import RuntimeArgs
from infra.settings.office_hours import OfficeHoursSettings
from infra.settings.served import ModelSettings
from infra.settings.serving import ServingSettings
from tests.infra.samples import children, on_cluster, waits_for
from tests.infra.serving.parent import PARENT

DIGEST = "sha256:" + "2" * 64
IMAGE, OTHER_IMAGE = f"registry.example.com/model-server@sha256:{'1' * 64}", f"registry.example.com/other@{DIGEST}"
CANARY = {"modelVersion": "2", "image": OTHER_IMAGE, "replicas": {"min": 1, "max": 2}}
DEPLOYMENT, SERVICE = "kubernetes:apps/v1:Deployment", "kubernetes:core/v1:Service"
CONFIG, BUDGET = "kubernetes:core/v1:ConfigMap", "kubernetes:policy/v1:PodDisruptionBudget"
SCALER, ACCOUNT = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler", "kubernetes:core/v1:ServiceAccount"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
ROUTE, MESH_ROUTE = (
    "kubernetes:gateway.networking.k8s.io/v1:HTTPRoute",
    "kubernetes:policy.linkerd.io/v1beta3:HTTPRoute",
)
VIRTUAL, SUBSET = (
    "kubernetes:networking.istio.io/v1:VirtualService",
    "kubernetes:networking.istio.io/v1:DestinationRule",
)
PROFILE = "kubernetes:linkerd.io/v1alpha2:ServiceProfile"
OF_EACH_TRACK = [DEPLOYMENT, CONFIG, SERVICE, SCALER, BUDGET]

SPLITS: dict[str, Counter[str]] = {
    "gateway-api": Counter([ROUTE]),
    "istio": Counter([SERVICE, VIRTUAL, SUBSET, SUBSET]),
    "linkerd": Counter([SERVICE, MESH_ROUTE, MESH_ROUTE, PROFILE, PROFILE]),
    "blue-green": Counter([SERVICE]),
}
"""By backend, what it has beside the tracks' own objects."""
MOVED = {
    "gateway-api": {(ROUTE, "server")},
    "istio": {(VIRTUAL, "server")},
    "linkerd": {(MESH_ROUTE, "server"), (MESH_ROUTE, "server-grpc")},
    "blue-green": {(SERVICE, "server")},
}
"""By backend, what has the weights."""


GATEWAY = {"hostName": "predict.example.com", "tls": {"clusterIssuer": "company"}}


def split(traffic: str, stable: int, canary: int | None, **changes: Any) -> Plan:
    """What two tracks are, or the stable one alone."""
    tracks: dict[str, Any] = {"stable": {"weight": stable, "modelVersion": "1"}}
    if canary is not None:
        tracks["canary"] = {"weight": canary, **CANARY}
    given = {"gateway": GATEWAY} if traffic == "gateway-api" else {}
    return planned(grpc=True, rollout={"traffic": traffic, "tracks": tracks}, **given, **changes)


def planned(**blocks: Any) -> Plan:
    whole = {"replicas": {"min": 2, "max": 6}, "clientNamespaces": ["shop"], **blocks}
    settings = ServingSettings.model_validate_json(json.dumps(whole))
    return on_cluster(lambda cluster, opts: build(settings, cluster, opts))


@cache
def preview(traffic: str, stable: int, canary: int | None) -> Plan:
    return split(traffic, stable, canary)


def build(settings: ServingSettings, cluster: Any, opts: pulumi.ResourceOptions) -> None:
    parent = replace(PARENT, after=[random.RandomId("gateway", byte_length=1)])
    args = RuntimeArgs(
        model=ModelSettings(name="digits"),
        settings=settings,
        cluster=cluster,
        image=IMAGE,
        namespace=random.RandomId("namespace", byte_length=1),
        office_hours=OfficeHoursSettings.model_validate({"timeZone": "Europe/Berlin"}),
        prometheus="http://prometheus.example.svc:9090",
        parent=parent if settings.gateway else None,
        scrapers=["watchers"],
    )
    pulumi.export("url", ModelServer("server", args, opts).url)


def before(traffic: str) -> Plan:
    return preview(traffic, *((100, 0) if traffic == "blue-green" else (90, 10)))


def after(traffic: str) -> Plan:
    return preview(traffic, *((0, 100) if traffic == "blue-green" else (50, 50)))


def changed(old: Plan, new: Plan) -> set[tuple[str, str]]:
    """Types and logical names of what two plans have both, and not alike."""
    others = {resource.urn: resource for resource in new.resources}
    both = [(each, others[each.urn]) for each in old.resources if each.urn in others]
    return {(each.type, each.name) for each, other in both if each.inputs != other.inputs}


def pod_of(plan: Plan, track: str) -> Any:
    return plan.one(DEPLOYMENT, f"server-{track}").inputs["spec"]["template"]


def routes(plan: Plan, traffic: str) -> list[Resource]:
    return [plan.one(*found) for found in sorted(MOVED[traffic])]


@pytest.mark.parametrize("traffic", SPLITS)
def test_each_track_has_its_own_objects_and_the_service_one_of_the_rest(traffic: str) -> None:
    plan = before(traffic)
    whole = Counter([*OF_EACH_TRACK * 2, ACCOUNT, POLICY]) + SPLITS[traffic]

    assert children(plan, "inference:serving:ModelServer") == whole
    assert [str(failure) for failure in check_plan(plan).failures] == []


@pytest.mark.parametrize("traffic", SPLITS)
def test_promoting_and_rolling_back_change_what_has_the_weights_and_nothing_else(traffic: str) -> None:
    old, new = before(traffic), after(traffic)

    assert {each.urn for each in old.resources} == {each.urn for each in new.resources}
    assert changed(old, new) == MOVED[traffic]
    assert old.exports == new.exports


@pytest.mark.parametrize("traffic", ["gateway-api", "istio", "linkerd"])
def test_a_track_that_comes_or_goes_leaves_the_others_as_they_are(traffic: str) -> None:
    alone, both = preview(traffic, 100, None), before(traffic)

    assert changed(alone, both) == MOVED[traffic]
    assert {each.urn for each in alone.resources} < {each.urn for each in both.resources}


@pytest.mark.parametrize("traffic", SPLITS)
def test_requests_move_once_every_track_is_ready_and_before_one_goes(traffic: str) -> None:
    plan = before(traffic)

    for route in routes(plan, traffic):
        for track in ("stable", "canary"):
            assert waits_for(plan, route, plan.one(DEPLOYMENT, f"server-{track}"))
            assert waits_for(plan, route, plan.one(SERVICE, f"server-{track}"))


def test_a_subset_of_istio_is_there_before_the_route_names_it_and_goes_after_it() -> None:
    plan = before("istio")

    for track in ("stable", "canary"):
        assert waits_for(plan, plan.one(VIRTUAL), plan.one(SUBSET, f"server-{track}"))


def test_a_route_waits_for_the_gateway_that_it_hangs_on() -> None:
    plan = before("gateway-api")

    assert waits_for(plan, plan.one(ROUTE), plan.one("random:index/randomId:RandomId", "gateway"))


@pytest.mark.parametrize(
    ("type_", "path"),
    [(DEPLOYMENT, ("selector", "matchLabels")), (SERVICE, ("selector",)), (BUDGET, ("selector", "matchLabels"))],
)
def test_a_tracks_objects_select_its_own_pods_only(type_: str, path: tuple[str, ...]) -> None:
    plan = before("istio")
    for track, other in (("stable", "canary"), ("canary", "stable")):
        found = plan.one(type_, f"server-{track}")
        selector: Any = found.inputs["spec"]
        for key in path:
            selector = selector[key]

        assert found.inputs["metadata"]["name"] == f"model-server-{track}"
        assert selector.items() <= pod_of(plan, track)["metadata"]["labels"].items()
        assert not selector.items() <= pod_of(plan, other)["metadata"]["labels"].items()


def test_a_track_runs_its_own_version_image_and_number_of_replicas() -> None:
    plan = before("istio")
    stable, canary = (pod_of(plan, track)["spec"]["containers"][0] for track in ("stable", "canary"))
    versions = {name: plan.one(CONFIG, f"server-{name}").inputs for name in ("stable", "canary")}
    bounds = {name: plan.one(SCALER, f"server-{name}").inputs["spec"] for name in ("stable", "canary")}

    assert (stable["image"], canary["image"]) == (IMAGE, OTHER_IMAGE)
    assert {name: made["data"]["MODEL_VERSION"] for name, made in versions.items()} == {"stable": "1", "canary": "2"}
    assert canary["envFrom"] == [{"configMapRef": {"name": versions["canary"]["metadata"]["name"]}}]
    assert {name: (spec["minReplicas"], spec["maxReplicas"]) for name, spec in bounds.items()} == {
        "stable": (2, 6),
        "canary": (1, 2),
    }
    assert bounds["canary"]["scaleTargetRef"]["name"] == "model-server-canary"


def test_a_track_is_scaled_by_its_own_requests() -> None:
    plan = split("istio", 90, 10, autoscaling={"requestsPerSecond": {"capacity": 200}})

    for track in ("stable", "canary"):
        spec = plan.one("kubernetes:keda.sh/v1alpha1:ScaledObject", f"server-{track}").inputs["spec"]
        queries = [trigger["metadata"]["query"] for trigger in spec["triggers"] if trigger["type"] == "prometheus"]
        assert spec["scaleTargetRef"]["name"] == f"model-server-{track}"
        assert [f'track="{track}"' in query for query in queries] == [True]


@pytest.mark.parametrize(
    ("traffic", "url"),
    [
        ("gateway-api", "https://predict.example.com"),
        ("istio", "http://model-server.serving.svc"),
        ("linkerd", "http://model-server.serving.svc"),
        ("blue-green", "http://model-server.serving.svc"),
    ],
)
def test_clients_know_one_url_whichever_tracks_there_are(traffic: str, url: str) -> None:
    assert before(traffic).exports["url"] == url


def test_behind_a_gateway_no_service_leads_past_the_weights_and_no_client_past_the_gateway() -> None:
    plan = split("gateway-api", 90, 10, exposure="network")
    policy = plan.one(POLICY).inputs["spec"]
    sources = [source for rule in policy["ingress"] for source in rule["from"]]

    assert [each.name for each in plan.of_type(SERVICE)] == ["server-canary", "server-stable"]
    assert {each.inputs["spec"]["type"] for each in plan.of_type(SERVICE)} == {"ClusterIP"}
    assert sources == [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "proxies"}},
            "podSelector": {"matchLabels": {"role": "proxy"}},
        },
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "watchers"}}},
    ]


def test_a_gateway_without_a_rollout_has_one_track_with_all_the_weight() -> None:
    plan = planned(gateway=GATEWAY, exposure="network")
    (rule,) = plan.one(ROUTE).inputs["spec"]["rules"]

    assert rule["backendRefs"] == [{"name": "model-server", "port": 80, "weight": 100}]
    assert plan.one(SERVICE).inputs["spec"]["type"] == "ClusterIP"
    assert plan.exports["url"] == "https://predict.example.com"


def test_a_route_that_no_gateway_takes_fails_the_update() -> None:
    assert "parents[0]" in before("gateway-api").one(ROUTE).inputs["metadata"]["annotations"]["pulumi.com/waitFor"]


def test_one_policy_and_one_account_are_for_the_pods_of_all_tracks() -> None:
    plan = before("istio")
    selector = plan.one(POLICY).inputs["spec"]["podSelector"]["matchLabels"]

    for track in ("stable", "canary"):
        assert selector.items() <= pod_of(plan, track)["metadata"]["labels"].items()
        assert pod_of(plan, track)["spec"]["serviceAccountName"] == "model-server"


@pytest.mark.parametrize("traffic", ["istio", "linkerd"])
def test_a_mesh_splits_the_requests_to_a_service_of_all_tracks(traffic: str) -> None:
    root = before(traffic).one(SERVICE, "server").inputs

    assert root["metadata"]["name"] == "model-server"
    assert root["spec"]["selector"] == {"app.kubernetes.io/name": "model-server"}


def test_blue_green_turns_the_services_selector_and_its_balancer_stays() -> None:
    blue, green = (split("blue-green", *weights, exposure="network") for weights in ((100, 0), (0, 100)))
    first, then = (plan.one(SERVICE, "server").inputs["spec"] for plan in (blue, green))

    assert (first.pop("selector")["track"], then.pop("selector")["track"]) == ("stable", "canary")
    assert first == then
    assert first["type"] == "LoadBalancer"
    assert {blue.one(SERVICE, f"server-{name}").inputs["spec"]["type"] for name in ("stable", "canary")} == {
        "ClusterIP"
    }


def test_the_namespace_holds_the_pods_of_all_tracks_twice() -> None:
    settings = ServingSettings.model_validate_json(
        json.dumps(
            {
                "replicas": {"min": 2, "max": 6},
                "rollout": {"traffic": "istio", "tracks": {"a": {"weight": 90}, "b": {"weight": 10, **CANARY}}},
            }
        )
    )

    assert serving_limits(settings).pods == 2 * (6 + 1 + 2 + 1)
