"""Shares out by a Gateway's HTTPRoute: https://gateway-api.sigs.k8s.io/guides/traffic-splitting/."""

from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from inference_app.contract import GRPC_PORT, Route
from infra.serving.service import HTTP_PORT
from infra.serving.traffic.parent import Parent
from infra.serving.traffic.split import Split

PREFIXES = (Route.PREDICT, Route.INVOCATIONS, f"{Route.V2}/models", f"{Route.V2}/health")
EXACT = (Route.V2,)
"""Paths that ask a model or about it; metrics and what changes the server are not for clients of a gateway."""

# A route's conditions are below the gateway that they are of; RFC 9535's `match` needs no sign that an annotation has.
ACCEPTED = "jsonpath={.status.parents[0].conditions[?match(@.type, 'Accepted')].status}=True"

GRPC_SERVICE = "inference.GRPCInferenceService"
GRPC_METHODS = ("ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata", "ModelInfer")


def share_out(
    name: str, split: Split, parent: Parent, opts: pulumi.ResourceOptions
) -> kubernetes.apiextensions.CustomResource:
    """The one route, for HTTP and gRPC alike."""
    return kubernetes.apiextensions.CustomResource(
        name,
        api_version="gateway.networking.k8s.io/v1",
        kind="HTTPRoute",
        metadata=split.metadata() | {"annotations": {"pulumi.com/waitFor": ACCEPTED}},
        spec=route_spec(split, parent),
        opts=opts,
    )


def route_spec(split: Split, parent: Parent) -> dict[str, Any]:
    """Each path that clients may ask, to every track by its weight.

    gRPC goes by paths too: of an HTTPRoute and a GRPCRoute for one host name a gateway takes only the older
    (https://gateway-api.sigs.k8s.io/reference/api-types/grpcroute/#cross-serving).
    """
    grpc = [_exact(f"/{GRPC_SERVICE}/{method}") for method in GRPC_METHODS]
    rules = [_rule(split, [*map(_exact, EXACT), *map(_prefix, PREFIXES)], HTTP_PORT)]
    return parent.route([*rules, _rule(split, grpc, GRPC_PORT)] if split.settings.grpc else rules)


def _rule(split: Split, paths: list[dict[str, str]], port: int) -> dict[str, Any]:
    return {
        "matches": [{"path": path} for path in paths],
        "backendRefs": [{"name": track.object_name, "port": port, "weight": track.weight} for track in split.tracks],
    }


def _exact(path: str) -> dict[str, str]:
    return {"type": "Exact", "value": path}


def _prefix(path: str) -> dict[str, str]:
    return {"type": "PathPrefix", "value": path}
