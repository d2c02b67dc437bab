"""TensorFlow Serving's pod: the model server's, but for what runs in it."""

import math
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import (
    ContainerArgsDict,
    ContainerPortArgsDict,
    PodSpecArgsDict,
    ProbeArgsDict,
    VolumeMountArgsDict,
)

from infra.pods import restricted
from infra.serving import pod
from infra.serving.tensorflow_serving import config
from infra.serving.tensorflow_serving.config import DRAIN_SECONDS, FOLDER, GRPC_PORT, REST_PORT
from infra.settings.served import ModelSettings

CONFIG = "config"
PORTS = {pod.PORT_NAME: REST_PORT, pod.GRPC_PORT_NAME: GRPC_PORT}


@dataclass(frozen=True, kw_only=True)
class TensorFlowServingPodArgs:
    """`pod` is as of the model server, its image and variables those of the pull; `files` names the ConfigMap."""

    pod: pod.PodArgs
    model: ModelSettings
    image: str
    files: pulumi.Input[str]
    gpu_time_slices: int


def pod_spec(args: TensorFlowServingPodArgs) -> PodSpecArgsDict:
    """A pod of the same rights, nodes, models and grace as the model server's."""
    models = args.pod.models
    return pod.spec(args.pod) | {
        "containers": [server(args)],
        "volumes": [
            restricted.scratch("tmp", "1Gi"),
            {"name": CONFIG, "config_map": {"name": args.files}},
            *([models.volume] if models else []),
        ],
    }


def server(args: TensorFlowServingPodArgs) -> ContainerArgsDict:
    """The server itself, without the image's shell script, which passes a model's name and path on as arguments.

    Its user is not the image's, root: the binary is anybody's to run, and writes to /tmp only
    (https://github.com/tensorflow/serving/blob/2.20.0/tensorflow_serving/tools/docker/Dockerfile).

    It opens its REST port once all its models are loaded. A model's status has code 200 in every state but unknown,
    its metadata only while a version is available; so the status tells of life, and the metadata of readiness. Both
    wait for a REST thread as requests do: liveness waits for longer than a request may take, so that load alone
    restarts nothing.
    https://github.com/tensorflow/serving/blob/2.20.0/tensorflow_serving/model_servers/http_rest_api_handler.cc
    """
    settings, models = args.pod.settings, args.pod.models
    status = f"/v1/models/{args.model.name}"
    metadata = f"{status}/metadata"
    files: VolumeMountArgsDict = {"name": CONFIG, "mount_path": FOLDER, "read_only": True}
    return {
        "name": "tensorflow-serving",
        "image": args.image,
        "command": ["/usr/bin/tensorflow_model_server"],
        "args": config.arguments(args.model, gpus=settings.gpus, gpu_time_slices=args.gpu_time_slices),
        "ports": [_port(name, number) for name, number in PORTS.items()],
        "resources": pod.resources(settings, models),
        "startup_probe": probe(metadata, period=5, failures=pod.LOAD_SECONDS // 5),
        "liveness_probe": probe(status, period=10, failures=liveness_failures(args.model)),
        "readiness_probe": probe(metadata, period=5, failures=2),
        # It has no end of its own: alone in its container it ignores SIGTERM, and answers until it is killed
        # (https://github.com/tensorflow/serving/issues/1853). So it has all the grace period to answer what came.
        "lifecycle": {"pre_stop": {"sleep": {"seconds": DRAIN_SECONDS}}},
        "volume_mounts": [*pod.mounts(models, read_only=True), files],
        "security_context": restricted.container_security(),
    }


def liveness_failures(model: ModelSettings) -> int:
    """Probes, 10 seconds apart, that a server busy with its slowest requests may miss, and one more; at least 6."""
    return max(6, math.ceil(config.timeout_seconds(model) / 10) + 2)


def probe(path: str, *, period: int, failures: int) -> ProbeArgsDict:
    """An HTTP probe every `period` seconds that gives up after `failures` in a row."""
    return {
        "http_get": {"path": path, "port": pod.PORT_NAME},
        "period_seconds": period,
        "timeout_seconds": 5,
        "failure_threshold": failures,
    }


def _port(name: str, number: int) -> ContainerPortArgsDict:
    return {"name": name, "container_port": number}
