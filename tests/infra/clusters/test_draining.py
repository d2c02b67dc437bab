import asyncio
import importlib
from collections.abc import Callable, Generator, Sequence
from typing import Any
from unittest import mock

import pulumi
import pytest

from infra.clusters import draining
from infra.clusters.draining import DrainError, Patience, drained, load_balancers, volumes

CLUSTER, REGION = "platform-dev", "eu-west-1"
MINE, OTHER = (
    {"Key": "elbv2.k8s.aws/cluster", "Value": CLUSTER},
    {"Key": "elbv2.k8s.aws/cluster", "Value": "platform-dev2"},
)


@pytest.fixture
def amazon(monkeypatch: pytest.MonkeyPatch) -> Generator[Callable[[str], Any]]:
    """Clients of an account that holds nothing, by service."""
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"AWS_{name}", "testing")
    moto: Any = importlib.import_module("moto")
    boto3: Any = importlib.import_module("boto3")
    with moto.mock_aws():
        yield lambda service: boto3.client(service, region_name=REGION)


def balancer(amazon: Callable[[str], Any], name: str, *tags: dict[str, str]) -> str:
    (subnet, *_) = amazon("ec2").describe_subnets()["Subnets"]
    made = amazon("elbv2").create_load_balancer(
        Name=name, Subnets=[subnet["SubnetId"]], Type="network", Tags=list(tags)
    )
    return made["LoadBalancers"][0]["LoadBalancerArn"]


def volume(amazon: Callable[[str], Any], **tags: str) -> str:
    given = [{"Key": key, "Value": value} for key, value in tags.items()]
    specification = {"ResourceType": "volume", "Tags": given}
    made = amazon("ec2").create_volume(AvailabilityZone="eu-west-1a", Size=1, TagSpecifications=[specification])
    return made["VolumeId"]


def before_controller() -> None:
    inputs = {"values": {"clusterName": CLUSTER, "region": REGION}}
    asyncio.run(_run(draining.before_controller, old_inputs=inputs))


def before_volume_driver() -> None:
    hook, outputs = draining.before_volume_driver, {"region": REGION}
    asyncio.run(_run(hook, old_inputs={"clusterName": CLUSTER}, old_outputs=outputs))


async def _run(hook: Callable[[pulumi.ResourceHookArgs], Any], **known: Any) -> None:
    await hook(pulumi.ResourceHookArgs(urn="urn", id="1", name="name", type="type", **known))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Nobody waits; the lines that were said."""
    said: list[str] = []
    monkeypatch.setattr(draining, "Patience", mock.Mock(return_value=Patience(poll=0, timeout=0)))
    monkeypatch.setattr(pulumi.log, "info", said.append)
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    return said


def seen(*answers: Sequence[str]) -> Callable[[], Sequence[str]]:
    left = list(answers)
    return lambda: left.pop(0)


def test_a_drain_ends_with_the_first_look_that_sees_nothing(impatient: list[str]) -> None:
    left = asyncio.run(drained("volumes", seen(["vol-1", "vol-2"], ["vol-2"], []), Patience(poll=0)))

    assert left == []
    assert impatient == ["waiting for the end of 2 volumes: vol-1, vol-2", "waiting for the end of 1 volumes: vol-2"]


def test_a_drain_that_runs_out_of_patience_says_what_is_left(impatient: list[str]) -> None:
    del impatient

    assert asyncio.run(drained("volumes", seen(["vol-1"]), Patience(poll=0, timeout=0))) == ["vol-1"]


def test_only_the_clusters_own_load_balancers_are_waited_for(amazon: Callable[[str], Any]) -> None:
    for number in range(25):  # more than one page
        balancer(amazon, f"mine-{number}", MINE)
    balancer(amazon, "other", OTHER)
    balancer(amazon, "untagged", {"Key": "owner", "Value": "shop"})

    assert sorted(load_balancers(amazon("elbv2"), CLUSTER)) == sorted(f"mine-{number}" for number in range(25))


def test_only_volumes_that_the_clusters_driver_made_are_waited_for(amazon: Callable[[str], Any]) -> None:
    mine = volume(amazon, **{"ebs.csi.aws.com/cluster": "true", f"kubernetes.io/cluster/{CLUSTER}": "owned"})
    volume(amazon, **{"ebs.csi.aws.com/cluster": "true", f"kubernetes.io/cluster/{CLUSTER}2": "owned"})
    volume(amazon, **{f"kubernetes.io/cluster/{CLUSTER}": "owned"})  # a node's root volume, which goes with the node

    assert volumes(amazon("ec2"), CLUSTER) == [mine]


@pytest.mark.usefixtures("amazon")
def test_nothing_left_lets_the_controllers_go_without_a_word(impatient: list[str]) -> None:
    before_controller()
    before_volume_driver()

    assert impatient == []


def test_a_load_balancer_that_stays_keeps_its_controller(amazon: Callable[[str], Any], impatient: list[str]) -> None:
    del impatient
    balancer(amazon, "k8s-shop-front", MINE)

    with pytest.raises(DrainError, match="still there: k8s-shop-front, load balancers of the cluster platform-dev"):
        before_controller()


def test_a_volume_that_stays_is_named_and_holds_up_nothing(amazon: Callable[[str], Any], impatient: list[str]) -> None:
    kept = volume(amazon, **{"ebs.csi.aws.com/cluster": "true", f"kubernetes.io/cluster/{CLUSTER}": "owned"})

    before_volume_driver()

    assert impatient == [f"nobody deletes the volumes {kept} of the cluster {CLUSTER}; `make audit` lists them"]
