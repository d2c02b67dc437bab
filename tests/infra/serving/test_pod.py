from typing import Any

import pytest

from inference_app import contract
from inference_app.settings import Settings as ServerSettings
from inference_app.settings import load
from infra.clusters.gpu import GPU_RESOURCE, NODE_LABEL, NODE_TAINT
from infra.serving import pod
from infra.serving.environment import MIB
from infra.serving.storage import model_volume
from infra.settings.served import MAX_BODY_MIB, ModelSettings
from infra.settings.serving import ServingSettings
from infra.settings.source import SourceSettings

MODEL = ModelSettings.model_validate(
    {
        "name": "digits",
        "version": "2",
        "extra": ["faces", "words"],
        "batching": {"maxSize": 16, "maxDelayMs": 2.5, "maxQueue": 99},
        "requestTimeoutSeconds": 2.5,
        "maxBodyMib": 16,
    },
    strict=False,
)
FULL = ServingSettings.model_validate(
    {
        "resources": {"cpu": "1500m", "memory": "6Gi"},
        "gpus": 2,
        "gpuMemoryLimitMib": 6000,
        "cudaGraphs": True,
        "grpc": True,
        "tracing": {"endpoint": "http://otel.tracing.svc:4318", "sampleRatio": 0.05},
    },
    strict=False,
)
PLAIN = ModelSettings(name="digits")
ON_CPU = ServingSettings.model_validate({"gpus": 0})
SPOT = [("example.com/spot", "yes"), ("example.com/cheap", "yes")]
TAINTS = [NODE_TAINT, ("example.com/spot", "soon", "NoExecute")]


class GpuNodes:
    """How a cluster of no cloud marks its GPU nodes."""

    spot_labels = SPOT
    gpu_taints = TAINTS


def spec(settings: ServingSettings = FULL, **others: Any) -> Any:
    return pod.spec(
        pod.PodArgs(
            settings=settings,
            image="r/m@sha256:1",
            config_map="config",
            service_account="account",
            labels={"app": "it"},
            scheduling=GpuNodes(),
            **others,
        )
    )


def container(settings: ServingSettings = FULL, **others: Any) -> Any:
    (only,) = spec(settings, **others)["containers"]
    return only


PULLED = SourceSettings(url="s3://models/prod", space="7Gi")
MOUNTED = SourceSettings(claim="models")


def served(model: ModelSettings, settings: ServingSettings, monkeypatch: pytest.MonkeyPatch) -> ServerSettings:
    """What a server makes of its environment, the image's own variables aside."""
    for name in contract.Env:
        monkeypatch.delenv(name, raising=False)
    for name, value in pod.environment(model, settings).items():
        monkeypatch.setenv(name, value)
    return load()


def test_every_variable_is_one_of_the_contracts() -> None:
    assert pod.environment(MODEL, FULL).keys() <= set(contract.Env)


def test_the_server_accepts_its_environment_and_runs_as_the_stack_says(monkeypatch: pytest.MonkeyPatch) -> None:
    server = served(MODEL, FULL, monkeypatch)

    assert server.port == contract.PORT
    assert server.host == "0.0.0.0"
    assert (server.model_name, server.model_version) == ("digits", "2")
    assert server.extra_models == ("faces", "words")
    assert server.execution_provider is contract.ExecutionProvider.CUDA
    assert (server.max_batch_size, server.max_batch_delay_ms, server.max_queue_size) == (16, 2.5, 99)
    assert (server.request_timeout_seconds, server.max_body_bytes) == (2.5, 16 * 1024 * 1024)
    assert (server.gpu_memory_limit_mb, server.cuda_graphs) == (6000, True)
    assert server.grpc_port == contract.GRPC_PORT


def test_traces_go_to_the_collector_for_the_share_of_requests_that_the_caller_left_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = served(MODEL, FULL, monkeypatch)

    assert server.otel_exporter_otlp_endpoint == "http://otel.tracing.svc:4318"
    assert server.otel_traces_sampler is contract.TraceSampler.PARENTBASED_TRACEIDRATIO
    assert server.otel_traces_sampler_arg == 0.05


def test_what_a_stack_leaves_open_stays_open_for_the_server_and_its_models_tuning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = served(PLAIN, ON_CPU, monkeypatch)

    assert server.model_fields_set == {"host", "port", "model_name", "execution_provider"}


def test_a_replica_on_cpu_may_have_several_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    server = served(PLAIN, ServingSettings.model_validate({"gpus": 0, "workers": 3}), monkeypatch)

    assert server.workers == 3


def test_a_body_of_the_largest_allowed_size_fits_what_the_server_holds() -> None:
    assert ServerSettings().max_buffered_bytes >= MAX_BODY_MIB * MIB


def test_a_pod_without_gpus_runs_on_cpu_the_version_that_the_repository_names() -> None:
    data = pod.environment(PLAIN, ON_CPU)

    assert data[contract.Env.EXECUTION_PROVIDER] == contract.ExecutionProvider.CPU
    assert contract.Env.MODEL_VERSION not in data


def test_probes_ask_the_contracts_routes_on_the_contracts_port() -> None:
    server = container(ON_CPU)
    (port,) = server["ports"]
    asked = {kind: server[f"{kind}_probe"]["http_get"] for kind in ("startup", "liveness", "readiness")}

    assert port["container_port"] == contract.PORT
    assert {probe["port"] for probe in asked.values()} == {port["name"]}
    assert {kind: probe["path"] for kind, probe in asked.items()} == {
        "startup": "/ready",
        "liveness": "/health",
        "readiness": "/ready",
    }
    patience = server["startup_probe"]["period_seconds"] * server["startup_probe"]["failure_threshold"]
    assert patience == pod.LOAD_SECONDS


def test_grpc_has_a_port_of_its_own_and_probes_stay_on_http() -> None:
    server = container(FULL)

    assert server["ports"] == [
        {"name": "http", "container_port": contract.PORT},
        {"name": "grpc", "container_port": contract.GRPC_PORT},
    ]
    assert {server[f"{kind}_probe"]["http_get"]["port"] for kind in ("startup", "liveness", "readiness")} == {"http"}


def test_the_kubelet_waits_longer_than_the_server_needs_and_not_longer_than_a_spot_notice() -> None:
    assert contract.GRACE_SECONDS < spec()["termination_grace_period_seconds"] < 30


def test_the_drain_outlasts_the_probe_that_takes_a_stopping_pod_out() -> None:
    assert contract.DRAIN_SECONDS < contract.GRACE_SECONDS
    assert container()["readiness_probe"]["period_seconds"] <= contract.DRAIN_SECONDS


def test_a_pod_has_no_rights_and_writes_to_tmp_only() -> None:
    found, server = spec(), container()

    assert found["security_context"]["run_as_non_root"] is True
    assert found["security_context"]["run_as_user"] == contract.USER_ID
    assert found["security_context"]["seccomp_profile"] == {"type": "RuntimeDefault"}
    assert found["automount_service_account_token"] is False
    assert server["security_context"] == {
        "allow_privilege_escalation": False,
        "read_only_root_filesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert server["volume_mounts"] == [{"name": "tmp", "mount_path": "/tmp"}]
    assert found["volumes"] == [{"name": "tmp", "empty_dir": {"size_limit": "1Gi"}}]


def test_memory_and_gpus_are_limits_and_cpu_is_not() -> None:
    assert container()["resources"] == {
        "requests": {"cpu": "1500m", "memory": "6Gi", GPU_RESOURCE: "2"},
        "limits": {"memory": "6Gi", GPU_RESOURCE: "2"},
    }
    assert GPU_RESOURCE not in container(ON_CPU)["resources"]["limits"]


def test_a_gpu_pod_runs_on_our_gpu_nodes_spot_first() -> None:
    found = spec()
    affinity = found["affinity"]["node_affinity"]
    preferred = affinity["preferred_during_scheduling_ignored_during_execution"]
    terms = [each["preference"]["match_expressions"] for each in preferred]

    assert found["node_selector"] == {NODE_LABEL[0]: NODE_LABEL[1]}
    assert [each.pop("operator") for each in found["tolerations"]] == ["Equal"] * len(TAINTS)
    assert [tuple(each.values()) for each in found["tolerations"]] == TAINTS
    assert terms == [[{"key": key, "operator": "In", "values": [value]}] for key, value in SPOT]
    assert len(affinity) == 1, "spot is preferred, never required"


def test_a_cpu_pod_goes_anywhere_but_onto_gpu_nodes() -> None:
    assert not {"node_selector", "tolerations", "affinity"} & spec(ON_CPU).keys()


def test_pods_spread_over_zones_and_nodes_by_their_own_labels() -> None:
    spread = spec()["topology_spread_constraints"]

    assert {each["topology_key"] for each in spread} == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
    for each in spread:
        assert each["label_selector"] == {"match_labels": {"app": "it"}}
        assert each["when_unsatisfiable"] == "ScheduleAnyway"


def test_a_model_of_the_image_is_where_the_image_has_it() -> None:
    assert contract.Env.MODEL_REPOSITORY not in pod.environment(PLAIN, ON_CPU)
    assert "init_containers" not in spec()


@pytest.mark.parametrize("source", [PULLED, MOUNTED])
def test_a_server_reads_models_that_are_not_of_the_image_from_their_volume_and_writes_none(
    source: SourceSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = served(ModelSettings(name="digits", source=source), ON_CPU, monkeypatch)
    models = model_volume(source)
    tmp, volume = spec(models=models)["volumes"]
    mount = container(models=models)["volume_mounts"][1]

    assert tmp["name"] == "tmp"
    assert volume == models.volume
    assert mount == {"name": volume["name"], "mount_path": str(server.model_repository), "read_only": True}


def test_models_are_pulled_before_the_server_starts_by_its_own_image_and_with_its_settings() -> None:
    found = spec(models=model_volume(PULLED))
    (puller,), (server,) = found["init_containers"], found["containers"]

    assert puller["command"] == ["python", "-m", "inference_app.pull"]
    assert (puller["image"], puller["env_from"]) == (server["image"], server["env_from"])
    assert {"name": "MODEL_SOURCE", "value": "s3://models/prod"} in puller["env"]
    assert puller["volume_mounts"][1] == {"name": "models", "mount_path": "/models", "read_only": False}
    assert puller["termination_message_policy"] == "FallbackToLogsOnError"


def test_a_pull_has_no_rights_either_and_adds_nothing_to_what_the_pod_asks_for() -> None:
    found = spec(models=model_volume(PULLED))
    (puller,), (server,) = found["init_containers"], found["containers"]

    assert puller["security_context"] == server["security_context"]
    for kind in ("requests", "limits"):
        asked = server["resources"][kind]
        assert puller["resources"][kind] == {name: asked[name] for name in asked if name != GPU_RESOURCE}


def test_the_room_that_pulled_models_take_is_asked_of_the_node() -> None:
    assert container(models=model_volume(PULLED))["resources"]["requests"]["ephemeral-storage"] == "7Gi"
    assert "ephemeral-storage" not in container(models=model_volume(MOUNTED))["resources"]["requests"]


def test_the_servers_secrets_are_variables_of_the_pull_too() -> None:
    found = spec(models=model_volume(PULLED), secret="keys")
    sources = [{"config_map_ref": {"name": "config"}}, {"secret_ref": {"name": "keys"}}]

    assert [each["env_from"] for each in (*found["init_containers"], *found["containers"])] == [sources] * 2


def test_a_traced_pod_says_which_it_is_and_an_untraced_one_need_not() -> None:
    env = container()["env"]

    assert [each["name"] for each in env] == ["POD_NAME", "POD_NAMESPACE", "NODE_NAME", "OTEL_RESOURCE_ATTRIBUTES"]
    assert env[-1]["value"] == "k8s.pod.name=$(POD_NAME),k8s.namespace.name=$(POD_NAMESPACE),k8s.node.name=$(NODE_NAME)"
    assert "env" not in container(ON_CPU)
