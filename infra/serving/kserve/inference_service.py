"""What KServe is told to run: an InferenceService's predictor and transformer.

https://kserve.github.io/website/docs/reference/crd-api
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from inference_app.contract import Env, Route
from infra.serving import pod
from infra.serving.camel_case import camel_case
from infra.serving.deployment import ROLLOUT_SECONDS
from infra.settings.autoscaling import AutoscalingSettings
from infra.settings.kserve import DeploymentMode, KServeSettings, TransformerSettings
from infra.settings.replicas import ROLLOUT_SURGE
from infra.settings.served import ModelSettings
from infra.settings.serving import ServingSettings

APP = "model-server"
"""Name of the InferenceService, and what its objects' names begin with."""

SERVICE_LABEL, COMPONENT_LABEL = "serving.kserve.io/inferenceservice", "component"
PREDICTOR, TRANSFORMER = "predictor", "transformer"
CONTAINER = "kserve-container"
"""What KServe calls the container that answers (`InferenceServiceContainerName` in
https://github.com/kserve/kserve/blob/v0.20.0/pkg/constants/constants.go)."""

KNATIVE_PORT_NAME = "http1"
NOT_KNATIVES = ("terminationGracePeriodSeconds",)
"""Fields of a pod that Knative keeps to itself (`PodSpecMask` in
https://github.com/knative/serving/blob/main/pkg/apis/serving/fieldmask.go)."""

OWN_CONTAINERS = ("containers", "initContainers", "volumes")

BATCH = 32
"""Most examples in a call of a built-in runtime where the settings name no number."""

ROLLING = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": ROLLOUT_SURGE, "maxUnavailable": 0}}


@dataclass(frozen=True, kw_only=True)
class ServiceArgs:
    """`predictor` and `transformer` are the pods of the stack's image; the second is None where there is none.

    `pod_labels` and `annotations` are those of all pods.
    """

    model: ModelSettings
    settings: ServingSettings
    predictor: pod.PodArgs
    transformer: pod.PodArgs | None = None
    pod_labels: Mapping[str, str] = field(default_factory=dict[str, str])
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def kserve(self) -> KServeSettings:
        """The block's settings, or the defaults."""
        return self.settings.kserve or KServeSettings()


def object_name(component: str) -> str:
    """Name of a component's Deployment and Service (`PredictorServiceName` in KServe's constants)."""
    return f"{APP}-{component}"


def labels(component: str) -> Mapping[str, str]:
    """What KServe labels a component's pods with, and no others."""
    return {SERVICE_LABEL: APP, COMPONENT_LABEL: component}


def annotations(args: ServiceArgs) -> dict[str, str]:
    """What KServe makes of the InferenceService, and that an `up` waits until it is ready.

    https://www.pulumi.com/registry/packages/kubernetes/installation-configuration/#resource-annotations
    """
    mode = args.kserve.deployment_mode
    found = {"serving.kserve.io/deploymentMode": mode.value, "pulumi.com/waitFor": "condition=Ready"}
    if mode is not DeploymentMode.KNATIVE:
        return found
    if args.settings.autoscaling.requests_per_second:
        delay = f"{args.settings.autoscaling.scale_down_seconds}s"
        return found | {"autoscaling.knative.dev/scale-down-delay": delay}
    return found | {"autoscaling.knative.dev/class": "hpa.autoscaling.knative.dev"}


def spec(args: ServiceArgs) -> dict[str, Any]:
    """The InferenceService's."""
    found = {PREDICTOR: predictor_spec(args)}
    if args.transformer and args.kserve.transformer:
        found[TRANSFORMER] = transformer_spec(args, args.transformer, args.kserve.transformer)
    return found


def predictor_spec(args: ServiceArgs) -> dict[str, Any]:
    """The pods that run the model: the stack's image as it is, or a runtime of KServe's own."""
    made = camel_case(pod.spec(args.predictor))
    if args.kserve.built_in_runtime:
        runs = built_in(args.model, args.kserve.built_in_runtime, made)
    elif args.kserve.deployment_mode is DeploymentMode.KNATIVE:
        runs = knative_pod(made)
    else:
        runs = own_pod(made, behind=args.transformer is not None)
    return {
        **_scaled(args),
        "labels": dict(args.pod_labels),
        "annotations": {**args.annotations, **_scaler(args.kserve.deployment_mode)},
        **runs,
    }


def transformer_spec(args: ServiceArgs, made: pod.PodArgs, settings: TransformerSettings) -> dict[str, Any]:
    """The pods of the stack's image that ask the predictor; KServe adds the predictor's host to the arguments."""
    runs = camel_case(pod.spec(made))
    container = _server(runs) | {
        "command": ["python", "-m", "inference_app.transformer"],
        "args": ["--model_name", args.model.name],
        # It waits for the predictor, and that for a node.
        "startupProbe": camel_case(pod.probe(Route.READY, period=5, failures=ROLLOUT_SECONDS // 5)),
    }
    return {
        "minReplicas": settings.min,
        "maxReplicas": settings.max,
        "scaleMetric": "cpu",
        "scaleTarget": args.settings.autoscaling.cpu_utilisation,
        "deploymentStrategy": ROLLING,
        "labels": dict(args.pod_labels),
        "annotations": {"serving.kserve.io/autoscalerClass": "hpa"},
        **runs,
        "containers": [container],
    }


def own_pod(made: dict[str, Any], *, behind: bool) -> dict[str, Any]:
    """The server's pod under the names that KServe knows; `behind` a transformer, that asks clients for their keys."""
    keys = {"env": [{"name": Env.API_KEYS.value, "value": ""}]} if behind else {}
    return made | {"containers": [_server(made) | keys]}


def knative_pod(made: dict[str, Any]) -> dict[str, Any]:
    """The server's pod as far as Knative takes it, with one port under a name that it knows, and probes of that."""
    container = _server(made)
    number = container["ports"][0]["containerPort"]
    container["ports"] = [{"name": KNATIVE_PORT_NAME, "containerPort": number}]
    for name in ("startupProbe", "livenessProbe", "readinessProbe"):
        container[name]["httpGet"]["port"] = number
    return {key: value for key, value in made.items() if key not in NOT_KNATIVES} | {"containers": [container]}


def built_in(model: ModelSettings, runtime: str, made: dict[str, Any]) -> dict[str, Any]:
    """A runtime's pod where the server's would run; the runtime brings the container, KServe's pull the models.

    Triton's repositories look as ours do: a folder for each model, with one for each version
    (https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/model_repository.html).
    Raises ValueError where the models are in no object store.
    """
    if model.source is None or model.source.url is None:
        raise ValueError("a built-in runtime has its models from an object store")
    server = _server(made)
    return {key: value for key, value in made.items() if key not in OWN_CONTAINERS} | {
        "model": {
            "modelFormat": {"name": "onnx"},
            "runtime": runtime,
            "protocolVersion": "v2",
            "storageUri": model.source.url,
            # By default it takes 4 examples at a time and refuses larger requests.
            "args": [f"--backend-config=default-max-batch-size={batch(model)}"],
            "resources": server["resources"],
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }
    }


def batch(model: ModelSettings) -> int:
    """Most examples in a call of a built-in runtime."""
    return model.batching.max_size or BATCH


def rate_or_cpu(settings: AutoscalingSettings) -> tuple[str, int]:
    """What Knative's autoscalers follow, and how much of it each replica may have: requests per second, or percent."""
    if settings.requests_per_second:
        return "rps", max(1, round(settings.requests_per_second.target))
    return "cpu", settings.cpu_utilisation


def environment(
    model: ModelSettings, settings: ServingSettings, latency_target_ms: float | None = None
) -> dict[str, str]:
    """What a server is told, and how large batches are for a built-in runtime behind it."""
    own = pod.environment(model, settings, latency_target_ms)
    is_behind = settings.kserve and settings.kserve.built_in_runtime
    return own | {Env.MAX_BATCH_SIZE.value: str(batch(model))} if is_behind else own


def _scaled(args: ServiceArgs) -> dict[str, Any]:
    """Bounds of the replicas, and in Knative what their number follows; else the stack's autoscaler sees to it."""
    bounds = args.settings.replicas
    scaled: dict[str, Any] = {"minReplicas": bounds.min, "maxReplicas": bounds.max}
    if args.kserve.deployment_mode is not DeploymentMode.KNATIVE:
        return scaled | {"deploymentStrategy": ROLLING}
    metric, target = rate_or_cpu(args.settings.autoscaling)
    return scaled | {
        "scaleMetric": metric,
        "scaleTarget": target,
        "canaryTrafficPercent": args.kserve.canary_traffic_percent,
    }


def _scaler(mode: DeploymentMode) -> dict[str, str]:
    """With Deployments the autoscaler is the stack's own, which KServe's lacks the settings of."""
    return {} if mode is DeploymentMode.KNATIVE else {"serving.kserve.io/autoscalerClass": "external"}


def _server(made: dict[str, Any]) -> dict[str, Any]:
    (container,) = made["containers"]
    return container | {"name": CONTAINER}
