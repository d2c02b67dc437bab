"""What TensorFlow Serving is told: its arguments and its files, which are protocol buffers as text.

https://github.com/tensorflow/serving/blob/2.20.0/tensorflow_serving/g3doc/serving_config.md
"""

import json
from collections.abc import Iterator

from inference_app.contract import REPOSITORY_PATH
from infra.serving import pod
from infra.settings.served import BatchingSettings, ModelSettings
from infra.settings.tensorflow_serving import TensorFlowServingSettings

REST_PORT, GRPC_PORT = 8501, 8500
METRICS_PATH = "/monitoring/prometheus/metrics"

FOLDER = "/etc/tensorflow-serving"
MODELS, MONITORING, BATCHING = "models.config", "monitoring.config", "batching.config"

PROPAGATION_SECONDS = 8
"""How long clients may take to learn that a pod is ending."""
KUBELET_SECONDS = 1
DRAIN_SECONDS = pod.TERMINATION_GRACE_SECONDS - KUBELET_SECONDS
"""How long a pod that is ending goes on answering; all of its grace, since the server itself ignores SIGTERM."""
TIMEOUT_SECONDS = DRAIN_SECONDS - PROPAGATION_SECONDS
"""A request's time where the settings give none: what came last before the drain's end still has its answer."""

SLICE = 0.9
"""What a pod may take of its share of a GPU's memory; the rest is for the CUDA contexts."""


def files(model: ModelSettings, settings: TensorFlowServingSettings) -> dict[str, str]:
    """The configuration files by name; that of batching is there only where requests are batched."""
    data = {MODELS: models_config(model, settings), MONITORING: monitoring_config()}
    batching = batching_config(model.batching, settings)
    return {**data, BATCHING: batching} if batching else data


def models_config(model: ModelSettings, settings: TensorFlowServingSettings) -> str:
    """A `ModelServerConfig`: the first model pinned to its version where it has one, others in their only version."""
    paths = {model.name: settings.model_path or model.name} | {name: name for name in model.extra}
    policies = (
        {model.name: [f"model_version_policy {{ specific {{ versions: {int(model.version)} }} }}"]}
        if (model.version)
        else {}
    )
    configs = [
        _block(
            "config",
            f"name: {_text(name)}",
            f"base_path: {_text(f'{REPOSITORY_PATH}/{path}')}",
            'model_platform: "tensorflow"',
            *policies.get(name, []),
        )
        for name, path in paths.items()
    ]
    return _block("model_config_list", *configs)


def monitoring_config() -> str:
    """A `MonitoringConfig`: metrics for Prometheus on the REST port."""
    return _block("prometheus_config", "enable: true", f"path: {_text(METRICS_PATH)}")


def batching_config(batching: BatchingSettings, settings: TensorFlowServingSettings) -> str | None:
    """`BatchingParameters`; None where no largest batch is given, and the server runs each request by itself.

    Its queue counts full batches where ours counts examples.
    https://github.com/tensorflow/serving/blob/2.20.0/tensorflow_serving/batching/README.md
    """
    if batching.max_size is None:
        return None
    values = {
        "max_batch_size": batching.max_size,
        "batch_timeout_micros": None if batching.max_delay_ms is None else round(batching.max_delay_ms * 1000),
        "max_enqueued_batches": batching.max_queue and batching.max_queue // batching.max_size,
        "num_batch_threads": settings.batch_threads,
    }
    lines = [f"{name} {{ value: {value} }}" for name, value in values.items() if value is not None]
    return "\n".join([*lines, *(f"allowed_batch_sizes: {size}" for size in settings.allowed_batch_sizes)]) + "\n"


def timeout_seconds(model: ModelSettings) -> float:
    """How long a request may hold one of the REST API's threads."""
    return model.request_timeout_seconds or TIMEOUT_SECONDS


def arguments(model: ModelSettings, *, gpus: int, gpu_time_slices: int) -> list[str]:
    """The server's arguments, of those that `tensorflow_model_server --help` lists.

    It looks for models once: a version changes by a rollout, and a folder that goes must not unload what is served. A
    model that fails to load ends the server, which Kubernetes starts again, instead of five tries a minute apart.
    """
    return [
        f"--port={GRPC_PORT}",
        f"--rest_api_port={REST_PORT}",
        f"--rest_api_timeout_in_ms={round(timeout_seconds(model) * 1000)}",
        f"--model_config_file={FOLDER}/{MODELS}",
        f"--monitoring_config_file={FOLDER}/{MONITORING}",
        "--file_system_poll_wait_seconds=0",
        "--max_num_load_retries=0",
        "--enable_profiler=false",
        *_batching_arguments(model.batching),
        *_gpu_arguments(gpus, gpu_time_slices),
    ]


def _batching_arguments(batching: BatchingSettings) -> Iterator[str]:
    if batching.max_size is not None:
        yield "--enable_batching=true"
        yield f"--batching_parameters_file={FOLDER}/{BATCHING}"


def _gpu_arguments(gpus: int, time_slices: int) -> Iterator[str]:
    """Slices of a GPU do not divide its memory, and TensorFlow takes all that it finds."""
    if gpus and time_slices > 1:
        yield f"--per_process_gpu_memory_fraction={SLICE / time_slices:.3f}"


def _block(name: str, *lines: str) -> str:
    inner = "".join(f"  {line}\n" for each in lines for line in each.splitlines())
    return f"{name} {{\n{inner}}}\n"


def _text(value: str) -> str:
    return json.dumps(value)
