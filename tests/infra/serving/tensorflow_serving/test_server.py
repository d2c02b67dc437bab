from collections import Counter
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pulumi
import pulumi_random as random
import pytest

from infra.pods.restricted import TMP
from infra.preview import Plan
from infra.preview.checks import check_plan, check_resource
from infra.serving import pod
from infra.serving.runtime import RuntimeArgs
from infra.serving.tensorflow_serving.queries import requests_per_second
from infra.serving.tensorflow_serving.server import TensorFlowServing, tensorflow_serving_limits
from infra.serving.traffic.parent import Parent
from infra.settings.office_hours import OfficeHoursSettings
from infra.settings.served import ModelSettings
from infra.settings.serving import ServingSettings
from infra.settings.source import SourceSettings
from tests.infra.samples import BALANCER, children, on_cluster, waits_for
from tests.infra.serving.parent import PARENT

OWN = "registry.example.com/model-server@sha256:" + "1" * 64
IMAGE = "tensorflow/serving:2.20.0@sha256:" + "2" * 64
COMPONENT = "inference:serving:TensorFlowServing"
DEPLOYMENT, SERVICE = "kubernetes:apps/v1:Deployment", "kubernetes:core/v1:Service"
CONFIG, POLICY = "kubernetes:core/v1:ConfigMap", "kubernetes:networking.k8s.io/v1:NetworkPolicy"
SCALER, BUDGET = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler", "kubernetes:policy/v1:PodDisruptionBudget"
ACCOUNT, OTHER = "kubernetes:core/v1:ServiceAccount", "random:index/randomId:RandomId"
CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"
HOURS = OfficeHoursSettings.model_validate({"timeZone": "Europe/Berlin"})
PULLED = {"url": "s3://models/saved"}
ROUTE = "kubernetes:gateway.networking.k8s.io/v1:HTTPRoute"


def preview(
    *,
    source: dict[str, Any] | None = None,
    model: dict[str, Any] | None = None,
    hours: OfficeHoursSettings | None = None,
    gpu_time_slices: int = 1,
    parent: Parent | None = None,
    **changes: object,
) -> Plan:
    described = {"name": "digits", "version": "3", "source": source or PULLED, **(model or {})}
    asked = {"tensorFlowServing": {"image": IMAGE}, **changes}

    def build(cluster: Any, opts: pulumi.ResourceOptions) -> None:
        args = RuntimeArgs(
            model=ModelSettings.model_validate(described),
            settings=ServingSettings.model_validate(asked, strict=False),
            cluster=replace(cluster, gpu_time_slices=gpu_time_slices),
            image=OWN,
            namespace=random.RandomId("namespace", byte_length=1),
            office_hours=hours,
            secret="secrets",
            prometheus="http://prometheus.monitoring.svc:9090",
            parent=parent,
            scrapers=["watchers"],
            after=[random.RandomId("gpus", byte_length=1)],
        )
        server = TensorFlowServing("server", args, opts)
        pulumi.export("url", server.url)
        pulumi.export("endpoint", server.endpoint.exported())

    return on_cluster(build)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return preview(replicas={"min": 2, "max": 6}, clientNamespaces=["shop"])


def pod_of(plan: Plan) -> Any:
    return plan.one(DEPLOYMENT).inputs["spec"]["template"]["spec"]


def server_of(plan: Plan) -> Any:
    (server,) = pod_of(plan)["containers"]
    return server


def test_the_server_owns_all_its_objects_in_one_namespace_which_is_there_before(plan: Plan) -> None:
    objects = [each for each in plan.resources if "namespace" in each.inputs.get("metadata", {})]

    owned = [DEPLOYMENT, SERVICE, SCALER, CONFIG, CONFIG, ACCOUNT, POLICY, BUDGET]
    assert children(plan, COMPONENT) == Counter(owned)
    assert {each.inputs["metadata"]["namespace"] for each in objects} == {"serving"}
    assert all(waits_for(plan, each, plan.one(OTHER, "namespace")) for each in objects)
    assert waits_for(plan, plan.one(DEPLOYMENT), plan.one(OTHER, "gpus"))


@pytest.mark.parametrize(
    ("source", "changes"),
    [
        (PULLED, {}),
        ({"image": "registry.example.com/saved@sha256:" + "3" * 64}, {"gpus": 0}),
        ({"nfs": {"server": "nfs.example.com", "path": "/models"}}, {"exposure": "network"}),
        ({"size": "5Gi"}, {"autoscaling": {"memoryUtilisation": 80}}),
    ],
)
def test_every_object_is_one_that_kubernetes_knows(source: dict[str, Any], changes: dict[str, Any]) -> None:
    plan = preview(source=source, **changes)

    assert [str(failure) for failure in check_plan(plan).failures] == []


@pytest.mark.parametrize(
    ("key", "value", "where"),
    [
        ("livenesProbe", {}, "livenesProbe"),
        ("lifecycle", {"preStop": {"sleep": {"second": 5}}}, "lifecycle.preStop.sleep.second"),
        ("args", "--port=8500", "args"),
    ],
)
def test_a_planted_mistake_is_caught_where_it_is(plan: Plan, key: str, value: object, where: str) -> None:
    inputs = deepcopy(plan.one(DEPLOYMENT).inputs)
    inputs["spec"]["template"]["spec"]["containers"][0][key] = value

    problems = check_resource(replace(plan.one(DEPLOYMENT), inputs=inputs))

    assert any(problem.path.endswith(where) for problem in problems), problems


def test_the_server_is_started_without_the_images_script_and_as_nobody(plan: Plan) -> None:
    server = server_of(plan)

    assert server["image"] == IMAGE
    assert server["command"] == ["/usr/bin/tensorflow_model_server"]
    assert {"--port=8500", "--rest_api_port=8501", "--enable_profiler=false"} <= set(server["args"])
    assert server["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod_of(plan)["securityContext"]["runAsNonRoot"] is True
    assert {mount["mountPath"] for mount in server["volumeMounts"] if not mount.get("readOnly")} == {TMP}
    assert "envFrom" not in server


def test_its_files_are_where_its_arguments_say(plan: Plan) -> None:
    (volume,) = [volume for volume in pod_of(plan)["volumes"] if "configMap" in volume]
    (mount,) = [mount for mount in server_of(plan)["volumeMounts"] if mount["name"] == volume["name"]]
    (config,) = [
        each for each in plan.of_type(CONFIG) if each.inputs["metadata"]["name"] == volume["configMap"]["name"]
    ]

    named = [part.partition("=")[2] for part in server_of(plan)["args"] if "_file=" in part]
    assert {name.rpartition("/")[0] for name in named} == {mount["mountPath"]}
    assert {name.rpartition("/")[2] for name in named} == config.inputs["data"].keys()
    assert config.inputs["immutable"] is True


def test_another_version_is_another_file_and_so_a_rollout(plan: Plan) -> None:
    changed = preview(model={"version": "4"})

    def files(plan: Plan) -> Any:
        return next(volume["configMap"]["name"] for volume in pod_of(plan)["volumes"] if "configMap" in volume)

    assert files(plan) != files(changed)


@pytest.mark.parametrize("seconds", [None, 300])
def test_only_an_available_model_makes_a_pod_ready_and_load_restarts_none(seconds: float | None) -> None:
    server = server_of(preview(model={"requestTimeoutSeconds": seconds}))
    paths = {name: server[name]["httpGet"]["path"] for name in ("startupProbe", "readinessProbe", "livenessProbe")}
    timeout = next(part for part in server["args"] if "timeout" in part).partition("=")[2]
    liveness = server["livenessProbe"]

    assert paths == {
        "startupProbe": "/v1/models/digits/metadata",
        "readinessProbe": "/v1/models/digits/metadata",
        "livenessProbe": "/v1/models/digits",
    }
    assert liveness["periodSeconds"] * (liveness["failureThreshold"] - 1) * 1000 > int(timeout)


def test_a_pod_that_ends_answers_for_all_of_its_grace(plan: Plan) -> None:
    sleep = server_of(plan)["lifecycle"]["preStop"]["sleep"]["seconds"]

    assert pod_of(plan)["terminationGracePeriodSeconds"] == pod.TERMINATION_GRACE_SECONDS
    assert sleep == pod.TERMINATION_GRACE_SECONDS - 1


def test_models_are_pulled_by_the_stacks_own_image_which_alone_has_the_secrets(plan: Plan) -> None:
    (puller,) = pod_of(plan)["initContainers"]
    (config,) = [each for each in plan.of_type(CONFIG) if "MODEL_NAME" in each.inputs["data"]]
    name = config.inputs["metadata"]["name"]

    assert puller["image"] == OWN
    assert puller["envFrom"] == [{"configMapRef": {"name": name}}, {"secretRef": {"name": "secrets"}}]
    assert config.inputs["data"].items() >= {("MODEL_NAME", "digits"), ("MODEL_VERSION", "3")}
    assert plan.one(ACCOUNT).inputs["metadata"]["annotations"] == {
        "example.com/access": "serving tensorflow-serving s3://models/saved"
    }


def test_mounted_models_need_no_pull() -> None:
    plan = preview(source={"claim": "models"})

    assert "initContainers" not in pod_of(plan)
    assert len(plan.of_type(CONFIG)) == 1
    assert {"name": "models", "persistentVolumeClaim": {"claimName": "models", "readOnly": True}} in pod_of(plan)[
        "volumes"
    ]


def test_a_volume_of_the_stacks_is_claimed() -> None:
    assert preview(source={"size": "5Gi"}).one(CLAIM).inputs["spec"]["storageClassName"] == "shared"


def test_a_server_with_a_gpu_runs_on_gpu_nodes_and_shares_the_memory_of_a_slice() -> None:
    plan = preview(gpu_time_slices=2)

    assert server_of(plan)["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert pod_of(plan)["nodeSelector"] == {"inference-platform/gpu": "true"}
    assert "--per_process_gpu_memory_fraction=0.450" in server_of(plan)["args"]


def test_rest_is_on_port_80_and_grpc_always_there(plan: Plan) -> None:
    spec = plan.one(SERVICE).inputs["spec"]

    assert spec["type"] == "ClusterIP"
    assert [(port["name"], port["port"], port["targetPort"]) for port in spec["ports"]] == [
        ("http", 80, "http"),
        ("grpc", 8500, "grpc"),
    ]
    assert spec["ports"][1]["appProtocol"] == "kubernetes.io/h2c"
    assert {port["name"]: port["containerPort"] for port in server_of(plan)["ports"]} == {"http": 8501, "grpc": 8500}
    assert plan.exports["url"] == "http://tensorflow-serving.serving.svc"
    assert plan.exports["endpoint"] == {
        "kind": "tensorflow-serving",
        "address": "http://tensorflow-serving.serving.svc",
        "model": "digits",
    }


def test_only_clients_and_prometheus_reach_its_ports(plan: Plan) -> None:
    spec = plan.one(POLICY).inputs["spec"]
    names = [
        source["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        for rule in spec["ingress"]
        for source in rule["from"]
    ]

    assert names == ["serving", "shop", "watchers"]
    assert all({port["port"] for port in rule["ports"]} == {8500, 8501} for rule in spec["ingress"])
    assert spec["podSelector"]["matchLabels"] == plan.one(BUDGET).inputs["spec"]["selector"]["matchLabels"]


def test_a_server_for_the_network_is_behind_an_internal_load_balancer() -> None:
    service = preview(exposure="network").one(SERVICE).inputs

    assert service["spec"]["type"] == "LoadBalancer"
    assert service["spec"]["loadBalancerClass"] == BALANCER.load_balancer_class
    assert service["metadata"]["annotations"] == BALANCER.annotations


def test_behind_a_gateway_only_its_proxies_ask_and_only_for_predictions() -> None:
    plan = preview(parent=PARENT, exposure="network")
    spec = plan.one(ROUTE).inputs["spec"]
    names = [
        source["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        for rule in plan.one(POLICY).inputs["spec"]["ingress"]
        for source in rule["from"]
    ]
    paths = {match["path"]["value"]: rule["backendRefs"] for rule in spec["rules"] for match in rule["matches"]}

    assert spec["parentRefs"] == [{"name": "front", "namespace": "edge", "sectionName": "https"}]
    assert spec["hostnames"] == ["predict.example.com"]
    assert paths["/v1/models"] == [{"name": "tensorflow-serving", "port": 80}]
    assert paths["/tensorflow.serving.PredictionService/Predict"] == [{"name": "tensorflow-serving", "port": 8500}]
    assert not [path for path in paths if "Reload" in path or "monitoring" in path]
    assert names == ["proxies", "watchers"]
    assert plan.one(SERVICE).inputs["spec"]["type"] == "ClusterIP"
    assert plan.exports["url"] == "https://predict.example.com"
    assert waits_for(plan, plan.one(ROUTE), plan.one(DEPLOYMENT))


def test_the_namespace_has_room_for_both_node_ports() -> None:
    source = SourceSettings.model_validate(PULLED)
    shown = ServingSettings.model_validate({"exposure": "network"}, strict=False)

    assert tensorflow_serving_limits(shown, source).node_ports == 2
    assert tensorflow_serving_limits(ServingSettings.model_validate({}), source).node_ports == 0


def test_the_autoscaler_alone_says_how_many_replicas_there_are(plan: Plan) -> None:
    spec = plan.one(SCALER).inputs["spec"]

    assert "replicas" not in plan.one(DEPLOYMENT).inputs["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 6)
    assert spec["scaleTargetRef"]["name"] == plan.one(DEPLOYMENT).inputs["metadata"]["name"]


def test_replicas_follow_what_the_server_counts_as_predictions() -> None:
    plan = preview(autoscaling={"requestsPerSecond": {"capacity": 100}})

    triggers = plan.one("kubernetes:keda.sh/v1alpha1:ScaledObject").inputs["spec"]["triggers"]
    (asked,) = [trigger["metadata"] for trigger in triggers if trigger["type"] == "prometheus"]
    assert asked["query"] == requests_per_second('namespace="serving"')
    assert asked["threshold"] == "70"


def test_office_hours_are_kedas_to_keep() -> None:
    plan = preview(hours=HOURS, replicas={"min": 1, "max": 2, "minOutsideOfficeHours": 0})

    scaled = plan.one("kubernetes:keda.sh/v1alpha1:ScaledObject")
    assert scaled.inputs["spec"]["scaleTargetRef"]["name"] == "tensorflow-serving"
    assert plan.of_type(SCALER) == []
