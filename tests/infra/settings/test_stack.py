from collections.abc import Iterator

import pytest
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from infra.settings.aws import AwsSettings
from infra.settings.clusters import Capacity
from infra.settings.image import Variant
from infra.settings.messages import model_in
from infra.settings.serving import Exposure
from infra.settings.stack import StackSettings
from tests.infra.samples import REMOVED, settings


def fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for field in model.model_fields.values():
        yield f"{prefix}{field.alias}", field
        if child := model_in(field.annotation):
            yield from fields(child, f"{prefix}{field.alias}.")


def test_every_setting_says_what_it_means() -> None:
    undescribed = [key for key, field in fields(StackSettings) if not field.description]

    assert undescribed == []
    assert len(list(fields(StackSettings))) > 50


def test_keys_are_written_in_camel_case() -> None:
    wrong = [key for key, _ in fields(StackSettings) if "_" in key]

    assert wrong == []


def test_defaults_are_the_safe_and_cheap_choice() -> None:
    stack = settings()

    assert stack.eks
    assert stack.image
    assert stack.serving
    assert stack.aws
    assert stack.aws.network
    assert stack.aws.network.nat_gateways == 1
    assert stack.eks.public_access_cidrs == ()
    assert stack.eks.gpu_pools["spot"].capacity is Capacity.SPOT
    assert stack.image.variant is Variant.CUDA
    assert stack.image.digest is None
    assert stack.serving.exposure is Exposure.CLUSTER
    assert stack.serving.client_namespaces == ()
    assert (stack.serving.replicas.min, stack.serving.replicas.max) == (1, 2)


def test_settings_cannot_be_changed_after_they_were_judged() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        settings().aws = None  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("region", "partition"),
    [("eu-west-1", "aws"), ("ap-southeast-2", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")],
)
def test_a_region_knows_its_partition(region: str, partition: str) -> None:
    assert AwsSettings.model_validate({"region": region, "accountId": "111122223333"}).partition == partition


def pools(*, nodes: int, types: list[str], slices: int, gpus: int, replicas: int) -> dict[str, object]:
    return {
        "eks.gpuPools": {"spot": {"instanceTypes": types, "max": nodes}},
        "eks.gpuTimeSlices": slices,
        "serving.gpus": gpus,
        "serving.replicas": {"max": replicas},
    }


@pytest.mark.parametrize(
    "fitting",
    [
        pools(nodes=3, types=["g4dn.xlarge"], slices=1, gpus=1, replicas=2),
        pools(nodes=1, types=["g4dn.xlarge"], slices=4, gpus=1, replicas=3),
        pools(nodes=1, types=["g5.12xlarge"], slices=1, gpus=2, replicas=1),
        pools(nodes=2, types=["g4dn.xlarge"], slices=2, gpus=2, replicas=1),
        pools(nodes=1, types=["g4dn.xlarge"], slices=1, gpus=0, replicas=50),
    ],
)
def test_replicas_that_fit_the_pools_with_one_more_for_a_rollout_are_taken(fitting: dict[str, object]) -> None:
    assert settings(fitting).serving


@pytest.mark.parametrize(
    ("overflowing", "held"),
    [
        (pools(nodes=2, types=["g4dn.xlarge"], slices=1, gpus=1, replicas=2), 2),
        (pools(nodes=1, types=["g4dn.xlarge"], slices=4, gpus=1, replicas=4), 4),
        # Whichever type spot capacity is found for, the smaller one must do.
        (pools(nodes=2, types=["g5.12xlarge", "g5.xlarge"], slices=1, gpus=1, replicas=2), 2),
        # Eight GPUs on eight nodes: no node has the two that one replica needs.
        (pools(nodes=8, types=["g4dn.xlarge"], slices=1, gpus=2, replicas=1), 0),
        # Of four GPUs a replica that needs three leaves one over.
        (pools(nodes=2, types=["g5.12xlarge"], slices=1, gpus=3, replicas=2), 2),
    ],
)
def test_replicas_that_overflow_the_pools_are_refused(overflowing: dict[str, object], held: int) -> None:
    with pytest.raises(ValidationError, match=rf"replicas\.max must fit the GPU pools: .* hold {held} with"):
        settings(overflowing)


def test_a_cpu_image_serves_where_no_gpu_is_asked_for() -> None:
    stack = settings({"image.variant": "cpu", "serving.gpus": 0})

    assert stack.image
    assert stack.image.variant is Variant.CPU


def test_a_cluster_alone_needs_the_account_only() -> None:
    assert settings({"image": REMOVED, "serving": REMOVED, "monitoring": REMOVED}).eks
