"""The kinds of objects that serve a model, which somebody else may make in the program's place."""

from collections.abc import Sequence
from dataclasses import dataclass

from infra.settings.rollout import Traffic
from infra.settings.runtime import Runtime
from infra.settings.serving import ServingSettings


@dataclass(frozen=True)
class Kind:
    """A kind, as objects and projects of Argo CD call it, and as Kubernetes' rights do."""

    group: str
    kind: str
    resource: str


COMMON = (
    Kind("", "ConfigMap", "configmaps"),
    Kind("", "Service", "services"),
    Kind("autoscaling", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    Kind("keda.sh", "ScaledObject", "scaledobjects"),
)
"""Of both autoscalers, since a stack may change between them."""
PODS = (
    Kind("apps", "Deployment", "deployments"),
    Kind("policy", "PodDisruptionBudget", "poddisruptionbudgets"),
)
INFERENCE_SERVICE = Kind("serving.kserve.io", "InferenceService", "inferenceservices")
ROUTE = Kind("gateway.networking.k8s.io", "HTTPRoute", "httproutes")
OF_MESHES = {
    Traffic.ISTIO: (
        Kind("networking.istio.io", "DestinationRule", "destinationrules"),
        Kind("networking.istio.io", "VirtualService", "virtualservices"),
    ),
    Traffic.LINKERD: (
        Kind("linkerd.io", "ServiceProfile", "serviceprofiles"),
        Kind("policy.linkerd.io", "HTTPRoute", "httproutes"),
    ),
}


def kinds(serving: ServingSettings) -> Sequence[Kind]:
    """Those of which the settings may need an object.

    Nothing that gives rights, opens the network, holds a secret or keeps data is among them: that is the program's.
    """
    pods = [INFERENCE_SERVICE] if serving.runtime is Runtime.KSERVE else PODS
    route = [ROUTE] if serving.gateway else []
    mesh = OF_MESHES.get(serving.rollout.traffic, ()) if serving.rollout else ()
    return [*COMMON, *pods, *route, *mesh]
