import json
from collections import Counter
from typing import Any

import pulumi
import pytest

from inference_app.contract import PORT, USER_ID, Env
from infra.images.model_image import source_tag
from infra.local.stack import LocalStack, LocalStackArgs
from infra.preview import Plan, run
from infra.preview.checks import check_plan
from infra.settings.image import ImageSettings, Variant
from infra.settings.local import LocalSettings
from infra.settings.monitoring import MonitoringSettings
from infra.settings.served import ModelSettings
from tests.infra.samples import children, waits_for

CONTAINER, REMOTE = "docker:index/container:Container", "docker:index/remoteImage:RemoteImage"
BUILD, PASSWORD = "docker-build:index:Image", "random:index/randomPassword:RandomPassword"
SERVICE, IMAGE = "inference:local:Service", "inference:local:LocalImage"


def plan(monitoring: bool = True, **local: Any) -> Plan:
    def program() -> None:
        args = LocalStackArgs(
            settings=LocalSettings.model_validate_json(json.dumps(local)),
            model=ModelSettings(name="digits", version="1"),
            image=ImageSettings(variant=Variant.CUDA, base="mirror.example.com/python"),
            monitoring=MonitoringSettings() if monitoring else None,
        )
        stack = LocalStack("local", args)
        pulumi.export("urls", stack.urls)
        pulumi.export("grafana", stack.grafana)
        pulumi.export("endpoints", {name: endpoint.exported() for name, endpoint in stack.endpoints.items()})

    return run(program, {})


@pytest.fixture(scope="module")
def whole() -> Plan:
    return plan()


def container(made: Plan, name: str) -> Any:
    return made.one(CONTAINER, f"local-{name}").inputs


def environment(made: Plan, name: str) -> dict[str, str]:
    return dict(entry.split("=", 1) for entry in container(made, name)["envs"] if "=" in entry)


def test_the_stack_owns_its_network_its_image_and_its_services(whole: Plan) -> None:
    assert children(whole, "inference:local:LocalStack") == Counter(
        {SERVICE: 5, IMAGE: 1, "docker:index/network:Network": 1, PASSWORD: 1}
    )
    assert [str(failure) for failure in check_plan(whole).failures] == []
    assert list(whole.warnings) == []


def test_without_monitoring_only_the_server_and_redis_run_and_nothing_is_traced() -> None:
    made = plan(monitoring=False)

    assert {each.name for each in made.of_type(CONTAINER)} == {"local-model-server", "local-redis"}
    assert made.exports["urls"] == {"model-server": "http://127.0.0.1:8080"}
    assert Env.OTEL_EXPORTER_OTLP_ENDPOINT not in environment(made, "model-server")


def test_the_build_is_the_images_own_for_cpu_loaded_and_not_pushed(whole: Plan) -> None:
    built = whole.one(BUILD).inputs
    wanted = ImageSettings(variant=Variant.CPU, base="mirror.example.com/python")

    assert (built["load"], built["push"], built["buildOnPreview"]) == (True, False, False)
    assert built["tags"] == [f"inference-platform:{source_tag(wanted)}"]
    assert built["dockerfile"] == {"location": "inference_app/Dockerfile"}
    assert built["buildArgs"] == {"BASE_IMAGE": "mirror.example.com/python", "VARIANT": "cpu"}
    assert "platforms" not in built


def test_the_server_starts_from_what_was_built_and_after_it(whole: Plan) -> None:
    image = whole.one(REMOTE, "local-model-server")

    assert [image.inputs["name"]] == whole.one(BUILD).inputs["tags"]
    assert waits_for(whole, image, whole.one(BUILD))
    assert not waits_for(whole, whole.one(CONTAINER, "local-redis"), whole.one(BUILD))


def test_a_given_image_is_run_and_nothing_is_built() -> None:
    made = plan(image="registry.example.com/team/model-server:7")

    assert made.of_type(BUILD) == []
    assert made.one(REMOTE, "local-model-server").inputs["name"] == "registry.example.com/team/model-server:7"


def test_the_server_is_told_what_every_target_tells_it(whole: Plan) -> None:
    told = environment(whole, "model-server")

    assert told[Env.MODEL_NAME] == "digits"
    assert told[Env.MODEL_VERSION] == "1"
    assert told[Env.EXECUTION_PROVIDER] == "CPUExecutionProvider"
    assert told[Env.PORT] == str(PORT)
    assert told[Env.OTEL_EXPORTER_OTLP_ENDPOINT] == "http://jaeger:4318"
    assert set(told) <= {variable.value for variable in Env}


def test_the_server_writes_nowhere_but_into_memory_and_has_time_to_end(whole: Plan) -> None:
    server = container(whole, "model-server")

    assert server["readOnly"] is True
    assert server["tmpfs"] == {"/tmp": "size=256m"}
    assert server["user"] == f"{USER_ID}:{USER_ID}"
    assert server["destroyGraceSeconds"] > 25
    assert "/ready" in server["healthcheck"]["tests"][-1]


def test_redis_is_bounded_keeps_nothing_and_answers_the_network_only(whole: Plan) -> None:
    redis = container(whole, "redis")
    command = " ".join(redis["command"])

    assert command == "redis-server --maxmemory 256mb --maxmemory-policy allkeys-lru --appendonly no --save"
    assert all(redis["command"])  # the provider refuses empty words
    assert redis["memory"] > 256
    assert "ports" not in redis
    assert "volumes" not in redis


def test_every_published_port_is_the_settings_and_this_machines_own() -> None:
    ports = {"modelServer": 8001, "grafana": 8002, "prometheus": 8003, "jaeger": 8004}
    made = plan(ports=ports)
    published = [port for each in made.of_type(CONTAINER) for port in each.inputs.get("ports", [])]

    assert {port["external"] for port in published} == set(ports.values())
    assert {port["ip"] for port in published} == {"127.0.0.1"}
    assert made.exports["urls"] == {
        "model-server": "http://127.0.0.1:8001",
        "grafana": "http://127.0.0.1:8002",
        "prometheus": "http://127.0.0.1:8003",
        "jaeger": "http://127.0.0.1:8004",
    }
    assert made.exports["endpoints"] == {
        "local": {"kind": "http", "address": "http://127.0.0.1:8001", "model": "digits"}
    }


def test_grafanas_password_is_made_here_and_shown_to_nobody(whole: Plan) -> None:
    assert whole.exports["grafana"] == {
        "open": "http://127.0.0.1:3000",
        "user": "admin",
        "password": "${secret: string}",
    }
    assert "local-grafana.result" not in str(whole)
    assert "${secret: string}" in container(whole, "grafana")["envs"]


def test_nobody_sees_grafana_without_a_login(whole: Plan) -> None:
    told = environment(whole, "grafana")

    assert told["GF_AUTH_ANONYMOUS_ENABLED"] == told["GF_USERS_ALLOW_SIGN_UP"] == "false"


def test_every_pinned_service_runs_its_pinned_image(whole: Plan) -> None:
    pulled = [each.inputs["name"] for each in whole.of_type(REMOTE) if each.name != "local-model-server"]

    assert [name for name in pulled if "@sha256:" not in name] == []
    assert len(pulled) == 4
