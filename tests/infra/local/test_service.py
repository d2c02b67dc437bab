from collections import Counter
from typing import Any

import pulumi
import pytest

from infra.local.service import LOOPBACK, Service, ServiceArgs
from infra.preview import Plan, run
from infra.preview.checks import check_plan
from infra.versions import image, pinned
from tests.infra.samples import children, waits_for

CONTAINER, IMAGE = "docker:index/container:Container", "docker:index/remoteImage:RemoteImage"
VOLUME = "docker:index/volume:Volume"


def plan(**changes: Any) -> Plan:
    stated: dict[str, Any] = {"name": "cache", "image": "r/cache:1", "user": "7", "memory_mib": 64, "port": 70}

    def program() -> None:
        Service("local-cache", ServiceArgs(**stated | changes), "net")

    return run(program, {})


def container(**changes: Any) -> Any:
    return plan(**changes).one(CONTAINER).inputs


def test_a_service_owns_its_image_and_its_container_and_runs_what_the_image_resolved_to() -> None:
    made = plan()

    assert children(made, "inference:local:Service") == Counter([CONTAINER, IMAGE])
    assert made.one(CONTAINER).inputs["image"] == "${local-cache.imageId: string}"
    assert waits_for(made, made.one(CONTAINER), made.one(IMAGE))
    assert [str(failure) for failure in check_plan(made).failures] == []


def test_a_container_has_no_privileges_and_a_limit_for_everything() -> None:
    made = container()

    assert made["capabilities"] == {"drops": ["ALL"]}
    assert made["securityOpts"] == ["no-new-privileges:true"]
    assert made["user"] == "7"
    assert made["readOnly"] is True
    assert made["memory"] == made["memorySwap"] == 64
    assert made["logOpts"] == {"max-size": "10m", "max-file": "3"}
    assert made["restart"] == "unless-stopped"
    assert "privileged" not in made


def test_an_image_that_others_may_use_stays_when_the_stack_goes() -> None:
    assert plan().one(IMAGE).inputs["keepLocally"] is True


def test_only_this_machine_reaches_a_published_port_and_nobody_any_other() -> None:
    assert container(published=7070)["ports"] == [{"internal": 70, "external": 7070, "ip": LOOPBACK}]
    assert "ports" not in container()
    assert LOOPBACK == "127.0.0.1"


def test_services_find_each_other_by_name() -> None:
    assert container()["networksAdvanced"] == [{"name": "net", "aliases": ["cache"]}]


def test_a_port_is_free_before_the_next_container_takes_it() -> None:
    assert plan().one(CONTAINER).options["deleteBeforeReplace"] is True


def test_files_are_uploaded_and_then_the_root_cannot_be_read_only() -> None:
    made = container(files={"/etc/cache.yml": "a: 1\n"})

    assert made["uploads"] == [{"file": "/etc/cache.yml", "content": "a: 1\n"}]
    assert made["readOnly"] is False


def test_data_lives_in_a_volume_of_its_own() -> None:
    made = plan(data="/data")

    assert made.one(VOLUME).parent == made.one("inference:local:Service").urn
    assert made.one(CONTAINER).inputs["volumes"] == [
        {"volumeName": "${local-cache.name: string}", "containerPath": "/data"}
    ]


def test_up_waits_for_the_health_check_where_there_is_one() -> None:
    made = container(health=["cache-cli", "ping"])

    assert made["healthcheck"]["tests"] == ["CMD", "cache-cli", "ping"]
    assert made["wait"] is True
    assert container()["wait"] is False


def test_a_secret_in_the_environment_stays_one() -> None:
    def program() -> None:
        environment = {"USER": "me", "PASSWORD": pulumi.Output.secret("hunter2")}
        args = ServiceArgs(name="cache", image="r/cache:1", user="7", memory_mib=64, port=70, environment=environment)
        Service("local-cache", args, "net")

    made = run(program, {})

    assert made.one(CONTAINER).inputs["envs"] == ["${secret: string}", "USER=me"]
    assert "hunter2" not in str(made)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("published", "7070", "ports[0].external: must be"),
        ("memory_mib", "64Mi", "memory: must be"),
        ("files", {"/etc/cache.yml": 1}, "uploads[0].content: must be"),
    ],
)
def test_a_value_of_a_wrong_type_is_caught(field: str, value: object, told: str) -> None:
    failures = [str(failure) for failure in check_plan(plan(**{field: value})).failures]

    assert [line for line in failures if told in line] != []


@pytest.mark.parametrize("name", pinned()["images"])
def test_images_are_pinned_by_tag_and_digest_and_say_where_they_were_read(name: str) -> None:
    name_and_tag, _, digest = image(name).partition("@sha256:")

    assert name_and_tag.rpartition(":")[2][-1:].isalnum()
    assert len(digest) == 64
    assert pinned()["images"][name]["source"].startswith("https://")
