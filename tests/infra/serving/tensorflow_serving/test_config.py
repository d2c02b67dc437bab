"""The files are read back by protobuf's own parser, with the fields that TensorFlow Serving 2.20 declares.

https://github.com/tensorflow/serving/tree/2.20.0/tensorflow_serving/config
"""

from collections.abc import Mapping
from typing import Any

import pytest
from google.protobuf import json_format, message_factory, text_format
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool

from infra.serving import pod
from infra.serving.tensorflow_serving.config import (
    DRAIN_SECONDS,
    PROPAGATION_SECONDS,
    TIMEOUT_SECONDS,
    arguments,
    files,
)
from infra.settings.served import ModelSettings
from infra.settings.tensorflow_serving import TensorFlowServingSettings

IMAGE = "tensorflow/serving:2.20.0@sha256:" + "2" * 64
SCALARS = {"int64": Field.TYPE_INT64, "string": Field.TYPE_STRING, "bool": Field.TYPE_BOOL}
MESSAGES: Mapping[str, Mapping[str, tuple[int, str]]] = {
    "ModelServerConfig": {"model_config_list": (1, "ModelConfigList")},
    "ModelConfigList": {"config": (1, "repeated ModelConfig")},
    "ModelConfig": {
        "name": (1, "string"),
        "base_path": (2, "string"),
        "model_platform": (4, "string"),
        "model_version_policy": (7, "ServableVersionPolicy"),
    },
    "ServableVersionPolicy": {"specific": (102, "Specific")},
    "Specific": {"versions": (1, "repeated int64")},
    "MonitoringConfig": {"prometheus_config": (1, "PrometheusConfig")},
    "PrometheusConfig": {"enable": (1, "bool"), "path": (2, "string")},
    "BatchingParameters": {
        "max_batch_size": (1, "Int64Value"),
        "batch_timeout_micros": (2, "Int64Value"),
        "max_enqueued_batches": (3, "Int64Value"),
        "num_batch_threads": (4, "Int64Value"),
        "allowed_batch_sizes": (6, "repeated int64"),
    },
    "Int64Value": {"value": (1, "int64")},
}


def described() -> FileDescriptorProto:
    """The messages above as protoc would describe them."""
    file = FileDescriptorProto(name="serving.proto", package="serving", syntax="proto3")
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            label = Field.LABEL_REPEATED if kind.startswith("repeated ") else Field.LABEL_OPTIONAL
            kind = kind.removeprefix("repeated ")
            made = message.field.add(name=field, number=number, label=label)
            if kind in SCALARS:
                made.type = SCALARS[kind]
            else:
                made.type, made.type_name = Field.TYPE_MESSAGE, f".serving.{kind}"
    return file


POOL = DescriptorPool()
POOL.Add(described())


def read(text: str, message: str) -> Any:
    """The text as JSON; raises ParseError for what is no message of that kind."""
    made = message_factory.GetMessageClass(POOL.FindMessageTypeByName(f"serving.{message}"))()
    text_format.Parse(text, made)
    return json_format.MessageToDict(made, preserving_proto_field_name=True)


def made(model: Mapping[str, Any] | None = None, **settings: Any) -> dict[str, str]:
    runtime = TensorFlowServingSettings.model_validate({"image": IMAGE, **settings}, strict=False)
    return files(ModelSettings.model_validate({"name": "digits", **(model or {})}, strict=False), runtime)


def test_a_pinned_version_is_the_only_one_that_is_loaded() -> None:
    (config,) = read(made({"version": "3"})["models.config"], "ModelServerConfig")["model_config_list"]["config"]

    assert config == {
        "name": "digits",
        "base_path": "/models/digits",
        "model_platform": "tensorflow",
        "model_version_policy": {"specific": {"versions": ["3"]}},
    }


def test_every_model_has_a_folder_and_only_the_first_a_path_of_its_own() -> None:
    found = read(
        made({"version": "3", "extra": ["words"]}, modelPath="exports/v2/digits")["models.config"], "ModelServerConfig"
    )

    first, second = found["model_config_list"]["config"]
    assert first["base_path"] == "/models/exports/v2/digits"
    assert second == {"name": "words", "base_path": "/models/words", "model_platform": "tensorflow"}


def test_metrics_are_on() -> None:
    assert read(made()["monitoring.config"], "MonitoringConfig") == {
        "prometheus_config": {"enable": True, "path": "/monitoring/prometheus/metrics"}
    }


def test_batches_are_bounded_as_the_settings_say_with_the_queue_in_batches() -> None:
    batching = {"maxSize": 16, "maxDelayMs": 1.5, "maxQueue": 100}
    found = made({"batching": batching}, batchThreads=4, allowedBatchSizes=[4, 16])

    assert read(found["batching.config"], "BatchingParameters") == {
        "max_batch_size": {"value": "16"},
        "batch_timeout_micros": {"value": "1500"},
        "max_enqueued_batches": {"value": "6"},
        "num_batch_threads": {"value": "4"},
        "allowed_batch_sizes": ["4", "16"],
    }


def test_no_wait_is_told_and_absent_bounds_are_left_to_the_server() -> None:
    found = made({"batching": {"maxSize": 16, "maxDelayMs": 0}})

    assert read(found["batching.config"], "BatchingParameters") == {
        "max_batch_size": {"value": "16"},
        "batch_timeout_micros": {},  # zero, which proto3 prints as nothing, and yet there
    }


@pytest.mark.parametrize("batched", [True, False])
def test_the_server_batches_where_it_has_a_file_for_it(batched: bool) -> None:
    model = {"name": "digits", "batching": {"maxSize": 8} if batched else {}}
    told = arguments(ModelSettings.model_validate(model), gpus=0, gpu_time_slices=1)

    assert ("batching.config" in made(model)) is batched
    assert ("--enable_batching=true" in told) is batched
    assert ("--batching_parameters_file=/etc/tensorflow-serving/batching.config" in told) is batched


@pytest.mark.parametrize(
    ("gpus", "slices", "share"),
    [(1, 3, ["--per_process_gpu_memory_fraction=0.300"]), (1, 1, []), (0, 3, [])],
)
def test_pods_that_share_a_gpu_share_its_memory(gpus: int, slices: int, share: list[str]) -> None:
    told = arguments(ModelSettings(name="digits"), gpus=gpus, gpu_time_slices=slices)

    assert [argument for argument in told if "gpu" in argument] == share


@pytest.mark.parametrize(("seconds", "milliseconds"), [(None, TIMEOUT_SECONDS * 1000), (0.25, 250)])
def test_a_request_has_as_long_as_the_settings_say(seconds: float | None, milliseconds: int) -> None:
    model = ModelSettings.model_validate({"name": "digits", "requestTimeoutSeconds": seconds})

    assert f"--rest_api_timeout_in_ms={milliseconds}" in arguments(model, gpus=0, gpu_time_slices=1)


def test_the_drain_fits_the_shortest_spot_notice_and_a_request_the_drain() -> None:
    aks_notice = 30

    assert DRAIN_SECONDS < pod.TERMINATION_GRACE_SECONDS < aks_notice
    assert TIMEOUT_SECONDS + PROPAGATION_SECONDS <= DRAIN_SECONDS
    assert TIMEOUT_SECONDS >= 15
