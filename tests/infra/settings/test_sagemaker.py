import json
from typing import Any

import pytest
from pydantic import ValidationError

from infra.settings.messages import line
from infra.settings.sagemaker import SageMakerSettings
from infra.settings.sagemaker_types import CPU_TYPES, GPU_TYPES, has_local_storage
from tests.infra.managed.sagemaker.samples import block

CPU_ONLY = {"realTime": {"instanceType": "ml.m5.large"}}
FIXED = {"min": 2, "max": 2}


def errors(given: dict[str, Any]) -> list[str]:
    with pytest.raises(ValidationError) as refused:
        SageMakerSettings.model_validate_json(json.dumps(given))
    return [line(error, SageMakerSettings) for error in refused.value.errors()]


def error(changes: dict[str, Any]) -> str:
    (only,) = errors(block(changes))
    return only


def test_a_block_needs_one_endpoint_only() -> None:
    for kind in ("realTime", "asynchronous", "serverless"):
        assert SageMakerSettings.model_validate_json(json.dumps({kind: block()[kind]}))
    assert errors({}) == ["realTime must be given, or asynchronous or serverless; or remove the whole block"]


def test_defaults_are_the_safe_and_cheap_choice() -> None:
    found = SageMakerSettings.model_validate_json(
        json.dumps({**CPU_ONLY, "asynchronous": {"instanceType": "ml.m5.large"}, "serverless": {}})
    )

    assert found.real_time
    assert found.asynchronous
    assert found.serverless
    assert (found.real_time.instances.min, found.real_time.instances.max) == (1, 1)
    assert (found.asynchronous.instances.min, found.asynchronous.instances.max) == (0, 1)
    assert found.serverless.provisioned_concurrency is None
    assert found.real_time.data_capture is None
    assert found.real_time.rollout.bake_seconds >= 300
    assert found.delete_data is False


def test_the_known_types_are_sagemakers_own_and_x86() -> None:
    botocore = pytest.importorskip("botocore.session")
    model = botocore.get_session().get_service_model("sagemaker")
    offered = set(model.shape_for("ProductionVariantInstanceType").enum)

    assert set(GPU_TYPES) | CPU_TYPES <= offered
    for family in ("c5", "m5d", "r5", "m6i", "c7i", "g4dn", "g5", "g6", "g6e", "p4d"):
        sizes = {name for name in offered if name.split(".")[1] == family}
        assert sizes <= set(GPU_TYPES) | CPU_TYPES, family
    assert not [name for name in CPU_TYPES if "g" in name.split(".")[1]]


@pytest.mark.parametrize("name", ["g5.xlarge", "ml.g4dn.metal", "ml.m6g.large", "ml.m5.huge", "ml.c5", ""])
def test_other_instance_types_are_refused_with_the_families_that_there_are(name: str) -> None:
    assert "must be a known SageMaker instance type (families ml.c5, ml.c5d" in error({"realTime.instanceType": name})


@pytest.mark.parametrize(
    ("name", "local"),
    [("ml.g5.xlarge", True), ("ml.p4d.24xlarge", True), ("ml.m5d.large", True), ("ml.m5.large", False)],
)
def test_disks_of_gpu_types_and_of_types_with_a_d_are_their_own(name: str, local: bool) -> None:
    assert has_local_storage(name) is local


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"realTime.instances": {"min": 0}}, "realTime.instances.min must be at least 1, got 0"),
        (
            {"realTime.instances": {"min": 2, "max": 3, "minOutsideOfficeHours": 0}},
            "realTime.instances.minOutsideOfficeHours must be at least 1, got 0",
        ),
        ({"realTime.instances": {"min": 3, "max": 2}}, "realTime.instances.max must be at least min, 3, got 2"),
        ({"realTime.autoscaling": None}, "realTime.autoscaling must be given where instances may vary: "),
        ({"realTime.dataCapture": {"percent": 0}}, "realTime.dataCapture.percent must be at least 1, got 0"),
        ({"realTime.startupSeconds": 59}, "realTime.startupSeconds must be at least 60, got 59"),
        (
            {"realTime.rollout": {"strategy": "linear", "percent": 5}},
            "realTime.rollout.percent must be at least 10 where strategy is linear, got 5",
        ),
        (
            {"realTime.rollout": {"strategy": "linear", "percent": 10, "bakeSeconds": 3600}},
            "realTime.rollout.bakeSeconds must let an update end: its steps wait 39600 seconds, at most 25200",
        ),
        (
            {"asynchronous.rollout": {"strategy": "rolling"}},
            "asynchronous.rollout.strategy must not be rolling where there may be fewer than 2 instances, got 0",
        ),
        ({"realTime.rollout": {"strategy": "rolling"}}, "realTime.rollout.strategy must not be rolling where there"),
        (
            {"serverless.memoryMib": 1536},
            "serverless.memoryMib must be one of 1024, 2048, 3072, 4096, 5120, 6144, got 1536",
        ),
        (
            {"serverless.maxConcurrency": 4},
            "serverless.provisionedConcurrency.max must be at most maxConcurrency, 4, got 8",
        ),
        ({"serverless.maxConcurrency": 201}, "serverless.maxConcurrency must be at most 200, got 201"),
        ({"awsImage": {"framework": "pytorch", "version": "2.6"}}, "modelData must be given where awsImage is"),
        ({"modelData": "s3://bucket/model"}, "modelData must match "),
        ({"kmsKeyArn": "alias/mine"}, "kmsKeyArn must match "),
        ({"logRetentionDays": 8}, "logRetentionDays must be one of 1, 3, 5, 7"),
    ],
)
def test_a_wrong_setting_is_told_by_key_rule_and_value(changes: dict[str, Any], told: str) -> None:
    assert error(changes).startswith(told)


@pytest.mark.parametrize("key", ["inNetwork", "dataCapture", "rollout", "instanceType"])
def test_what_sagemaker_does_not_do_for_serverless_endpoints_is_no_setting(key: str) -> None:
    assert error({f"serverless.{key}": {}}).startswith(f"serverless.{key} is not a setting")


def test_rolling_is_taken_where_there_are_always_two_instances() -> None:
    changes = {"realTime.rollout": {"strategy": "rolling", "percent": 50}, "realTime.instances": FIXED}

    assert SageMakerSettings.model_validate_json(json.dumps(block(changes))).real_time
