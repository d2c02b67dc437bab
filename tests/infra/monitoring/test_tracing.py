from collections import Counter
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pulumi
import pulumi_random as random
import pytest
import yaml

from infra.monitoring.tracing import collector, jaeger, pod
from infra.monitoring.tracing.tracing import Tracing, TracingArgs, tracing_limits
from infra.namespaces.limits import quota_spec
from infra.preview import Plan, Resource
from infra.preview.checks import check_plan, check_resource
from infra.settings.serving import RESERVED_NAMESPACES, TracingSettings
from infra.settings.tracing import TraceStoreSettings
from infra.versions import image
from tests.infra.samples import children, on_cluster, waits_for

CORE = "kubernetes:core/v1"
DEPLOYMENT, CONFIG = "kubernetes:apps/v1:Deployment", f"{CORE}:ConfigMap"
SERVICE, CLAIM = f"{CORE}:Service", f"{CORE}:PersistentVolumeClaim"
POLICY, BUDGET = "kubernetes:networking.k8s.io/v1:NetworkPolicy", "kubernetes:policy/v1:PodDisruptionBudget"
MONITOR = "kubernetes:monitoring.coreos.com/v1:PodMonitor"
RULE = "kubernetes:monitoring.coreos.com/v1:PrometheusRule"
JAEGER, COLLECTOR = "inference:monitoring:Jaeger", "inference:monitoring:Collector"
OTHER = "random:index/randomId:RandomId"
BOTH = ("traces-collector", "traces-jaeger")


def preview(**changes: object) -> Plan:
    settings = TraceStoreSettings.model_validate(changes, strict=False)

    def build(cluster: Any, opts: pulumi.ResourceOptions) -> None:
        args = TracingArgs(
            settings=settings,
            storage_class=cluster.storage_class,
            namespace=random.RandomId("namespace", byte_length=1),
            clients=["serving"],
            monitoring="watchers",
            after=[random.RandomId("definitions", byte_length=1)],
            runbooks="https://example.com/alerts.md",
        )
        made = Tracing("traces", args, opts)
        pulumi.export("url", made.url)
        pulumi.export("open", made.open)

    return on_cluster(build)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return preview(retentionHours=9, storage="33Gi", clientNamespaces=["shop", "serving"])


def spec(plan: Plan, name: str) -> Any:
    return plan.one(DEPLOYMENT, name).inputs["spec"]


def container(plan: Plan, name: str) -> Any:
    (found,) = spec(plan, name)["template"]["spec"]["containers"]
    return found


def configuration(plan: Plan, name: str) -> Any:
    return yaml.safe_load(plan.one(CONFIG, name).inputs["data"]["config.yaml"])


def opened(plan: Plan, name: str) -> set[tuple[str, int]]:
    """Namespace, or name of the pods where they are in the same, and port of what may come in."""
    return {
        (whose(source), port["port"])
        for rule in plan.one(POLICY, name).inputs["spec"]["ingress"]
        for source in rule["from"]
        for port in rule["ports"]
    }


def whose(source: Any) -> str:
    pods = source.get("podSelector", {}).get("matchLabels", {})
    return (
        pods.get("app.kubernetes.io/name") or source["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
    )


def test_each_program_has_its_objects_in_one_namespace_which_is_there_before(plan: Plan) -> None:
    shared = [CONFIG, POLICY, DEPLOYMENT, SERVICE]
    placed = [each for each in plan.resources if each.inputs.get("metadata", {}).get("namespace") == "tracing"]

    assert children(plan, "inference:monitoring:Tracing") == Counter([JAEGER, COLLECTOR, MONITOR, RULE])
    assert children(plan, COLLECTOR) == Counter([*shared, BUDGET])
    assert children(plan, JAEGER) == Counter([*shared, CLAIM])
    assert len(placed) == 2 * len(shared) + 2
    assert all(waits_for(plan, each, plan.one(OTHER, "namespace")) for each in placed)
    assert [str(failure) for failure in check_plan(plan).failures] == []
    assert "tracing" in RESERVED_NAMESPACES


@pytest.mark.parametrize("name", BOTH)
def test_no_program_has_rights_or_a_root_file_system_to_write_to(plan: Plan, name: str) -> None:
    found, template = container(plan, name), spec(plan, name)["template"]["spec"]

    assert found["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert template["securityContext"]["runAsUser"] == 10001
    assert template["securityContext"]["runAsNonRoot"] is True
    assert template["automountServiceAccountToken"] is False
    assert found["resources"]["limits"].keys() == {"memory"}
    assert f"@{found['image'].partition('@')[2]}" in found["image"]
    assert found["image"] in {image("opentelemetry-collector"), image("jaeger")}


@pytest.mark.parametrize("name", BOTH)
def test_the_program_reads_the_file_that_is_mounted_and_rolls_when_it_changes(plan: Plan, name: str) -> None:
    found, template = container(plan, name), spec(plan, name)["template"]["spec"]
    (config,) = [volume["configMap"]["name"] for volume in template["volumes"] if "configMap" in volume]
    (mounted,) = [mount["mountPath"] for mount in found["volumeMounts"] if mount["name"] == "config"]

    assert found["args"] == [f"--config={mounted}/config.yaml"]
    assert plan.one(CONFIG, name).inputs["immutable"] is True
    assert config.startswith(plan.one(CONFIG, name).inputs["metadata"]["name"][: len("jaeger-")])
    assert preview(retentionHours=10).one(CONFIG, "traces-jaeger").inputs["metadata"]["name"] != config


@pytest.mark.parametrize("name", BOTH)
def test_what_a_program_listens_on_is_what_its_pod_names_and_its_probes_ask(plan: Plan, name: str) -> None:
    found, configured = container(plan, name), str(configuration(plan, name))
    ports = {port["name"]: port["containerPort"] for port in found["ports"]}
    (service,) = [each.inputs["spec"] for each in plan.resources if each.type == SERVICE and each.name == name]

    assert all(f"0.0.0.0:{number}" in configured for port, number in ports.items() if port != "metrics")
    assert f"'port': {ports['metrics']}" in configured
    assert {port["targetPort"]: port["port"] for port in service["ports"]}.items() <= ports.items()
    for kind in ("startup", "liveness", "readiness"):
        assert found[f"{kind}Probe"]["httpGet"] == {"path": "/status", "port": "health"}


def test_what_selects_pods_selects_each_programs_own(plan: Plan) -> None:
    for name in BOTH:
        labels = spec(plan, name)["template"]["metadata"]["labels"]
        assert spec(plan, name)["selector"]["matchLabels"] == labels
        assert plan.one(SERVICE, name).inputs["spec"]["selector"] == labels
        assert plan.one(POLICY, name).inputs["spec"]["podSelector"]["matchLabels"] == labels
        assert plan.one(MONITOR).inputs["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert plan.one(BUDGET).inputs["spec"]["selector"] == spec(plan, "traces-collector")["selector"]


def test_spans_come_from_the_server_and_the_settings_namespaces_and_go_to_jaeger_alone(plan: Plan) -> None:
    out = plan.one(POLICY, "traces-collector").inputs["spec"]["egress"]

    assert opened(plan, "traces-collector") == {
        ("serving", 4317), ("serving", 4318), ("shop", 4317), ("shop", 4318), ("watchers", 8888),
    }  # fmt: skip
    assert opened(plan, "traces-jaeger") == {("collector", 4317), ("watchers", 16686), ("watchers", 8888)}
    assert [[port["port"] for port in rule["ports"]] for rule in out] == [[53, 53], [4317]]
    assert whose(out[1]["to"][0]) == "jaeger"
    assert "egress" not in plan.one(POLICY, "traces-jaeger").inputs["spec"]


def test_lost_spans_are_told_once_prometheus_knows_rules_and_lead_to_the_runbook(plan: Plan) -> None:
    rule = plan.one(RULE)
    ((alert,),) = [group["rules"] for group in rule.inputs["spec"]["groups"]]

    assert rule.inputs["metadata"]["namespace"] == "watchers"
    assert waits_for(plan, rule, plan.one(OTHER, "definitions"))
    assert alert["annotations"]["runbook_url"] == "https://example.com/alerts.md#spanslost"
    assert alert["expr"].count('namespace="tracing"') == 2


def test_the_server_finds_the_collector_and_the_collector_jaeger(plan: Plan) -> None:
    services = {
        f"{each.inputs['metadata']['name']}.{each.inputs['metadata']['namespace']}.svc:{port['port']}"
        for each in plan.resources
        if each.type == SERVICE
        for port in each.inputs["spec"]["ports"]
    }
    sent = configuration(plan, "traces-collector")["exporters"]["otlp_grpc"]["endpoint"]

    assert TracingSettings(endpoint=plan.exports["url"]).collector == ("tracing", 4318)
    assert {plan.exports["url"].removeprefix("http://"), sent, jaeger.URL.removeprefix("http://")} <= services
    assert "svc/jaeger 16686" in plan.exports["open"]


def test_traces_lie_on_a_volume_of_the_clusters_class_for_so_long_and_in_one_pod(plan: Plan) -> None:
    claim = plan.one(CLAIM).inputs
    badger = configuration(plan, "traces-jaeger")["extensions"]["jaeger_storage"]["backends"]["badger"]["badger"]
    mounts = {mount["mountPath"]: mount["name"] for mount in container(plan, "traces-jaeger")["volumeMounts"]}
    volumes = {each["name"]: each for each in spec(plan, "traces-jaeger")["template"]["spec"]["volumes"]}

    assert claim["spec"]["storageClassName"] == "encrypted"
    assert claim["spec"]["resources"]["requests"]["storage"] == "33Gi"
    assert badger["ttl"] == {"spans": "9h"}
    assert badger["ephemeral"] is False
    assert all(path.startswith("/data/") for path in badger["directories"].values())
    assert volumes[mounts["/data"]]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert (spec(plan, "traces-jaeger")["replicas"], spec(plan, "traces-jaeger")["strategy"]) == (
        1,
        {"type": "Recreate"},
    )


@pytest.mark.parametrize("made", [collector.configuration(), jaeger.configuration(TraceStoreSettings())])
def test_a_pipeline_names_what_is_configured_and_leaves_nothing_out(made: Any) -> None:
    service = made["service"]

    assert set(service["extensions"]) == made["extensions"].keys()
    for kind in ("receivers", "processors", "exporters"):
        assert set(service["pipelines"]["traces"][kind]) == made[kind].keys()


def test_spans_that_wait_fit_the_collectors_memory() -> None:
    limiter, queue = pod.memory_limiter(), collector.exporter()["sending_queue"]
    refuses_from = (limiter["limit_percentage"] - limiter["spike_limit_percentage"]) / 100 * collector.MEMORY_MIB

    assert queue["queue_size"] / 1024 < refuses_from / 2  # a span is about 1 KiB
    assert queue["batch"]["min_size"] <= queue["batch"]["max_size"] < queue["queue_size"]


def test_the_namespaces_quota_holds_a_rollout_of_both_programs(plan: Plan) -> None:
    quota: Any = quota_spec(tracing_limits())
    hard = quota["hard"]
    pods = [spec(plan, name)["replicas"] + 1 for name in BOTH]
    memory = [int(container(plan, name)["resources"]["limits"]["memory"].removesuffix("Mi")) for name in BOTH]

    assert int(hard["pods"]) >= sum(pods)
    assert int(hard["limits.memory"].removesuffix("Mi")) >= sum(map(int.__mul__, pods, memory))
    assert hard["persistentvolumeclaims"] == "1"


def test_prometheus_reads_both_programs_by_the_name_of_a_port_after_it_is_there(plan: Plan) -> None:
    monitor = plan.one(MONITOR)
    (endpoint,) = monitor.inputs["spec"]["podMetricsEndpoints"]

    assert monitor.inputs["metadata"]["namespace"] == "watchers"
    assert monitor.inputs["spec"]["namespaceSelector"] == {"matchNames": ["tracing"]}
    assert all(endpoint["port"] in {port["name"] for port in container(plan, name)["ports"]} for name in BOTH)
    assert waits_for(plan, monitor, plan.one(OTHER, "definitions"))


@pytest.mark.parametrize("type_", [DEPLOYMENT, SERVICE, POLICY])
def test_a_wrong_key_of_an_object_is_caught(plan: Plan, type_: str) -> None:
    resource = plan.one(type_, "traces-jaeger")

    assert [*check_resource(resource)] == []
    assert [*check_resource(with_key(resource, "replcas"))] != []


def with_key(resource: Resource, key: str) -> Resource:
    inputs: Any = deepcopy(dict(resource.inputs))
    inputs["spec"][key] = 1
    return replace(resource, inputs=inputs)
