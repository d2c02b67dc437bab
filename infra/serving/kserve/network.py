"""Who may talk to the pods that KServe makes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from pulumi_kubernetes.networking.v1 import NetworkPolicyEgressRuleArgsDict, NetworkPolicySpecArgsDict

from inference_app.contract import PORT
from infra.namespaces.network import peer, to_dns, to_peer
from infra.serving import network_policy
from infra.serving.guard import NetworkArgs, network_spec
from infra.serving.kserve.inference_service import PREDICTOR, TRANSFORMER, labels
from infra.settings.kserve import DeploymentMode, KServeSettings

KNATIVE_PORTS = (8012, 9090)
"""Where Knative's proxy beside the server takes requests, and where its autoscaler reads how many there are
(https://github.com/knative/serving/blob/main/pkg/networking/constants.go)."""


def specs(entry: NetworkArgs, kserve: KServeSettings) -> Mapping[str, NetworkPolicySpecArgsDict]:
    """A policy for each component's pods: clients reach those of `entry`, and a predictor behind them they alone."""
    if not kserve.transformer:
        return {PREDICTOR: network_spec(_through_knative(entry, kserve))}
    namespace, front = entry.settings.namespace, network_spec(entry)
    ways = cast("Sequence[NetworkPolicyEgressRuleArgsDict]", front.get("egress", ()))
    ask = to_peer(peer(namespace, labels(PREDICTOR)), PORT)
    transformers = peer(namespace, labels(TRANSFORMER))
    return {
        TRANSFORMER: {**front, "egress": [*(ways or [to_dns()]), ask]},
        PREDICTOR: network_policy.spec(labels(PREDICTOR), [PORT], [transformers], ways),
    }


def _through_knative(entry: NetworkArgs, kserve: KServeSettings) -> NetworkArgs:
    if kserve.deployment_mode is not DeploymentMode.KNATIVE:
        return entry
    namespaces = (*entry.settings.client_namespaces, *kserve.knative_namespaces)
    settings = entry.settings.model_copy(update={"client_namespaces": namespaces})
    return replace(entry, settings=settings, ports=(*entry.ports, *KNATIVE_PORTS))
