import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pulumi
import pulumi_random as random
import pytest
from redis import Redis as Client

from infra.namespaces.network import peer
from infra.preview import Plan
from infra.preview.checks import check_plan
from infra.preview.markers import holds_secret
from infra.serving import redis
from infra.serving.redis import Eviction, Redis, RedisArgs, Storage
from tests.infra.samples import children, on_cluster, waits_for
from tests.processes import HOST, Process, free_port, until
from tests.redis_server import program

DEPLOYMENT, CLAIM = "kubernetes:apps/v1:Deployment", "kubernetes:core/v1:PersistentVolumeClaim"
SECRET_TYPE, POLICY = "kubernetes:core/v1:Secret", "kubernetes:networking.k8s.io/v1:NetworkPolicy"
VOLUME = Storage(size="5Gi", storage_class="encrypted")


def arguments(storage: Storage | None = None, after: list[pulumi.Resource] | None = None) -> RedisArgs:
    return RedisArgs(
        namespace="serving",
        object_name="tasks",
        memory="200Mi",
        eviction=Eviction.NOTHING if storage else Eviction.LEAST_RECENTLY_USED,
        clients=[peer("serving", {"app": "client"})],
        after=after or [],
        storage=storage,
    )


def preview(storage: Storage | None = None) -> Plan:
    def build(_: object, opts: pulumi.ResourceOptions) -> None:
        Redis("tasks", arguments(storage, [random.RandomId("namespace", byte_length=1)]), opts)

    return on_cluster(build)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return preview()


def pod(plan: Plan) -> Any:
    return plan.one(DEPLOYMENT).inputs["spec"]["template"]["spec"]


def container(plan: Plan) -> Any:
    (only,) = pod(plan)["containers"]
    return only


def test_all_is_of_the_component_and_comes_after_the_namespace(plan: Plan) -> None:
    objects = [each for each in plan.resources if "namespace" in each.inputs.get("metadata", {})]

    assert children(plan, "inference:serving:Redis") == Counter(
        [DEPLOYMENT, SECRET_TYPE, POLICY, "kubernetes:core/v1:Service", "random:index/randomPassword:RandomPassword"]
    )
    assert {each.inputs["metadata"]["namespace"] for each in objects} == {"serving"}
    assert all(waits_for(plan, each, plan.one("random:index/randomId:RandomId", "namespace")) for each in objects)
    assert [str(failure) for failure in check_plan(plan).failures] == []


def test_the_password_is_a_secret_and_on_no_command_line(plan: Plan) -> None:
    secret = plan.one(SECRET_TYPE).inputs["stringData"]

    assert set(secret) == {"password", "redis.conf"}
    assert all(map(holds_secret, secret.values()))
    assert "requirepass" not in " ".join(container(plan)["command"])
    assert container(plan)["env"] == [
        {"name": "REDISCLI_AUTH", "valueFrom": {"secretKeyRef": {"name": "tasks", "key": "password"}}}
    ]


def test_its_clients_reach_its_port_and_it_reaches_nobody(plan: Plan) -> None:
    spec = plan.one(POLICY).inputs["spec"]
    (opening,) = spec["ingress"]

    assert opening["ports"] == [{"protocol": "TCP", "port": 6379}]
    assert [each["podSelector"] for each in opening["from"]] == [{"matchLabels": {"app": "client"}}]
    assert "egress" not in spec
    assert spec["policyTypes"] == ["Ingress", "Egress"]


def test_the_pod_is_restricted_and_has_more_memory_than_its_data(plan: Plan) -> None:
    assert pod(plan)["securityContext"]["runAsNonRoot"] is True
    assert container(plan)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container(plan)["resources"]["limits"] == {"memory": "314Mi"}


def test_what_has_a_volume_keeps_its_data_and_memory_for_two_copies() -> None:
    plan = preview(VOLUME)
    spec = plan.one(CLAIM).inputs["spec"]
    (data,) = [volume for volume in pod(plan)["volumes"] if volume["name"] == "data"]

    assert (spec["storageClassName"], spec["resources"]) == ("encrypted", {"requests": {"storage": "5Gi"}})
    assert data["persistentVolumeClaim"] == {"claimName": "tasks", "readOnly": False}
    assert plan.one(DEPLOYMENT).inputs["spec"]["strategy"] == {"type": "Recreate"}
    assert container(plan)["resources"]["limits"] == {"memory": "564Mi"}
    assert [str(failure) for failure in check_plan(plan).failures] == []


@pytest.mark.slow
@pytest.mark.parametrize("storage", [None, VOLUME])
def test_a_real_redis_takes_the_configuration_and_its_probe(tmp_path: Path, storage: Storage | None) -> None:
    config, port, given = tmp_path / redis.CONFIG_FILE, free_port(), redis.options(arguments(storage))
    config.write_text("requirepass secret\n")
    own = [str(tmp_path) if option == redis.DATA else option for option in given]
    command = [program(), str(config), *own, "--port", str(port), "--bind", HOST]
    client: Any = Client(host=HOST, port=port, password="secret")
    probe: Any = redis.ping(period=1, failures=1)
    program_of_probe, *words = probe["exec_"]["command"]
    asked = [program_of_probe, "-h", HOST, "-p", str(port), *words]
    kept: list[object] = []
    refused, limits = 0, {}
    for _ in range(2):
        with Process("redis", command, tmp_path) as running:
            until(lambda: not _exit_code(asked, "secret"), "answer to the probe", processes=[running])
            refused = _exit_code(asked, "another")
            kept.append(client.get("key"))
            client.set("key", b"value")
            limits = client.config_get("maxmemory*")
            client.close()

    assert refused != 0
    assert kept == [None, b"value" if storage else None]
    assert limits["maxmemory"] == str(200 * 2**20)
    assert limits["maxmemory-policy"] == ("noeviction" if storage else "allkeys-lru")


def _exit_code(command: list[str], password: str) -> int:
    return subprocess.run(command, env={"REDISCLI_AUTH": password, "PATH": "/usr/bin"}, capture_output=True).returncode
