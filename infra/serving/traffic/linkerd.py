"""Shares out by Linkerd's proxies: https://linkerd.io/2/reference/httproute/."""

from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from inference_app.contract import GRPC_PORT, Route
from infra.serving.service import HTTP_PORT
from infra.serving.track import APP, Track
from infra.serving.traffic.gateway_api import GRPC_SERVICE
from infra.serving.traffic.split import Split

RETRIES = {"retry.linkerd.io/http": "502,503", "retry.linkerd.io/limit": "1"}
"""Annotations of a route: once more where a pod was gone or not ready.

A prediction changes nothing, so that asking twice is safe. 429 and 504 speak of too much load, which a retry would add
to (https://linkerd.io/2/reference/retries/).
"""

BUDGET: dict[str, Any] = {"retryRatio": 0.1, "minRetriesPerSecond": 5, "ttl": "10s"}
"""Of a profile: a tenth of the requests, or five a second, on top (https://linkerd.io/2/reference/service-profiles/)."""

PREDICTIONS = {
    "predict": rf"{Route.PREDICT}(/.*)?",
    "infer": rf"{Route.V2}/models/.*/infer",
    "invocations": Route.INVOCATIONS,
    "grpc-infer": rf"/{GRPC_SERVICE.replace('.', '[.]')}/ModelInfer",
}
"""Regular expressions of paths that ask a model, by the name that their metrics have."""


def share_out(component: str, split: Split, opts: pulumi.ResourceOptions) -> None:
    """A route for each port of the service, and a profile for each track."""
    _route(component, split, HTTP_PORT, APP, opts)
    if split.settings.grpc:
        _route(f"{component}-grpc", split, GRPC_PORT, f"{APP}-grpc", opts)
    for track in split.tracks:
        _profile(component, split, track, opts)


def _route(
    name: str, split: Split, port: int, object_name: str, opts: pulumi.ResourceOptions
) -> kubernetes.apiextensions.CustomResource:
    return kubernetes.apiextensions.CustomResource(
        name,
        api_version="policy.linkerd.io/v1beta3",
        kind="HTTPRoute",
        metadata=split.metadata(object_name) | {"annotations": RETRIES},
        spec=route_spec(split, port),
        opts=opts,
    )


def route_spec(split: Split, port: int) -> dict[str, Any]:
    """One port of the service, to every track's Service by its weight."""
    return {
        "parentRefs": [{"group": "core", "kind": "Service", "name": APP, "port": port}],
        "rules": [
            {
                "backendRefs": [
                    {"name": track.object_name, "port": port, "weight": track.weight} for track in split.tracks
                ]
            }
        ],
    }


def _profile(
    component: str, split: Split, track: Track, opts: pulumi.ResourceOptions
) -> kubernetes.apiextensions.CustomResource:
    return kubernetes.apiextensions.CustomResource(
        track.logical_name(component),
        api_version="linkerd.io/v1alpha2",
        kind="ServiceProfile",
        metadata=split.metadata(split.host(track.object_name)),
        spec=profile_spec(split),
        opts=opts,
    )


def profile_spec(split: Split) -> dict[str, Any]:
    """Metrics and retries by path for whoever asks one track by the name of its Service.

    The service that is split has none: proxies prefer a profile to a route, and would forget the weights
    (https://linkerd.io/2/reference/httproute/#parentreference).
    """
    asked = {name: path for name, path in PREDICTIONS.items() if split.settings.grpc or not name.startswith("grpc")}
    return {
        "routes": [
            {"name": name, "condition": {"method": "POST", "pathRegex": path}, "isRetryable": True}
            for name, path in asked.items()
        ],
        "retryBudget": BUDGET,
    }
